//! Credentials that come as values: the settings of a CI step, and the variables that deliveries write.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use x509_cert::der::pem;

use super::address::address;
use super::{ExposeSecret, Secret, certificates, kubeconfig, trust, variables};
use crate::error::Error;

/// A value and the name that its user knows it by.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `token`, `KUBERNETES_TOKEN`.
    pub name: String,
    /// What was pasted.
    pub value: Secret,
}

impl Setting {
    /// A value under a name.
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: Secret::from(value) }
    }
}

/// All that may be given. What is empty counts as not given, because CI systems withhold a secret so.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The address of the API server.
    pub server: Option<Setting>,
    /// Its CA. Without, the CAs of the system are trusted; verification is never left out.
    pub cert: Option<Setting>,
    /// The bearer token.
    pub token: Option<Setting>,
    /// A whole kubeconfig instead.
    pub kubeconfig: Option<Setting>,
    /// The name that the server's certificate has instead of the address.
    pub tls_server_name: Option<String>,
    /// The ServiceAccount of the pod that we run in.
    pub in_cluster: bool,
    /// The proxy on the way to the API server; it may have a password in it.
    pub proxy_url: Option<Setting>,
}

/// Server, CA and token, read.
#[derive(Clone, Debug)]
pub struct Access {
    /// The address, with `https://`, and with a path if it has one.
    pub server: String,
    /// The CAs in DER; `None` for those of the system.
    pub authorities: Option<Vec<Vec<u8>>>,
    /// The bearer token.
    pub token: Secret,
    /// The name that the server's certificate has instead of the address.
    pub tls_server_name: Option<String>,
}

/// Where the credential comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// As `kubectl` finds it: a kubeconfig file, or the ServiceAccount of the pod.
    Ambient,
    /// The ServiceAccount of the pod, and nothing else.
    InCluster,
    /// A kubeconfig that was given as text.
    Kubeconfig(Secret),
    /// Server, CA and token that were given.
    Access(Access),
}

impl Access {
    /// Writes it as a kubeconfig with one context.
    pub fn kubeconfig(&self, name: &str, namespace: &str) -> Secret {
        let authorities = self.authorities.as_ref().map(|all| BASE64_STANDARD.encode(to_pem(all)));
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": present([
                ("server", Some(self.server.as_str())),
                ("certificate-authority-data", authorities.as_deref()),
                ("tls-server-name", self.tls_server_name.as_deref()),
            ])}],
            "users": [{"name": name, "user": {"token": self.token.expose_secret()}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
            "current-context": name,
        });
        Secret::from(serde_saphyr::to_string(&config).unwrap_or_default())
    }
}

/// Writes a kubeconfig with the ServiceAccount of a pod, whose files are in this folder.
pub fn pod_kubeconfig(host: &str, port: &str, files: &str, namespace: &str) -> Secret {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let context = present([
        ("cluster", Some("pod")),
        ("user", Some("pod")),
        ("namespace", Some(namespace).filter(|namespace| !namespace.is_empty())),
    ]);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "pod", "cluster": {
            "server": format!("https://{host}:{port}"),
            "certificate-authority": format!("{files}/ca.crt"),
        }}],
        "users": [{"name": "pod", "user": {"tokenFile": format!("{files}/token")}}],
        "contexts": [{"name": "pod", "context": context}],
        "current-context": "pod",
    });
    Secret::from(config.to_string())
}

/// Writes certificates in DER as PEM.
pub fn to_pem(certificates: &[Vec<u8>]) -> String {
    let pem = |der: &Vec<u8>| pem::encode_string("CERTIFICATE", pem::LineEnding::LF, der).unwrap_or_default();
    certificates.iter().map(pem).collect()
}

fn present<const N: usize>(members: [(&str, Option<&str>); N]) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))).collect()
}

impl Credentials {
    /// Gives just this.
    pub fn of_access(access: &Access) -> Self {
        Self {
            server: Some(Setting::new("server", &access.server)),
            cert: access.authorities.as_ref().map(|all| Setting::new("cert", &to_pem(all))),
            token: Some(Setting::new("token", access.token.expose_secret())),
            tls_server_name: access.tls_server_name.clone(),
            ..Self::default()
        }
    }

    /// Takes the variables that CI systems and `bootstrap --deliver dotenv=` know.
    pub fn of_environment(environment: &crate::environment::Environment) -> Self {
        let setting = |name: &str| environment.get(name).map(|value| Setting::new(name, value));
        Self {
            server: setting(variables::SERVER),
            cert: setting(variables::CERT),
            token: setting(variables::TOKEN),
            ..Self::default()
        }
    }

