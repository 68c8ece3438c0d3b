//! From flags, kubeconfig and environment to a client. No request is sent.

use std::sync::Arc;

use crate::cli::GlobalArgs;
use crate::cluster::connection::{Connection, chosen};
use crate::cluster::credential::Credential;
use crate::cluster::pod::{in_cluster, is_pod};
use crate::cluster::{Cluster, kubeconfig, transport};
use crate::credentials::{ExposeSecret, Source};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::kubeconfig::{Fault, Kubeconfig, Picked, Proxy, ProxyVariables};
use crate::world;

/// Builds the client of a run.
pub(crate) async fn connect(args: &GlobalArgs) -> Result<Cluster, Error> {
    let (source, notes) = args.credentials.read()?;
    let given = world::transport();
    let mut connection = match given {
        Some(_) => Connection::given(),
        None => connection(args, &source).await?,
    };
    connection.notes.extend(notes);
    let proxy = match (args.credentials.proxy()?, connection.proxy.take()) {
        (Some(given), _) => Proxy::of(&given.to_string()).ok(),
        (None, Some(proxy)) => Some(proxy),
        (None, None) => from_environment(&args.environment, &connection.config.cluster_url)?,
    };
    connection.notes.extend(proxy.as_ref().map(|proxy| format!("through the proxy {proxy}")));
    let config = &mut connection.config;
    // A watch on a connection that died silently would otherwise wait for ever; the server ends one after 90 s.
    config.read_timeout = Some(std::time::Duration::from_secs(100));
    config.reset_reader_on_write = true;
    config.connect_timeout = Some(std::time::Duration::from_secs(10));
    if args.impersonate.is_some() {
        config.auth_info.impersonate.clone_from(&args.impersonate);
        if !args.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(args.impersonate_groups.clone());
        }
    }
    let (namespace, place) = match &args.namespace {
        Some(namespace) => (namespace.clone(), String::new()),
        None => (connection.namespace.0.clone(), format!("{}: ", connection.namespace.1)),
    };
    if namespace.is_empty()
        || namespace.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
    {
        return Err(Error::usage(format!("{place}'{namespace}' cannot be the name of a namespace"))
            .next("kubectl get namespaces"));
    }
    let credential =
        Credential::of(&connection.config, connection.identity, connection.origin.clone(), connection.notes);
    let client = match given {
        Some(transport) => Ok(kube::Client::new(transport, namespace.clone())),
        None => transport::client(connection.config, connection.login, proxy.as_ref()),
    };
    let client = client.map_err(|error| {
        let why = format!("{}: {}", connection.origin, chain(&error));
        Error::new(Kind::Cluster, why).next("kubectl config view --minify")
    })?;
    Ok(Cluster::new(client, namespace, args.request_timeout(), Arc::new(credential)))
}

/// Finds server and credential.
async fn connection(args: &GlobalArgs, source: &Source) -> Result<Connection, Error> {
    let kubeconfig = match source {
        Source::InCluster => return in_cluster(&args.environment),
        Source::Access(access) => kubeconfig::given(access.kubeconfig("given", "default").expose_secret())?,
        Source::Kubeconfig(text) => {
            let read = kubeconfig::given(text.expose_secret())?;
            if let Some(program) = read.programs().first() {
                let why = format!(
                    "the kubeconfig that was given wants to run the program {program}: it must have a token instead"
                );
                return Err(Error::usage(why).next("kubectl rollout-plus bootstrap --help"));
            }
            read
        }
        Source::Ambient => kubeconfig::ambient(args)?,
    };
    let context = args.context.as_deref();
    match kubeconfig.pick(context).map_err(Fault::into_error)? {
        Picked::Chosen(choice) => {
            let mut connection = chosen(*choice, source, &args.environment).await?;
            match source {
                Source::Access(_) => connection.origin = "server, cert and token that were given".into(),
                Source::Ambient | Source::InCluster | Source::Kubeconfig(_) => {}
            }
            Ok(connection)
        }
        // In a pod there is no kubeconfig. One that cannot be read is an error even there.
        Picked::Nothing(_) if matches!(source, Source::Ambient) && is_pod(&args.environment) => {
            in_cluster(&args.environment)
        }
        Picked::Nothing(fault) => Err(fault.into_error()),
    }
}

/// Names the contexts of the kubeconfig.
pub(crate) fn contexts(args: &GlobalArgs) -> Result<Vec<String>, Error> {
    kubeconfig::ambient(args).map(|kubeconfig: Kubeconfig| kubeconfig.contexts())
}

fn from_environment(environment: &Environment, server: &http::Uri) -> Result<Option<Proxy>, Error> {
    let either = |upper: &str, lower: &str| environment.get(upper).or_else(|| environment.get(lower));
    let variables = ProxyVariables {
        http: either("HTTP_PROXY", "http_proxy"),
        https: either("HTTPS_PROXY", "https_proxy"),
        none: either("NO_PROXY", "no_proxy"),
    };
    variables
        .on_the_way_to(server)
        .map_err(|why| Error::usage(why).next("export HTTPS_PROXY=http://HOST:PORT"))
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
