//! Which cluster, user and namespace a command is for (`DirectClientConfig` in `tools/clientcmd/client_config.go` of
//! kubernetes/client-go).

use super::file::{Cluster, User};
use super::merge::{Kubeconfig, Origin, Placed};
use super::{Fault, Login, Proxy};

/// What a kubeconfig says.
pub enum Picked {
    /// No server, and why not: in a pod its ServiceAccount is used then.
    Nothing(Fault),
    /// This one.
    Chosen(Box<Choice>),
}

/// A server, and who we are there.
pub struct Choice {
    /// The name of the context.
    pub context: String,
    /// Where the context stands.
    pub origin: Origin,
    /// The namespace of the context.
    pub namespace: Option<String>,
    /// Where the cluster stands.
    pub cluster_origin: Origin,
    /// The name of the cluster.
    pub cluster_name: String,
    /// The cluster.
    pub cluster: Cluster,
    /// The address of the server.
    pub server: http::Uri,
    /// The proxy that the cluster names.
    pub proxy: Option<Proxy>,
    /// Where the user stands.
    pub user_origin: Origin,
    /// The name of the user, empty where the context names none.
    pub user_name: String,
    /// What we come with.
    pub login: Login,
    /// Whom we act as, and the client certificate.
    pub user: User,
    /// What to know although it is no error.
    pub notes: Vec<String>,
}

impl Kubeconfig {
    /// Chooses the context of that name, or the current one.
    ///
    /// # Errors
    /// What is wrong with what was chosen.
    pub fn pick(&self, name: Option<&str>) -> Result<Picked, Fault> {
        let name = name.filter(|name| !name.is_empty());
        let chosen = match (name, &self.current_context) {
            (Some(name), _) => Placed { origin: self.place(), value: name.to_owned() },
            (None, Some(current)) => current.clone(),
            (None, None) => return Ok(Picked::Nothing(self.nothing())),
        };
        let Some(context) = self.contexts.get(&chosen.value) else {
            let said = format!("context was not found for specified context: {}", chosen.value);
            let what = match name {
                Some(name) => format!("there is no context {name}{}", self.of_contexts()),
                None => {
                    format!("current-context is {}, which is not there{}", chosen.value, self.of_contexts())
                }
            };
            return Err(Fault::new(&chosen.origin, what, "kubectl config get-contexts").kubectl(said));
        };
        let context_name = chosen.value;
        let no_server = |origin: &Origin, what: String, next: String| {
            let said = "The connection to the server localhost:8080 was refused";
            Ok(Picked::Nothing(Fault::new(origin, what, next).kubectl(said)))
        };
        let Some(cluster_name) = context.value.cluster.clone() else {
            let what = format!("context {context_name}: cluster is not set");
            let next = format!("kubectl config set-context {context_name} --cluster=NAME");
            return no_server(&context.origin, what, next);
        };
        let Some(cluster) = self.clusters.get(&cluster_name) else {
            let what = format!("context {context_name}: there is no cluster {cluster_name}");
            return no_server(&context.origin, what, "kubectl config get-clusters".into());
        };
        let Some(server) = &cluster.value.server else {
            let what = format!("cluster {cluster_name}: server is not set");
            let next = format!("kubectl config set-cluster {cluster_name} --server=https://HOST:6443");
            return no_server(&cluster.origin, what, next);
        };
        let server = address(&cluster.origin, &cluster_name, server)?;
        let proxy = proxy(&cluster.origin, &cluster_name, &cluster.value)?;
        trust(&cluster.origin, &cluster_name, &cluster.value)?;
        let user_name = context.value.user.clone().unwrap_or_default();
        let user = self.users.get(&user_name);
        let user_origin = user.map_or(&context.origin, |user| &user.origin).clone();
        let mut choice = Choice {
            origin: context.origin.clone(),
            namespace: context.value.namespace.clone(),
            cluster_origin: cluster.origin.clone(),
            cluster: cluster.value.clone(),
            login: Login::Nobody(None),
            user: User::default(),
            context: context_name,
            cluster_name,
            server,
            proxy,
            user_origin,
            user_name,
            notes: Vec::new(),
        };
        if let Some(user) = user {
            choice.login = Login::of(&user.origin, &choice.user_name, &user.value)?;
            choice.user = user.value.clone();
        } else {
            // client-go goes on without a credential.
            let (context, user) = (&choice.context, &choice.user_name);
            let none =
                if user.is_empty() { "it names no user".into() } else { format!("there is no user {user}") };
            choice.login = Login::Nobody(Some(format!("context {context}: {none}")));
        }
        // The address of what was given is judged where it is read: there http:// is for this machine alone.
        let is_judged = matches!(choice.cluster_origin, Origin::Given(_));
        if choice.server.scheme_str() == Some("http") && !is_judged && choice.login.is_somebody(&choice.user)
        {
            // `IsConfigTransportTLS` in `rest/config.go`.
            let why = format!(
                "the credential of user {} is not sent over http://, as with kubectl",
                choice.user_name
            );
            choice.login = Login::Nobody(Some(why.clone()));
            choice.user.client_certificate = None;
            choice.user.client_certificate_data = None;
            choice.notes.push(why);
        }
        Ok(Picked::Chosen(Box::new(choice)))
    }

