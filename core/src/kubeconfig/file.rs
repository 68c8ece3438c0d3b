//! The fields of one kubeconfig (`tools/clientcmd/api/v1/types.go` of kubernetes/client-go). What is null or empty is not
//! set, as in Go.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, options};

/// One file.
#[derive(Default, Deserialize)]
pub struct File {
    #[serde(default, deserialize_with = "text")]
    pub(super) kind: Option<String>,
    #[serde(default, deserialize_with = "text", rename = "apiVersion")]
    pub(super) api_version: Option<String>,
    #[serde(default, deserialize_with = "text", rename = "current-context")]
    pub(super) current_context: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) clusters: Vec<Named<Cluster>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) users: Vec<Named<User>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) contexts: Vec<Named<Context>>,
}

/// An entry of one of the lists.
#[derive(Deserialize)]
#[serde(bound = "T: Default + Deserialize<'de>")]
pub(super) struct Named<T> {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_default", alias = "cluster", alias = "user", alias = "context")]
    pub(super) value: T,
}

/// How to reach a server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cluster {
    /// The address.
    #[serde(default, deserialize_with = "text")]
    pub server: Option<String>,
    /// The name that the server's certificate has to be of, if not the address's.
    #[serde(default, deserialize_with = "text")]
    pub tls_server_name: Option<String>,
    /// Whether the server's certificate is not checked.
    #[serde(default, deserialize_with = "or_default")]
    pub insecure_skip_tls_verify: bool,
    /// The file of the CAs.
    #[serde(default, deserialize_with = "text")]
    pub certificate_authority: Option<String>,
    /// The CAs, in base64.
    #[serde(default, deserialize_with = "text")]
    pub certificate_authority_data: Option<String>,
    /// The proxy on the way.
    #[serde(default, deserialize_with = "text")]
    pub proxy_url: Option<String>,
    /// Whether answers come uncompressed.
    #[serde(default, deserialize_with = "or_default")]
    pub disable_compression: bool,
    /// What others keep here.
    #[serde(default, deserialize_with = "or_default")]
    pub extensions: Vec<Extension>,
}

/// What others keep in a kubeconfig.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Extension {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default)]
    pub extension: Value,
}

/// Who we are. It has no `Debug`, because it holds secrets.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct User {
    #[serde(default, deserialize_with = "text")]
    pub client_certificate: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub client_certificate_data: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub client_key: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub client_key_data: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub token: Option<String>,
    #[serde(default, deserialize_with = "text", rename = "tokenFile")]
    pub token_file: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub password: Option<String>,
    #[serde(default, deserialize_with = "text", rename = "as")]
    pub impersonate: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub as_uid: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub as_groups: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub as_user_extra: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub auth_provider: Option<Provider>,
    #[serde(default)]
    pub exec: Option<Exec>,
}

/// A provider of the time before programs brought credentials.
#[derive(Clone, Default, Deserialize)]
pub struct Provider {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub config: BTreeMap<String, String>,
}

/// A program that brings a credential.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// The program.
    #[serde(default, deserialize_with = "text")]
    pub command: Option<String>,
    /// Its arguments.
    #[serde(default, deserialize_with = "or_default")]
    pub args: Vec<String>,
    /// Variables that it gets beside ours.
    #[serde(default, deserialize_with = "or_default")]
    pub env: Vec<Variable>,
    /// The version of `client.authentication.k8s.io` that it speaks.
    #[serde(default, deserialize_with = "text")]
    pub api_version: Option<String>,
    /// How to get it, for people.
    #[serde(default, deserialize_with = "text")]
    pub install_hint: Option<String>,
    /// Whether it is told of the cluster.
    #[serde(default, deserialize_with = "or_default")]
    pub provide_cluster_info: bool,
    /// Whether it may ask its user, as written.
    #[serde(default, deserialize_with = "text")]
    pub interactive_mode: Option<String>,
}

/// A variable of the program's environment.
#[derive(Clone, Default, Deserialize)]
pub struct Variable {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub value: String,
}

/// Whether a program may ask its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteractiveMode {
    /// It must not.
    Never,
    /// It may where there is a terminal.
    IfAvailable,
    /// It has to.
    Always,
}

/// Server, user and namespace that belong together.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Context {
    #[serde(default, deserialize_with = "text")]
    pub(super) cluster: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) user: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) namespace: Option<String>,
}

/// Reads one file. Of several documents the first counts, and of a key that is there twice the last, as with kubectl.
///
/// # Errors
/// Where the text is wrong, without a word of it: it may be a secret.
pub fn parse(text: &str) -> Result<File, String> {
    let options = options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    let text = text.trim_start_matches('\u{feff}');
    let read: Result<Vec<File>, _> = serde_saphyr::from_multiple_with_options(text, options);
    let documents = read.map_err(|error| without_values(&error.without_snippet().to_string()))?;
    let file = documents.into_iter().next().unwrap_or_default();
    let kind = file.kind.as_deref().unwrap_or("Config");
    let version = file.api_version.as_deref().unwrap_or("v1");
    if kind != "Config" || version != "v1" {
        return Err(format!("it is a {kind} of {version}, and no kubeconfig"));
    }
    Ok(file)
}

/// Leaves out what stands in quotation marks.
fn without_values(text: &str) -> String {
    let parts = text.split('"').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "\"...\"" }).collect()
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_null_or_empty_is_not_set() {
        let file = parse(
            "current-context: ''\nclusters:\n- name: c\n  cluster: {server: '', tls-server-name: '', certificate-authority-data: null}\n\
             users:\n- name: u\n  user:\n- name: v\n  user: {token: '', exec: null, auth-provider: null, as-groups: null}\ncontexts: null\npreferences: {}\n",
        )
        .ok()
        .unwrap();
        assert_eq!((file.current_context, file.contexts.len()), (None, 0));
        let cluster = &file.clusters[0].value;
        assert_eq!(
            (&cluster.server, &cluster.tls_server_name, &cluster.certificate_authority_data),
            (&None, &None, &None)
        );
        assert!(file.users[1].value.token.is_none() && file.users[1].value.exec.is_none());
        assert!(parse("").is_ok() && parse("# nothing\n").is_ok());
    }

    #[test]
    fn the_first_document_and_the_last_key_count() {
        let file = parse("current-context: a\ncurrent-context: b\n---\ncurrent-context: c\n").ok().unwrap();
        assert_eq!(file.current_context.as_deref(), Some("b"));
    }

    #[test]
    fn an_error_tells_where_and_no_value() {
        let why = parse("users:\n- name: me\n  user: geheim-geheim\n").err().unwrap();
        assert!(why.contains("line 3") && !why.contains("geheim"), "{why}");
        let why = parse("users:\n- name: me\n  user: {token: geheim-geheim\n").err().unwrap();
        assert!(why.contains("line ") && !why.contains("geheim"), "{why}");
        let why = parse("apiVersion: apps/v1\nkind: Deployment\n").err().unwrap();
        assert_eq!(why, "it is a Deployment of apps/v1, and no kubeconfig");
    }
}
