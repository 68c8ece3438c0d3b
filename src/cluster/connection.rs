//! What a kubeconfig says, as what a client is made of.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::Config;
use serde_json::{Value, json};

use crate::cluster::bearer::Bearer;
use crate::cluster::pair::{self, Wrong};
use crate::cluster::pod::{is_pod, namespace_of_pod};
use crate::cluster::program::Program;
use crate::cluster::{credential, transport, trust};
use crate::credentials::{ExposeSecret, Identity, Secret, Source, to_pem};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::kubeconfig::{Blob, Choice, Cluster, Fault, Login, Origin, Proxy, certificates, data};
use crate::world;

/// How to come to a server.
pub(super) struct Connection {
    pub(super) config: Config,
    /// The namespace, and where it stands if it is no flag.
    pub(super) namespace: (String, String),
    pub(super) login: transport::Login,
    /// The proxy that the kubeconfig names.
    pub(super) proxy: Option<Proxy>,
    pub(super) identity: Identity,
    pub(super) origin: String,
    pub(super) notes: Vec<String>,
}

impl Connection {
    /// That of whoever was given something that answers requests.
    pub(super) fn given() -> Self {
        Self {
            config: Config::new(http::Uri::from_static("http://given.invalid")),
            namespace: ("default".into(), "the server that was given".into()),
            login: transport::Login::default(),
            proxy: None,
            identity: Identity::Nobody(None),
            origin: "the server that was given".into(),
            notes: Vec::new(),
        }
    }
}

/// Makes a connection of what a kubeconfig says.
pub(super) async fn chosen(
    choice: Choice,
    source: &Source,
    environment: &Environment,
) -> Result<Connection, Error> {
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
    let together = |certificate: &[u8], key: &[u8], names: [&str; 2]| {
        pair::certified(certificate, key).map_err(|why| match why {
            Wrong::Certificate(why) => wrong(names[0], why),
            Wrong::Key(why) => wrong(names[1], why),
        })
    };
    let mut certificate = None;
    if let Some(pair) = user.pair(&choice.user_origin, &choice.user_name).map_err(Fault::into_error)? {
        let read = |field: &str, blob: &Blob| bytes(blob).map_err(|why| wrong(&named(field, blob), &why));
        let pem = read("client-certificate", &pair.certificate)?;
        let key = read("client-key", &pair.key)?;
        let names = [named("client-certificate", &pair.certificate), named("client-key", &pair.key)];
        certificate = Some(together(&pem, &key, [&names[0], &names[1]])?);
    }
    if let Some(fault) = choice.login.expired(&choice.user_origin, &choice.user_name, world::now()) {
        return Err(fault.into_error());
    }
    let first = certificate.as_ref().and_then(|pair| pair.cert.first());
    let mut identity = credential::of_certificate(first.map(AsRef::as_ref));
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
            if let Some((pem, key)) = &brought.pair {
                let names = ["exec: clientCertificateData", "exec: clientKeyData"];
                let pair = together(pem.as_bytes(), key.expose_secret().as_bytes(), names)?;
                certificate = Some(pair);
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
    Ok(Connection {
        config,
        namespace: (namespace, format!("{}: context {}", choice.origin, choice.context)),
        login: transport::Login { bearer, certificate },
        proxy: choice.proxy,
        identity,
        origin: choice.user_origin.to_string(),
        notes,
    })
}

/// Reads the CAs that a cluster is trusted by; `None` for those of the system.
fn authorities(origin: &Origin, name: &str, cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, Error> {
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
fn told_of(server: &http::Uri, cluster: &Cluster, authorities: Option<&Vec<Vec<u8>>>) -> Value {
    let mut told = json!({"server": server.to_string().trim_end_matches('/')});
    let extension = cluster.extensions.iter().find(|one| one.name == "client.authentication.k8s.io/exec");
    let members = [
        ("tls-server-name", cluster.tls_server_name.as_deref().map(Into::into)),
        ("insecure-skip-tls-verify", cluster.insecure_skip_tls_verify.then(|| true.into())),
        ("certificate-authority-data", authorities.map(|all| BASE64_STANDARD.encode(to_pem(all)).into())),
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
