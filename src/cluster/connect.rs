//! From flags, kubeconfig and environment to a client. No request is sent.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::Config;
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::cluster::bearer::Bearer;
use crate::cluster::credential::{self, Credential};
use crate::cluster::program::Program;
use crate::cluster::{Cluster, kubeconfig, transport, trust};
use crate::credentials::{ExposeSecret, Identity, Secret, Source};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::kubeconfig::{
    Blob, Choice, Fault, Kubeconfig, Login, Picked, Proxy, ProxyVariables, certificates, data,
};

/// What a pod has of its ServiceAccount.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How to come to a server.
struct Way {
    config: Config,
    /// The namespace, and where it stands if it is no flag.
    namespace: (String, String),
    bearer: Option<Bearer>,
    /// The proxy that the kubeconfig names.
    proxy: Option<Proxy>,
    identity: Identity,
    origin: String,
    notes: Vec<String>,
}

/// Builds the client of a run.
pub(crate) async fn connect(args: &GlobalArgs) -> Result<Cluster, Error> {
    let (source, notes) = args.credentials.read()?;
    let mut way = way(args, &source).await?;
    way.notes.extend(notes);
    let proxy = match (args.credentials.proxy()?, way.proxy.take()) {
        (Some(given), _) => Proxy::of(&given.to_string()).ok(),
        (None, Some(proxy)) => Some(proxy),
        (None, None) => from_environment(&args.environment, &way.config.cluster_url)?,
    };
    way.notes.extend(proxy.as_ref().map(|proxy| format!("through the proxy {proxy}")));
    let config = &mut way.config;
    // A watch on a connection that died silently would otherwise wait for ever; the server ends one after 90 s.
    config.read_timeout = Some(std::time::Duration::from_secs(100));
    config.reset_reader_on_write = true;
    config.connect_timeout = Some(std::time::Duration::from_secs(10));
    if args.impersonate.is_some() {
        config.auth_info.impersonate.clone_from(&args.impersonate);
        config.auth_info.impersonate_groups =
            (!args.impersonate_groups.is_empty()).then(|| args.impersonate_groups.clone());
    }
    let (namespace, place) = match &args.namespace {
        Some(namespace) => (namespace.clone(), String::new()),
        None => (way.namespace.0.clone(), format!("{}: ", way.namespace.1)),
    };
    if namespace.is_empty()
        || namespace.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
    {
        return Err(Error::usage(format!("{place}'{namespace}' cannot be the name of a namespace"))
            .next("kubectl get namespaces"));
    }
    let credential = Credential::of(&way.config, way.identity, way.origin.clone(), way.notes);
    let client = transport::client(way.config, way.bearer, proxy.as_ref()).map_err(|error| {
        let why = format!("{}: client certificate and key: {}", way.origin, chain(&error));
        Error::new(Kind::Cluster, why).next("kubectl config view --minify")
    })?;
    Ok(Cluster::new(client, namespace, args.request_timeout, Arc::new(credential)))
}

