//! Variables of a GitLab project (docs.gitlab.com, "Project-level CI/CD variables API").

use std::fmt;

use http::Method;
use serde_json::{Value, json};

use super::forms::Variable;
use super::remote::{Call, Endpoint, System, name};
use crate::credentials::ExposeSecret;

/// The variable for all environments, and not one of the same name for one of them.
const FOR_ALL: &str = "filter%5Benvironment_scope%5D=%2A";

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gitlab {
    project: String,
}

impl Gitlab {
    /// Reads `GROUP/PROJECT`, with groups below groups.
    pub(super) fn project(place: &str) -> Result<Self, String> {
        name(place, 2..=20, "gitlab=acme/shop").map(|project| Self { project })
    }

    fn variables(&self) -> String {
        format!("/api/v4/projects/{}/variables", self.project.replace('/', "%2F"))
    }
}

/// Whether GitLab can keep a value out of logs: one line of 8 letters at least, of those that it allows.
fn can_be_masked(value: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=/@:.~-".contains(c);
    value.len() >= 8 && value.chars().all(legal)
}

impl System for Gitlab {
    fn endpoint(&self) -> Endpoint {
        Endpoint {
            server: &["GITLAB_URL", "CI_SERVER_URL"],
            usual: Some("https://gitlab.com"),
            token: &["GITLAB_TOKEN"],
            advice: "an access token with the scope api, of a maintainer of the project",
        }
    }

    /// To list variables takes the right to change them.
    fn question(&self, answers: &[Value]) -> Result<Option<Call>, String> {
        Ok(answers.is_empty().then(|| Call::get(format!("{}?per_page=1", self.variables()))))
    }

    fn put(&self, _answers: &[Value], variable: &Variable) -> Result<Vec<Call>, String> {
        let one = format!("{}/{}?{FOR_ALL}", self.variables(), variable.name);
        let Some(value) = &variable.value else { return Ok(vec![Call::delete(one)]) };
        let value = value.expose_secret();
        let mut body = json!({
            "value": value,
            "protected": true,
            // The address is no secret, and logs are hard to read without it.
            "masked": variable.is_secret && can_be_masked(value),
            "raw": true,
            "variable_type": "env_var",
            "environment_scope": "*",
        });
        let change = Call::send(Method::PUT, one, &body);
        body["key"] = json!(variable.name);
        Ok(vec![change, Call::send(Method::POST, self.variables(), &body)])
    }
}

impl fmt::Display for Gitlab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gitlab={}", self.project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::forms::tests::variable;
    use crate::delivery::remote::tests_support::shown;

    #[test]
    fn a_variable_is_changed_or_made() {
        let gitlab = Gitlab::project("acme/web/shop").unwrap();
        let path = "/api/v4/projects/acme%2Fweb%2Fshop/variables";
        assert_eq!(shown(&gitlab.question(&[]).unwrap().unwrap()), format!("GET {path}?per_page=1"));
        assert!(gitlab.question(&[json!([])]).unwrap().is_none());
        let calls = gitlab.put(&[], &variable("KUBERNETES_TOKEN", Some("hush.hush.hush"))).unwrap();
        let fields = r#""environment_scope":"*","#;
        let rest = r#""masked":true,"protected":true,"raw":true,"value":"hush.hush.hush","variable_type":"env_var"}"#;
        assert_eq!(
            calls.iter().map(shown).collect::<Vec<_>>(),
            [
                format!("PUT {path}/KUBERNETES_TOKEN?filter%5Benvironment_scope%5D=%2A {{{fields}{rest}"),
                format!(r#"POST {path} {{{fields}"key":"KUBERNETES_TOKEN",{rest}"#),
            ]
        );
        let calls = gitlab.put(&[], &variable("KUBERNETES_CERT", None)).unwrap();
        let removed = format!("DELETE {path}/KUBERNETES_CERT?filter%5Benvironment_scope%5D=%2A");
        assert_eq!(shown(&calls[0]), removed);
    }

    #[test]
    fn what_cannot_be_masked_is_not_asked_to_be() {
        assert!(can_be_masked("eyJhbGciOiJSUzI1NiJ9.e30.a-b_c") && can_be_masked("LS0tLS1CRUdJTg=="));
        assert!(
            !can_be_masked("short") && !can_be_masked("two\nlines of text") && !can_be_masked("a b c d e f")
        );
        let gitlab = Gitlab::project("acme/shop").unwrap();
        for (name, value) in
            [("KUBERNETES_SERVER", "https://10.0.0.1:6443"), ("KUBERNETES_TOKEN", "two lines\nx")]
        {
            let calls = gitlab.put(&[], &variable(name, Some(value))).unwrap();
            assert!(calls.iter().all(|call| shown(call).contains(r#""masked":false"#)), "{name}");
        }
    }
}
