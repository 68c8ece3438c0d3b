//! What `bootstrap` made, for people.

use serde_json::Value;

use crate::ci_account::{Granted, Issued, sentence};
use crate::cli::OutputFormat;
use crate::credentials::{ExposeSecret, Secret};
use crate::error::Error;
use crate::model::command;
use crate::output::safe::safe;
use crate::output::{Output, table, to_stderr, to_stdout};

impl Output {
    /// Writes what was made of an account; to stderr if stdout is for something else.
    pub(crate) fn granted(&self, granted: &Granted, aside: bool) -> Result<(), Error> {
        match self.format {
            _ if aside => {
                to_stderr(&lines(granted));
                Ok(())
            }
            OutputFormat::Human => to_stdout(&lines(granted)),
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif => self.document(granted),
        }
    }

    /// Writes tokens: a table, or an array.
    pub(crate) fn tokens(&self, tokens: &[Issued]) -> Result<(), Error> {
        match self.format {
            OutputFormat::Human => to_stdout(&table::tokens(tokens)),
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif => self.document(tokens),
        }
    }

    /// Writes objects as one YAML stream, as `kubectl apply -f -` takes it.
    pub(crate) fn manifests(&self, objects: &[Value]) -> Result<(), Error> {
        if self.format == OutputFormat::Json {
            return self.document(&serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects}));
        }
        let yaml = |object: &Value| serde_saphyr::to_string(object).unwrap_or_default().trim_end().to_owned();
        to_stdout(&objects.iter().map(yaml).collect::<Vec<_>>().join("\n---\n"))
    }

    /// Writes a credential, because the user asked to see it.
    pub(crate) fn credential(&self, text: &Secret) -> Result<(), Error> {
        self.finish();
        to_stdout(text.expose_secret().trim_end())
    }
}

pub(super) fn lines(granted: &Granted) -> String {
    let mut lines = vec![format!("account    {}", granted.user)];
    for rule in granted.rules.iter().flatten() {
        lines.push(format!("  may {}", sentence(rule)));
    }
    if let Some(token) = &granted.token {
        let until = granted.expires.as_ref().map_or("for ever".into(), |expires| format!("until {expires}"));
        lines.push(format!("token      secret/{token}, valid {until}"));
    }
    if !granted.proof.denied.is_empty() {
        let allowed = match granted.proof.allowed {
            0 => "the server takes it".into(),
            count => format!("{count} rights are there"),
        };
        lines.push(format!("proven     {allowed}; denied: {}", granted.proof.denied.join("; ")));
    }
    if !granted.delivered.is_empty() {
        lines.push(format!("delivered  {}", granted.delivered.join(", ")));
    }
    if !granted.revoked.is_empty() {
        lines.push(format!("revoked    {}", granted.revoked.join(", ")));
    }
    if granted.token.is_some() {
        let command = |verb: &str| command(verb, &granted.account, &granted.namespace);
        lines.push(format!("rotate     {} --deliver ...", command("bootstrap rotate")));
        lines.push(format!("revoke     {}", command("bootstrap revoke")));
    }
    lines.iter().map(|line| safe(line)).collect::<Vec<_>>().join("\n")
}
