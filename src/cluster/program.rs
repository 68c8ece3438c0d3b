//! Programs that bring a credential (`plugin/pkg/client/auth/exec` of kubernetes/client-go).

use std::io::{ErrorKind, IsTerminal};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::credentials::Secret;
use crate::error::{Error, Kind};
use crate::kubeconfig::{Exec, InteractiveMode, Origin};

/// For how long a program may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where it may ask its user.
const PATIENCE_WITH_PEOPLE: Duration = Duration::from_secs(300);

/// A program, and whose it is.
pub(crate) struct Program {
    exec: Exec,
    mode: InteractiveMode,
    /// What it is told of the cluster.
    cluster: Value,
    origin: Origin,
    user: String,
}

/// What a program brought.
pub(crate) struct Brought {
    pub(crate) token: Option<Secret>,
    /// A client certificate and its key, in PEM.
    pub(crate) pair: Option<(String, Secret)>,
    pub(crate) ends: Option<Timestamp>,
}

impl Program {
    /// The program of a user. `cluster` is what it is told of the cluster if it wants to know.
    pub(super) fn new(
        exec: Exec,
        mode: InteractiveMode,
        cluster: Value,
        origin: Origin,
        user: String,
    ) -> Self {
        Self { exec, mode, cluster, origin, user }
    }

    /// Says what it did wrong.
    pub(super) fn failed(&self, what: &str) -> Error {
        let name = self.exec.command.as_deref().unwrap_or_default();
        let text = format!("{}: user {}: the program {name} {what}", self.origin, self.user);
        Error::new(Kind::Cluster, text)
    }

