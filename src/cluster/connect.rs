//! From flags and kubeconfig to a client. No request is sent.

use std::sync::Arc;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::cli::GlobalArgs;
use crate::cluster::credential::Credential;
use crate::cluster::{Cluster, transport};
use crate::credentials::{ExposeSecret, Source};
use crate::error::{Error, Kind};

/// Builds the client of a run.
pub(crate) async fn connect(args: &GlobalArgs) -> Result<Cluster, Error> {
    let (source, notes) = args.credentials.read()?;
    let mut config = config(args, &source).await?;
    if let Some(proxy) = args.credentials.proxy()? {
        config.proxy_url = Some(proxy);
    }
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
    let credential = Credential::of(&config, &source, notes);
    let client = transport::client(config).map_err(|error| explain(&error))?;
    Ok(Cluster::new(client, namespace, args.request_timeout, Arc::new(credential)))
}

/// Finds server and credential.
async fn config(args: &GlobalArgs, source: &Source) -> Result<Config, Error> {
    let options = KubeConfigOptions { context: args.context.clone(), cluster: None, user: None };
    let kubeconfig = match (source, &args.kubeconfig) {
        (Source::InCluster, _) => {
            return Config::incluster().map_err(|error| {
                let text = format!("reading the ServiceAccount of this pod: {}", chain(&error));
                Error::new(Kind::Cluster, text).next("kubectl explain pod.spec.automountServiceAccountToken")
            });
        }
        (Source::Access(access), _) => Some(access.kubeconfig("given", "default")),
        (Source::Kubeconfig(text), _) => Some(text.clone()),
        (Source::Ambient, Some(path)) => {
            let read = Kubeconfig::read_from(path).map_err(|error| explain(&error))?;
            return Config::from_custom_kubeconfig(read, &options).await.map_err(|error| explain(&error));
        }
        (Source::Ambient, None) => None,
    };
    match kubeconfig {
        Some(text) => {
            let read = Kubeconfig::from_yaml(text.expose_secret()).map_err(|error| explain(&error))?;
            Config::from_custom_kubeconfig(read, &options).await.map_err(|error| explain(&error))
        }
        None => match Config::from_kubeconfig(&options).await {
            // In a pod there is no kubeconfig; a context that was named must exist, though.
            Err(error) if args.context.is_none() => Config::incluster().map_err(|_| explain(&error)),
            read => read.map_err(|error| explain(&error)),
        },
    }
}

/// Names the contexts of the kubeconfig.
pub(crate) fn contexts(args: &GlobalArgs) -> Result<Vec<String>, Error> {
    let read = args.kubeconfig.as_ref().map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    Ok(read.map_err(|error| explain(&error))?.contexts.into_iter().map(|context| context.name).collect())
}

fn explain(error: &dyn std::error::Error) -> Error {
    Error::new(Kind::Cluster, format!("reading the kubeconfig: {}", chain(error)))
        .next("kubectl config get-contexts")
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
