//! The ServiceAccount of the pod that we run in.

use std::path::Path;

use kube::Config;

use crate::cluster::bearer::Bearer;
use crate::cluster::connect::chain;
use crate::cluster::connection::Connection;
use crate::cluster::credential;
use crate::cluster::transport::Login;
use crate::environment::Environment;
use crate::error::{Error, Kind};

/// What a pod has of its ServiceAccount.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Whether we run in a pod that has a ServiceAccount (`inClusterClientConfig.Possible`).
pub(super) fn is_pod(environment: &Environment) -> bool {
    has_account(environment, Path::new(ACCOUNT))
}

/// The namespace of the pod that we run in.
pub(super) fn namespace_of_pod(environment: &Environment) -> String {
    namespace(environment, Path::new(ACCOUNT))
}

fn has_account(environment: &Environment, folder: &Path) -> bool {
    let set = |name: &str| environment.get(name).is_some();
    set("KUBERNETES_SERVICE_HOST") && set("KUBERNETES_SERVICE_PORT") && folder.join("token").is_file()
}

fn namespace(environment: &Environment, folder: &Path) -> String {
    let file = || std::fs::read_to_string(folder.join("namespace")).ok();
    let found = environment.get("POD_NAMESPACE").map(str::to_owned).or_else(file).unwrap_or_default();
    let found = found.trim();
    if found.is_empty() { "default".into() } else { found.to_owned() }
}

/// Comes to the server with the ServiceAccount.
pub(super) fn in_cluster(environment: &Environment) -> Result<Connection, Error> {
    let failed = |why: String| {
        Error::new(Kind::Cluster, format!("reading the ServiceAccount of this pod: {why}"))
            .next("kubectl explain pod.spec.automountServiceAccountToken")
    };
    let mut config = Config::incluster().map_err(|error| failed(chain(&error)))?;
    let token = Path::new(ACCOUNT).join("token");
    let identity = credential::of_token(&std::fs::read_to_string(&token).unwrap_or_default());
    let bearer = Bearer::file(token, None).map_err(|error| failed(error.message))?;
    config.auth_info = kube::config::AuthInfo::default();
    Ok(Connection {
        config,
        namespace: (namespace_of_pod(environment), "the ServiceAccount of this pod".into()),
        login: Login { bearer: Some(bearer), certificate: None },
        proxy: None,
        identity,
        origin: "the ServiceAccount of this pod".into(),
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_known_by_variables_and_token() {
        let folder = tempfile::tempdir().unwrap();
        let mut environment = Environment::default();
        let pod = |environment: &Environment| has_account(environment, folder.path());
        std::fs::write(folder.path().join("token"), "t").unwrap();
        assert!(!pod(&environment));
        environment.variables.insert("KUBERNETES_SERVICE_HOST".into(), "10.96.0.1".into());
        environment.variables.insert("KUBERNETES_SERVICE_PORT".into(), String::new());
        assert!(!pod(&environment), "an empty one is not set");
        environment.variables.insert("KUBERNETES_SERVICE_PORT".into(), "443".into());
        assert!(pod(&environment));
        std::fs::remove_file(folder.path().join("token")).unwrap();
        assert!(!pod(&environment));

        assert_eq!(namespace(&environment, folder.path()), "default");
        std::fs::write(folder.path().join("namespace"), "shop\n").unwrap();
        assert_eq!(namespace(&environment, folder.path()), "shop");
        environment.variables.insert("POD_NAMESPACE".into(), "other".into());
        assert_eq!(namespace(&environment, folder.path()), "other");
    }
}