    /// There is no context at all.
    fn nothing(&self) -> Fault {
        let place = self.place();
        let what = match &place {
            Origin::Nowhere(missing) if missing.is_empty() => {
                "neither $KUBECONFIG nor a home directory names a file".into()
            }
            Origin::Nowhere(missing) => {
                let paths: Vec<String> = missing.iter().map(|path| path.display().to_string()).collect();
                format!("there is no file {}", paths.join(" and no "))
            }
            Origin::File(_) | Origin::Explicit(_) | Origin::Given(_) => {
                format!("current-context is not set{}", self.of_contexts())
            }
        };
        let next = match &place {
            Origin::Nowhere(_) => "export KUBECONFIG=FILE",
            Origin::File(_) | Origin::Explicit(_) | Origin::Given(_) => "kubectl config use-context NAME",
        };
        Fault::new(&place, what, next).kubectl("The connection to the server localhost:8080 was refused")
    }

    fn of_contexts(&self) -> String {
        let names = self.contexts();
        if names.is_empty() {
            " (it has no context)".into()
        } else {
            format!(" (there is {})", names.join(", "))
        }
    }
}

fn address(origin: &Origin, name: &str, text: &str) -> Result<http::Uri, Fault> {
    let fault = |why: &str| {
        let what = format!("cluster {name}: server {why}");
        let next = format!("kubectl config set-cluster {name} --server=https://HOST:6443");
        Fault::new(origin, what, next)
    };
    let text = text.trim().split(['?', '#']).next().unwrap_or_default();
    if !text.contains("://") {
        // client-go takes it for http:// and sends no credential.
        return Err(fault("has neither https:// nor http://")
            .kubectl("Client sent an HTTP request to an HTTPS server"));
    }
    let uri: http::Uri = text.parse().map_err(|_| fault("is no address"))?;
    let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
    if !is_web || uri.host().is_none_or(str::is_empty) {
        return Err(fault("is no address of a web server"));
    }
    Ok(uri)
}

fn proxy(origin: &Origin, name: &str, cluster: &Cluster) -> Result<Option<Proxy>, Fault> {
    let Some(text) = &cluster.proxy_url else { return Ok(None) };
    Proxy::of(text).map(Some).map_err(|why| {
        let next = format!("kubectl config set-cluster {name} --proxy-url=http://HOST:PORT");
        Fault::new(origin, format!("cluster {name}: proxy-url {why}"), next)
            .kubectl(format!("invalid 'proxy-url' for cluster \"{name}\""))
    })
}