    /// Runs it once.
    ///
    /// # Errors
    /// Names program, user and file, and how it is installed.
    pub(super) async fn run(&self) -> Result<Brought, Error> {
        let name = self.exec.command.as_deref().unwrap_or_default();
        let is_terminal = std::io::stdin().is_terminal();
        let interactive = match self.mode {
            InteractiveMode::Never => false,
            InteractiveMode::IfAvailable => is_terminal,
            InteractiveMode::Always if is_terminal => true,
            InteractiveMode::Always => {
                return Err(self
                    .failed("wants to ask its user (exec.interactiveMode is Always), and standard input is not a terminal")
                    .next("kubectl config view --minify"));
            }
        };
        let version = self.exec.api_version.as_deref().unwrap_or_default();
        let mut spec = json!({"interactive": interactive});
        if self.exec.provide_cluster_info {
            spec["cluster"] = self.cluster.clone();
        }
        let info = json!({"kind": "ExecCredential", "apiVersion": version, "spec": spec});
        let mut command = Command::new(name);
        command.args(&self.exec.args).kill_on_drop(true);
        command.envs(self.exec.env.iter().map(|variable| (&variable.name, &variable.value)));
        command.env("KUBERNETES_EXEC_INFO", info.to_string());
        command.stdin(if interactive { Stdio::inherit() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let patience = if interactive { PATIENCE_WITH_PEOPLE } else { PATIENCE };
        let output = async { command.spawn()?.wait_with_output().await };
        let output = match tokio::time::timeout(patience, output).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => return Err(self.absent()),
            Ok(Err(error)) => {
                return Err(self
                    .failed(&format!("cannot be run: {error}"))
                    .next(format!("command -v {name}")));
            }
            Err(_) => {
                let why = format!("brought nothing within {} s", patience.as_secs());
                return Err(self.failed(&why).next(self.by_hand()));
            }
        };
        if !output.status.success() {
            let how = output
                .status
                .code()
                .map_or("was ended by a signal".into(), |code| format!("failed with exit code {code}"));
            return Err(self.failed(&how).next(self.by_hand()));
        }
        brought(&output.stdout, version).map_err(|why| self.failed(&why).next(self.by_hand()))
    }

    /// It is not installed.
    fn absent(&self) -> Error {
        let name = self.exec.command.as_deref().unwrap_or_default();
        let error = self.failed(&format!(
            "brings the credential, and is not there (kubectl: exec: executable {name} not found)"
        ));
        match &self.exec.install_hint {
            Some(hint) => error.next(hint.split_whitespace().collect::<Vec<_>>().join(" ")),
            None => error.next(format!("command -v {name}")),
        }
    }

    /// The command to type to see for oneself.
    fn by_hand(&self) -> String {
        let words = self.exec.command.iter().chain(&self.exec.args).map(String::as_str);
        shlex::try_join(words).unwrap_or_default()
    }
}

/// Reads what a program printed.
///
/// # Errors
/// What is wrong, without a word of it.
fn brought(stdout: &[u8], version: &str) -> Result<Brought, String> {
    let text = String::from_utf8_lossy(stdout);
    // JSON as a rule; client-go reads YAML, too.
    let answer: Value = serde_saphyr::from_str(&text).map_err(|_| "printed what is no ExecCredential")?;
    let has = answer["apiVersion"].as_str().unwrap_or_default();
    if answer["kind"] != "ExecCredential" || has != version {
        return Err(format!(
            "was to print an ExecCredential of {version}, and printed {} of {}",
            answer["kind"].as_str().unwrap_or("something"),
            if has.is_empty() { "no version" } else { has }
        ));
    }
    let set = |field: &str| answer["status"][field].as_str().filter(|text| !text.is_empty());
    let token = set("token").map(Secret::from);
    let pair = match (set("clientCertificateData"), set("clientKeyData")) {
        (Some(certificate), Some(key)) => Some((certificate.to_owned(), Secret::from(key))),
        (None, None) => None,
        _ => return Err("brought only one of certificate and key".into()),
    };
    if token.is_none() && pair.is_none() {
        return Err("brought neither a token nor a certificate with its key".into());
    }
    let ends = match set("expirationTimestamp") {
        Some(time) => {
            Some(time.parse().map_err(|_| "brought a time that cannot be read: status.expirationTimestamp")?)
        }
        None => None,
    };
    Ok(Brought { token, pair, ends })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::ExposeSecret;

    const V1: &str = "client.authentication.k8s.io/v1";

    fn program(fields: &str) -> Program {
        let text = format!("users:\n- {{name: me, user: {{exec: {{apiVersion: {V1}, {fields}}}}}}}\n");
        let all = crate::cluster::kubeconfig::given(&format!(
            "{text}current-context: c\ncontexts:\n- {{name: c, context: {{cluster: c, user: me}}}}\nclusters:\n- {{name: c, cluster: {{server: 'https://a'}}}}\n"
        ));
        let Ok(crate::kubeconfig::Picked::Chosen(choice)) = all.unwrap().pick(None) else {
            panic!("{fields}")
        };
        let crate::kubeconfig::Login::Program(exec, mode) = choice.login else { panic!("{fields}") };
        Program::new(*exec, mode, json!({"server": "https://a"}), Origin::File("/c".into()), "me".into())
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named_with_its_hint() {
        let error =
            program("command: nowhere-auth, interactiveMode: Never, installHint: 'Install it\n  with apt'");
        let error = error.run().await.err().unwrap();
        assert_eq!(
            error.message,
            "kubeconfig /c: user me: the program nowhere-auth brings the credential, and is not there (kubectl: exec: executable nowhere-auth not found)"
        );
        assert_eq!(error.next, ["Install it with apt"]);
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_program_is_told_of_the_cluster_and_its_answer_is_read() {
        // It answers with the server that it was told of.
        let script = r#"server=$(echo "$KUBERNETES_EXEC_INFO" | sed "s/.*server.:.\([^\"]*\).*/\1/"); echo "{apiVersion: client.authentication.k8s.io/v1, kind: ExecCredential, status: {token: '$server $A $1', expirationTimestamp: '2030-01-01T00:00:00Z'}}""#;
        let fields = format!(
            "command: sh, args: [-c, {}, x, arg], interactiveMode: Never, provideClusterInfo: true, env: [{{name: A, value: b}}]",
            json!(script)
        );
        let brought = program(&fields).run().await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(brought.token.unwrap().expose_secret(), "https://a b arg");
        assert_eq!(brought.ends.unwrap().to_string(), "2030-01-01T00:00:00Z");
        let error =
            program("command: sh, args: [-c, exit 3], interactiveMode: Never").run().await.err().unwrap();
        insta::assert_snapshot!(error.message, @"kubeconfig /c: user me: the program sh failed with exit code 3");
        assert_eq!(error.next, ["sh -c 'exit 3'"]);
    }

    #[test]
    fn an_answer_is_judged_and_not_shown() {
        let wrong = |text: &str| brought(text.as_bytes(), V1).err().unwrap();
        assert_eq!(wrong("geheim: ["), "printed what is no ExecCredential");
        assert_eq!(
            wrong(r#"{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1"}"#),
            "was to print an ExecCredential of client.authentication.k8s.io/v1, and printed ExecCredential of client.authentication.k8s.io/v1beta1"
        );
        let with = |status: &str| {
            wrong(&format!(r#"{{"kind": "ExecCredential", "apiVersion": "{V1}", "status": {status}}}"#))
        };
        assert_eq!(with("{}"), "brought neither a token nor a certificate with its key");
        assert_eq!(with(r#"{"clientKeyData": "geheim"}"#), "brought only one of certificate and key");
        assert_eq!(
            with(r#"{"token": "a", "expirationTimestamp": "soon"}"#),
            "brought a time that cannot be read: status.expirationTimestamp"
        );
    }
}