/// Finds server and credential.
async fn way(args: &GlobalArgs, source: &Source) -> Result<Way, Error> {
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
            let mut way = chosen(*choice, source, &args.environment).await?;
            match source {
                Source::Access(_) => way.origin = "server, cert and token that were given".into(),
                Source::Ambient | Source::InCluster | Source::Kubeconfig(_) => {}
            }
            Ok(way)
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

/// Whether we run in a pod that has a ServiceAccount (`inClusterClientConfig.Possible`).
fn is_pod(environment: &Environment) -> bool {
    let set = |name: &str| environment.get(name).is_some();
    set("KUBERNETES_SERVICE_HOST")
        && set("KUBERNETES_SERVICE_PORT")
        && Path::new(ACCOUNT).join("token").is_file()
}

/// The namespace of the pod that we run in.
fn namespace_of_pod(environment: &Environment) -> String {
    let file = || std::fs::read_to_string(Path::new(ACCOUNT).join("namespace")).ok();
    let found = environment.get("POD_NAMESPACE").map(str::to_owned).or_else(file).unwrap_or_default();
    let found = found.trim();
    if found.is_empty() { "default".into() } else { found.to_owned() }
}

fn in_cluster(environment: &Environment) -> Result<Way, Error> {
    let failed = |why: String| {
        Error::new(Kind::Cluster, format!("reading the ServiceAccount of this pod: {why}"))
            .next("kubectl explain pod.spec.automountServiceAccountToken")
    };
    let mut config = Config::incluster().map_err(|error| failed(chain(&error)))?;
    let token = Path::new(ACCOUNT).join("token");
    let identity = credential::of_token(&std::fs::read_to_string(&token).unwrap_or_default());
    let bearer = Bearer::file(token, None).map_err(|error| failed(error.message))?;
    config.auth_info = kube::config::AuthInfo::default();
    Ok(Way {
        config,
        namespace: (namespace_of_pod(environment), "the ServiceAccount of this pod".into()),
        bearer: Some(bearer),
        proxy: None,
        identity,
        origin: "the ServiceAccount of this pod".into(),
        notes: Vec::new(),
    })
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

/// Makes a way of what a kubeconfig says.
async fn chosen(choice: Choice, source: &Source, environment: &Environment) -> Result<Way, Error> {
    let mut config = Config::new(choice.server.clone());
    let mut notes = choice.notes;
    let cluster = &choice.cluster;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify;
    config.root_cert = authorities(&choice.cluster_origin, &choice.cluster_name, cluster)?;
    config.tls_server_name.clone_from(&cluster.tls_server_name);
    if let Some(name) = &cluster.tls_server_name
        && rustls::pki_types::ServerName::try_from(name.as_str()).is_err()
    {
        let what = format!("cluster {}: tls-server-name {name} is no name of a server", choice.cluster_name);
        return Err(Error::new(Kind::Cluster, format!("{}: {what}", choice.cluster_origin))
            .next(format!("kubectl config set-cluster {} --tls-server-name=NAME", choice.cluster_name)));
    }
    let user = &choice.user;
    let auth = &mut config.auth_info;
    if user.impersonate.is_some() {
        auth.impersonate.clone_from(&user.impersonate);
        auth.impersonate_uid.clone_from(&user.as_uid);
        auth.impersonate_groups = (!user.as_groups.is_empty()).then(|| user.as_groups.clone());
        let extra = user.as_user_extra.clone();
        auth.impersonate_user_extra = (!extra.is_empty()).then(|| extra.into_iter().collect());
    }
    let wrong = |field: &str, why: &str| {
        let text = format!("{}: user {}: {field} {why}", choice.user_origin, choice.user_name);
        Error::new(Kind::Cluster, text).next("kubectl config view --minify")
    };
    let mut certificate = None;
    if let Some(pair) = user.pair(&choice.user_origin, &choice.user_name).map_err(Fault::into_error)? {
        let read = |field: &str, blob: &Blob| bytes(blob).map_err(|why| wrong(&named(field, blob), &why));
        let pem = read("client-certificate", &pair.certificate)?;
        let key = read("client-key", &pair.key)?;
        certificate = certificates(&pem).into_iter().next();
        if certificate.is_none() {
            return Err(wrong(
                &named("client-certificate", &pair.certificate),
                "holds no certificate in PEM",
            ));
        }
        auth.client_certificate_data = Some(BASE64_STANDARD.encode(pem));
        auth.client_key_data = Some(Secret::from(BASE64_STANDARD.encode(key)));
    }
    if let Some(fault) = choice.login.expired(&choice.user_origin, &choice.user_name, jiff::Timestamp::now())
    {
        return Err(fault.into_error());
    }
    let mut identity = credential::of_certificate(certificate.as_deref());
    let bearer = match choice.login {
        Login::Nobody(why) => {
            if matches!(identity, Identity::Nobody(_)) {
                identity = Identity::Nobody(why);
            }
            None
        }
        Login::Token(token) => {
            identity = credential::of_token(token.expose_secret());
            Some(Bearer::token(&token)?)
        }
        Login::Provider(name, token, renews) => {
            identity = credential::of_token(token.expose_secret());
            let how = if renews { "kubectl renews it, this tool does not" } else { "nobody renews it" };
            notes.push(format!("the token is that of the auth-provider {name}: {how}"));
            Some(Bearer::token(&token)?)
        }
        Login::File(path, fallback) => {
            let text = std::fs::read_to_string(&path).ok();
            let text = text.or_else(|| Some(fallback.as_ref()?.expose_secret().to_owned()));
            identity = credential::of_token(&text.unwrap_or_default());
            let bearer = Bearer::file(path, fallback.as_ref());
            Some(bearer.map_err(|error| Error {
                message: format!("{}: user {}: {}", choice.user_origin, choice.user_name, error.message),
                ..error
            })?)
        }
        Login::Password(name, password) => {
            identity = Identity::Password;
            Some(Bearer::password(&name, &password)?)
        }
        Login::Program(exec, mode) => {
            identity = Identity::Program(exec.command.clone().unwrap_or_default());
            let told = told_of(&choice.server, cluster, config.root_cert.as_ref());
            let program =
                Program::new(*exec, mode, told, choice.user_origin.clone(), choice.user_name.clone());
            let brought = program.run().await?;
            if let Some((certificate, key)) = &brought.pair {
                let auth = &mut config.auth_info;
                auth.client_certificate_data = Some(BASE64_STANDARD.encode(certificate));
                auth.client_key_data = Some(Secret::from(BASE64_STANDARD.encode(key.expose_secret())));
            }
            brought.token.as_ref().map(|token| Bearer::program(program, token, brought.ends)).transpose()?
        }
    };
    let namespace = match choice.namespace {
        Some(namespace) => namespace,
        // kubectl in a pod works in the pod's namespace, kubeconfig or not.
        None if matches!(source, Source::Ambient) && is_pod(environment) => namespace_of_pod(environment),
        None => "default".into(),
    };
    Ok(Way {
        config,
        namespace: (namespace, format!("{}: context {}", choice.origin, choice.context)),
        bearer,
        proxy: choice.proxy,
        identity,
        origin: choice.user_origin.to_string(),
        notes,
    })
}

/// Reads the CAs that a cluster is trusted by; `None` for those of the system.
fn authorities(
    origin: &crate::kubeconfig::Origin,
    name: &str,
    cluster: &crate::kubeconfig::Cluster,
) -> Result<Option<Vec<Vec<u8>>>, Error> {
    let file = cluster.certificate_authority.as_ref().map(|path| Blob::File(path.into()));
    let data = cluster.certificate_authority_data.as_deref();
    let Some(blob) = file.or_else(|| data.map(|data| Blob::Base64(Secret::from(data)))) else {
        return Ok(None);
    };
    let wrong = |why: &str| {
        let field = named("certificate-authority", &blob);
        Error::new(Kind::Cluster, format!("{origin}: cluster {name}: {field} {why}"))
            .next(format!("kubectl config set-cluster {name} --certificate-authority=FILE --embed-certs"))
    };
    let anchors = trust::anchors(certificates(&bytes(&blob).map_err(|why| wrong(&why))?));
    if anchors.is_empty() {
        return Err(wrong("holds no certificate in PEM (kubectl: unable to load root certificates)"));
    }
    Ok(Some(anchors))
}

fn bytes(blob: &Blob) -> Result<Vec<u8>, String> {
    match blob {
        Blob::File(path) => std::fs::read(path).map_err(|error| format!("cannot be read: {error}")),
        Blob::Base64(text) => data(text),
    }
}

/// Names a field, and the file that it names.
fn named(field: &str, blob: &Blob) -> String {
    match blob {
        Blob::File(path) => format!("{field} {}", path.display()),
        Blob::Base64(_) => format!("{field}-data"),
    }
}

/// What a program is told of the cluster (`ConfigToExecCluster` in `rest/exec.go` of kubernetes/client-go).
fn told_of(
    server: &http::Uri,
    cluster: &crate::kubeconfig::Cluster,
    authorities: Option<&Vec<Vec<u8>>>,
) -> serde_json::Value {
    let mut told = json!({"server": server.to_string().trim_end_matches('/')});
    let extension = cluster.extensions.iter().find(|one| one.name == "client.authentication.k8s.io/exec");
    let members = [
        ("tls-server-name", cluster.tls_server_name.as_deref().map(Into::into)),
        ("insecure-skip-tls-verify", cluster.insecure_skip_tls_verify.then(|| true.into())),
        (
            "certificate-authority-data",
            authorities.map(|all| BASE64_STANDARD.encode(crate::credentials::to_pem(all)).into()),
        ),
        ("proxy-url", cluster.proxy_url.as_deref().map(Into::into)),
        ("disable-compression", cluster.disable_compression.then(|| true.into())),
        ("config", extension.map(|one| one.extension.clone())),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            told[name] = value;
        }
    }
    told
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