    /// Returns the proxy on the way to the API server.
    ///
    /// # Errors
    /// Names the setting, and not its value.
    pub fn proxy(&self) -> Result<Option<http::Uri>, Error> {
        let Some(setting) = &self.proxy_url else { return Ok(None) };
        let text = setting.value.expose_secret().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let uri = text.parse::<http::Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
        uri.map(Some).ok_or_else(|| {
            Error::usage(format!("{} is no address of an HTTP proxy", setting.name)).next("http://HOST:PORT")
        })
    }

    /// Reads what was given, whatever its form. The texts are notes about forms: "cert: base64 twice".
    ///
    /// # Errors
    /// Names the setting, and says what it looks like instead; never a word of its value.
    pub fn read(&self) -> Result<(Source, Vec<String>), Error> {
        let given = |setting: &Option<Setting>| {
            setting.clone().filter(|setting| !setting.value.expose_secret().trim().is_empty())
        };
        let (server, cert, token, config) =
            (given(&self.server), given(&self.cert), given(&self.token), given(&self.kubeconfig));
        let mut notes = Vec::new();
        if let Some(setting) = config {
            if let Some(other) = server.or(token) {
                let both = format!(
                    "{} and {} are both given: they may be of two clusters",
                    setting.name, other.name
                );
                return Err(Error::usage(both).next(format!("leave {} out", other.name)));
            }
            let text = note(&mut notes, &setting, kubeconfig)?;
            return Ok((Source::Kubeconfig(trust::checked(&setting.name, &text)?), notes));
        }
        let (server, bearer) = match (server, token) {
            (Some(server), Some(token)) => (server, token),
            (None, None) if self.in_cluster => return Ok((Source::InCluster, notes)),
            (None, None) => return Ok((Source::Ambient, notes)),
            (Some(server), None) => return Err(half(&server, self.token.as_ref(), "token")),
            (None, Some(token)) => return Err(half(&token, self.server.as_ref(), "server")),
        };
        let access = Access {
            server: address(&server.name, server.value.expose_secret())?,
            authorities: cert.map(|cert| note(&mut notes, &cert, certificates)).transpose()?,
            token: Secret::from(note(&mut notes, &bearer, super::token)?),
            tls_server_name: self.tls_server_name.clone(),
        };
        Ok((Source::Access(access), notes))
    }
}

/// Reads one setting, and notes the form that it had.
fn note<T>(
    notes: &mut Vec<String>,
    setting: &Setting,
    read: impl Fn(&str) -> Result<super::Read<T>, String>,
) -> Result<T, Error> {
    let read = read(setting.value.expose_secret())
        .map_err(|why| Error::usage(format!("{} cannot be read: {why}", setting.name)))?;
    notes.extend(read.form.map(|form| format!("{}: {form}, which is fine", setting.name)));
    Ok(read.value)
}

