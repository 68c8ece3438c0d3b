//! From flags and kubeconfig to a client. No request is sent.

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::cli::GlobalArgs;
use crate::cluster::{Cluster, transport};
use crate::error::{Error, Kind};

/// Builds the client of a run.
pub(crate) async fn connect(args: &GlobalArgs) -> Result<Cluster, Error> {
    let options = KubeConfigOptions { context: args.context.clone(), cluster: None, user: None };
    let explain = |error: &dyn std::error::Error| {
        let mut error = Error::new(Kind::Cluster, format!("reading the kubeconfig: {}", chain(error)));
        error = error.next("kubectl config get-contexts");
        error
    };
    let kubeconfig = match &args.kubeconfig {
        Some(path) => Some(Kubeconfig::read_from(path).map_err(|error| explain(&error))?),
        None => None,
    };
    let mut config = match kubeconfig {
        Some(kubeconfig) => {
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| explain(&e))?
        }
        None => match Config::from_kubeconfig(&options).await {
            Ok(config) => config,
            // In a pod there is no kubeconfig; a context that was named must exist, though.
            Err(error) if args.context.is_none() => Config::incluster().map_err(|_| explain(&error))?,
            Err(error) => return Err(explain(&error)),
        },
    };
    // Retries are decided per verb in `call`; a write must not be repeated blindly.
    config.default_retry = false;
    // A watch on a connection that died silently would otherwise wait for ever; the server ends one after 90 s.
    config.read_timeout = Some(std::time::Duration::from_secs(100));
    config.reset_reader_on_write = true;
    config.connect_timeout = Some(std::time::Duration::from_secs(10));
    if args.impersonate.is_some() {
        config.auth_info.impersonate.clone_from(&args.impersonate);
        config.auth_info.impersonate_groups =
            (!args.impersonate_groups.is_empty()).then(|| args.impersonate_groups.clone());
    }
    let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    if namespace.is_empty()
        || namespace.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
    {
        return Err(Error::usage(format!("'{namespace}' cannot be the name of a namespace")));
    }
    let client = transport::client(config).map_err(|error| explain(&error))?;
    Ok(Cluster::new(client, namespace, args.request_timeout))
}

/// Joins an error with its causes: kube's own text often stops at "client error (Connect)".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