/// What client-go refuses about the trust in a server (`validateClusterInfo` and `TLSConfigFor`).
fn trust(origin: &Origin, name: &str, cluster: &Cluster) -> Result<(), Fault> {
    let (file, data) =
        (cluster.certificate_authority.is_some(), cluster.certificate_authority_data.is_some());
    if file && data {
        let what =
            format!("cluster {name}: certificate-authority and certificate-authority-data are both set");
        let next = format!("kubectl config unset clusters.{name}.certificate-authority");
        return Err(Fault::new(origin, what, next).kubectl(format!(
            "certificate-authority-data and certificate-authority are both specified for {name}"
        )));
    }
    if cluster.insecure_skip_tls_verify && (file || data) {
        let field = if file { "certificate-authority" } else { "certificate-authority-data" };
        let what = format!("cluster {name}: {field} and insecure-skip-tls-verify are both set");
        let next = format!("kubectl config set-cluster {name} --insecure-skip-tls-verify=false");
        return Err(Fault::new(origin, what, next)
            .kubectl("specifying a root certificates file with the insecure flag is not allowed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::merge::tests::merged;
    use super::*;

    const CONTEXT: &str =
        "current-context: shop\ncontexts:\n- {name: shop, context: {cluster: c, user: me, namespace: ''}}\n";

    fn with(cluster: &str, user: &str) -> Kubeconfig {
        merged(&[&format!(
            "{CONTEXT}clusters:\n- {{name: c, cluster: {{{cluster}}}}}\nusers:\n- {{name: me, user: {{{user}}}}}\n"
        )])
    }

    fn chosen(all: &Kubeconfig) -> Choice {
        match all.pick(None).unwrap_or_else(|fault| panic!("{fault:?}")) {
            Picked::Chosen(choice) => *choice,
            Picked::Nothing(fault) => panic!("{fault:?}"),
        }
    }

    fn wrong(all: &Kubeconfig, name: Option<&str>) -> Fault {
        match all.pick(name) {
            Err(fault) => fault,
            Ok(Picked::Nothing(_)) => panic!("nothing"),
            Ok(Picked::Chosen(_)) => panic!("chosen"),
        }
    }

    fn nothing(all: &Kubeconfig) -> String {
        match all.pick(None) {
            Ok(Picked::Nothing(fault)) => fault.into_error().message,
            Err(fault) => panic!("{fault:?}"),
            Ok(Picked::Chosen(_)) => panic!("chosen"),
        }
    }

    #[test]
    fn an_empty_namespace_is_not_set() {
        let choice = chosen(&with("server: 'https://a:1/x?y=z'", "token: t"));
        assert_eq!(choice.namespace, None);
        assert_eq!(choice.server.to_string(), "https://a:1/x");
        assert_eq!(choice.context, "shop");
    }

    #[test]
    fn a_context_that_is_not_there_is_named() {
        let all = with("server: 'https://a'", "");
        let error = wrong(&all, Some("prod")).into_error();
        assert_eq!(
            error.message,
            "kubeconfig /home/me/1/config: there is no context prod (there is shop) (kubectl: context was not found for specified context: prod)"
        );
        let error = wrong(&merged(&["{}", "current-context: prod\n"]), None).into_error();
        assert_eq!(
            error.message,
            "kubeconfig /home/me/2/config: current-context is prod, which is not there (it has no context) (kubectl: context was not found for specified context: prod)"
        );
    }

    #[test]
    fn where_no_server_is_named_it_says_why() {
        insta::assert_snapshot!(nothing(&with("server: ''", "")), @"kubeconfig /home/me/1/config: cluster c: server is not set (kubectl: The connection to the server localhost:8080 was refused)");
        let said = nothing(&merged(&[CONTEXT]));
        insta::assert_snapshot!(said, @"kubeconfig /home/me/1/config: context shop: there is no cluster c (kubectl: The connection to the server localhost:8080 was refused)");
        let empty = "current-context: a\ncontexts:\n- {name: a, context: {cluster: '', user: ''}}\n";
        insta::assert_snapshot!(nothing(&merged(&[empty])), @"kubeconfig /home/me/1/config: context a: cluster is not set (kubectl: The connection to the server localhost:8080 was refused)");
        let said = nothing(&merged(&["contexts:\n- {name: a, context: {cluster: c}}\n"]));
        insta::assert_snapshot!(said, @"kubeconfig /home/me/1/config: current-context is not set (there is a) (kubectl: The connection to the server localhost:8080 was refused)");
        let mut none = Kubeconfig::default();
        none.skip("/a".into());
        none.skip("/b".into());
        insta::assert_snapshot!(nothing(&none), @"kubeconfig: there is no file /a and no /b (kubectl: The connection to the server localhost:8080 was refused)");
    }

    #[test]
    fn a_user_that_is_missing_is_no_credential() {
        let all =
            merged(&[&format!("{CONTEXT}clusters:\n- {{name: c, cluster: {{server: 'https://a'}}}}\n")]);
        let Login::Nobody(Some(why)) = chosen(&all).login else { panic!("somebody") };
        assert_eq!(why, "context shop: there is no user me");
    }

    #[test]
    fn what_client_go_refuses_of_a_cluster() {
        for (cluster, what) in [
            ("server: 'a:6443'", "cluster c: server has neither https:// nor http://"),
            ("server: 'ftp://a'", "cluster c: server is no address of a web server"),
            (
                "server: 'https://a', certificate-authority: x, certificate-authority-data: eA==",
                "cluster c: certificate-authority and certificate-authority-data are both set",
            ),
            (
                "server: 'https://a', insecure-skip-tls-verify: true, certificate-authority: x",
                "cluster c: certificate-authority and insecure-skip-tls-verify are both set",
            ),
            (
                "server: 'https://a', proxy-url: 'ftp://p'",
                "cluster c: proxy-url must begin with http://, https:// or socks5://",
            ),
        ] {
            let fault = wrong(&with(cluster, ""), None);
            assert_eq!(fault.what, what, "{cluster}");
        }
    }

    #[test]
    fn no_credential_is_sent_in_clear() {
        let choice = chosen(&with("server: 'http://10.0.0.1:8080'", "token: t"));
        let why = "the credential of user me is not sent over http://, as with kubectl";
        assert!(matches!(choice.login, Login::Nobody(Some(said)) if said == why));
        assert_eq!(choice.notes, [why]);
        assert!(chosen(&with("server: 'http://10.0.0.1:8080'", "")).notes.is_empty());
    }
}