/// One of two was given.
fn half(given: &Setting, missing: Option<&Setting>, word: &str) -> Error {
    let name = missing.map_or(word, |setting| &setting.name);
    let how = if missing.is_some() { "empty" } else { "not set" };
    Error::usage(format!("{} is given, and {name} is {how}", given.name))
        .next("give both, or neither to use a kubeconfig or the ServiceAccount of the pod")
        .next("an empty one may be a secret that the CI system withholds from pull requests, or has under another name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::certificate::tests::CA;
    use crate::credentials::claims::tests::jwt;

    fn given(server: &str, cert: &str, token: &str) -> Credentials {
        let setting = |name: &str, value: &str| Some(Setting::new(name, value));
        Credentials {
            server: setting("server", server),
            cert: setting("cert", cert),
            token: setting("KUBERNETES_TOKEN", token),
            ..Credentials::default()
        }
    }

    fn access(given: &Credentials) -> Access {
        match given.read().unwrap().0 {
            Source::Access(access) => access,
            other => panic!("{other:?}"),
        }
    }

    fn fails(given: &Credentials) -> String {
        given.read().unwrap_err().message
    }

    #[test]
    fn three_values_are_a_credential() {
        let token = jwt(&json!({"sub": "a"}));
        let read = access(&given("https://10.0.0.1:6443/k8s/clusters/c-1/\n", CA, &format!("{token}\n")));
        assert_eq!(read.server, "https://10.0.0.1:6443/k8s/clusters/c-1");
        assert_eq!(read.token.expose_secret(), token);
        assert_eq!(read.authorities.map(|all| all.len()), Some(1));
        assert_eq!(access(&given("api.example.org", "", &token)).server, "https://api.example.org");
        assert!(access(&given("api.example.org", " \n", &token)).authorities.is_none(), "the system's own");
    }

    #[test]
    fn a_proxy_is_an_address_and_is_not_printed() {
        let through = |url: &str| Credentials {
            proxy_url: Some(Setting::new("proxy_url", url)),
            ..Credentials::default()
        };
        let read = through(" http://user:geheim@proxy:3128\n").proxy().unwrap().unwrap();
        assert_eq!((read.host(), read.port_u16()), (Some("proxy"), Some(3128)));
        assert!(Credentials::default().proxy().unwrap().is_none());
        assert!(through(" ").proxy().unwrap().is_none());
        for wrong in ["proxy:3128", "socks5://geheim@proxy", "https://proxy"] {
            let error = through(wrong).proxy().unwrap_err();
            assert!(
                error.message.starts_with("proxy_url is no address") && !error.message.contains("geheim")
            );
        }
    }

    #[test]
    fn a_kubeconfig_says_the_same() {
        let token = jwt(&json!({"sub": "a"}));
        let access = access(&given("https://10.0.0.1:6443", CA, &token));
        let text = access.kubeconfig("ci", "shop");
        let config: Value = serde_saphyr::from_str(text.expose_secret()).unwrap();
        assert_eq!(config["users"][0]["user"]["token"], token);
        let cluster = &config["clusters"][0]["cluster"];
        let authority = cluster["certificate-authority-data"].as_str().unwrap();
        assert_eq!(certificates(authority).unwrap().value, access.authorities.unwrap());
        assert_eq!(
            (cluster["server"].as_str(), cluster.get("tls-server-name")),
            (Some("https://10.0.0.1:6443"), None)
        );
        assert_eq!(config["contexts"][0]["context"]["namespace"], "shop");
    }

    #[test]
    fn empty_is_not_given() {
        assert!(matches!(given("", "", " \n").read().unwrap().0, Source::Ambient));
        let inside = Credentials { in_cluster: true, ..given("", "", "") };
        assert!(matches!(inside.read().unwrap().0, Source::InCluster));
        assert_eq!(fails(&given("https://a", "", "")), "server is given, and KUBERNETES_TOKEN is empty");
        assert_eq!(fails(&given("", "", "t")), "KUBERNETES_TOKEN is given, and server is empty");
        let none = Credentials { token: None, ..given("https://a", "", "") };
        assert_eq!(fails(&none), "server is given, and token is not set");
    }

    #[test]
    fn a_kubeconfig_stands_alone() {
        let setting = Some(Setting::new("kubeconfig", "clusters: []\n"));
        let alone = Credentials { kubeconfig: setting.clone(), ..Credentials::default() };
        assert!(matches!(alone.read().unwrap().0, Source::Kubeconfig(_)));
        let both = Credentials { kubeconfig: setting, ..given("https://a", "", "t") };
        assert_eq!(fails(&both), "kubeconfig and server are both given: they may be of two clusters");
    }

    #[test]
    fn addresses_are_safe() {
        for server in ["http://10.0.0.1", "ftp://a", "https://", "https://a:b@c", "https://a?b=c", "a b"] {
            assert!(
                fails(&given(server, "", "t")).starts_with("server is no address of an API server: "),
                "{server}"
            );
        }
        assert_eq!(access(&given("http://127.0.0.1:8001", "", "t")).server, "http://127.0.0.1:8001");
    }

    #[test]
    fn errors_and_debug_show_no_value() {
        let secret = "hush hush hush";
        let wrong = given("https://a", secret, secret);
        assert!(!fails(&wrong).contains("hush"), "{}", fails(&wrong));
        assert_eq!(
            fails(&wrong),
            "cert cannot be read: it is no certificate: it looks like neither that nor base64 of it"
        );
        assert!(!format!("{wrong:?} {:?}", given("https://a", "", "hush").read()).contains("hush"));
    }

    #[test]
    fn forms_are_noted() {
        let twice = BASE64_STANDARD.encode(BASE64_STANDARD.encode(CA));
        let (_, notes) = given("https://a", &twice, &jwt(&json!({}))).read().unwrap();
        assert_eq!(notes, ["cert: base64 twice, which is fine"]);
    }
}
