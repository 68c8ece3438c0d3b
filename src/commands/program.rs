//! `kubectl` and `helm` for what we do not do ourselves, without a shell.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::credentials::{ExposeSecret, Given, Source};
use crate::engine::Signals;
use crate::environment::Environment;
use crate::error::{Error, Kind};

/// For how long a program may run if no timeout is set.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long it has to end after it was told to.
const GRACE: Duration = Duration::from_secs(20);

/// What only reads.
const READING: [(&str, &[&str]); 2] = [
    (
        "kubectl",
        &[
            "api-resources",
            "api-versions",
            "auth",
            "cluster-info",
            "describe",
            "diff",
            "events",
            "explain",
            "get",
            "kustomize",
            "logs",
            "top",
            "version",
            "wait",
        ],
    ),
    ("helm", &["get", "history", "lint", "list", "search", "show", "status", "template", "version"]),
];

/// Whether a command line is known to change nothing.
pub(super) fn only_reads(words: &[String]) -> bool {
    let [program, verb, ..] = words else { return false };
    READING.iter().any(|(name, verbs)| name == program && verbs.contains(&verb.as_str()))
}

/// Runs a program with our credentials, and returns its exit code.
///
/// They are in a file that only we can read, and that is gone when the program has ended.
pub(super) async fn run(
    words: &[String],
    credentials: &Given,
    namespace: Option<&str>,
    patience: Option<Duration>,
    environment: &Environment,
) -> Result<u8, Error> {
    let Some((program, arguments)) = words.split_first() else { return Ok(0) };
    let kubeconfig = match credentials.read()?.0 {
        Source::Access(access) => Some(access.kubeconfig("step", namespace.unwrap_or("default"))),
        Source::Kubeconfig(text) => Some(text),
        Source::Ambient | Source::InCluster => None,
    };
    let file = kubeconfig.map(|text| kept(text.expose_secret())).transpose()?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true).env_clear().envs(passed_on(environment));
    if let Some(file) = &file {
        command.env("KUBECONFIG", file.path());
    }
    if let Some(proxy) = credentials.proxy()? {
        command.env("HTTPS_PROXY", proxy.to_string());
    }
    if let Some(namespace) = namespace.filter(|_| !names_one(arguments)) {
        command.arg(format!("--namespace={namespace}"));
    }
    let mut stop = Signals::new()?;
    let mut child = command.args(arguments).spawn().map_err(|error| missing(program, arguments, &error))?;
    let ended = tokio::select! {
        ended = child.wait() => ended,
        () = tokio::time::sleep(patience.unwrap_or(PATIENCE)) => {
            end(&mut child).await;
            return Err(Error::new(Kind::Deadline, format!("{program} was ended: it was not done in time"))
                .next("timeout: 30m"));
        }
        () = stop.received() => {
            end(&mut child).await;
            return Err(Error::new(Kind::Interrupted, format!("{program} was ended by a signal")));
        }
    };
    let status =
        ended.map_err(|error| Error::new(Kind::Infrastructure, format!("wait for {program}: {error}")))?;
    // It was ended by a signal that was not ours.
    Ok(status.code().map_or(1, |code| u8::try_from(code).unwrap_or(1)))
}

/// Writes a kubeconfig where nobody else can read it.
fn kept(text: &str) -> Result<NamedTempFile, Error> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Infrastructure, format!("keep the credentials for a program in a file: {error}"))
    };
    let mut file = NamedTempFile::new().map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(file)
}

/// The environment without settings: they are not the program's, and may hold secrets.
fn passed_on(environment: &Environment) -> impl Iterator<Item = (&String, &String)> {
    let ours = |name: &str| {
        name.starts_with(crate::ci::PREFIX)
            || matches!(name, "KUBERNETES_SERVER" | "KUBERNETES_CERT" | "KUBERNETES_TOKEN")
    };
    environment.variables.iter().filter(move |(name, _)| !ours(name))
}

fn names_one(arguments: &[String]) -> bool {
    let names = |word: &String| word.starts_with("--namespace") || word.starts_with("-n") || word == "-A";
    arguments.iter().any(names)
}

/// Asks a program to end, and ends it if it does not.
async fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        let asked =
            id.is_some_and(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM).is_ok());
        if asked && tokio::time::timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
    }
    child.kill().await.unwrap_or(());
}

fn missing(program: &str, arguments: &[String], error: &std::io::Error) -> Error {
    if error.kind() != std::io::ErrorKind::NotFound {
        return Error::new(Kind::Infrastructure, format!("run {program}: {error}"));
    }
    let verb = arguments.first().map(String::as_str).unwrap_or_default();
    let error = Error::usage(format!("there is no {program} on the PATH to run '{program} {verb} ...'"));
    if program == "kubectl" {
        return error
            .next("without it go: apply, delete, get, scale, set image, wait, and rollout of a Deployment");
    }
    error.next("helm template ... in a step before, and manifests: FILE in this one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        let variables = [
            ("PATH", "/usr/bin:/bin"),
            ("PLUGIN_TOKEN", "geheim"),
            ("KUBERNETES_TOKEN", "geheim"),
            ("A", "1"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Environment { variables, ..Environment::default() }
    }

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn access() -> Given {
        let setting = |name: &str, value: &str| Some(crate::credentials::Setting::new(name, value));
        Given {
            server: setting("server", "https://10.0.0.1"),
            token: setting("token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln"),
            ..Given::default()
        }
    }

    #[tokio::test]
    async fn a_program_gets_a_private_kubeconfig_and_no_setting() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let script =
            format!("stat -c %a $KUBECONFIG >{0}; cat $KUBECONFIG >>{0}; env >>{0}; exit 7", told.display());
        let code = run(&shell(&script), &access(), None, None, &environment()).await;
        assert_eq!(code, Ok(7));
        let told = std::fs::read_to_string(told).unwrap();
        assert!(
            told.starts_with("600\n") && told.contains("https://10.0.0.1") && told.contains("A=1"),
            "{told}"
        );
        assert!(!told.contains("geheim"), "{told}");
        let file = told.lines().find_map(|line| line.strip_prefix("KUBECONFIG=")).unwrap();
        assert!(!std::path::Path::new(file).exists(), "it is gone afterwards");
    }

    #[tokio::test]
    async fn a_program_does_not_run_for_ever_and_one_that_is_missing_is_named() {
        let ended =
            run(&shell("sleep 60"), &access(), None, Some(Duration::from_millis(50)), &environment()).await;
        assert_eq!(ended.unwrap_err().kind, Kind::Deadline);
        let missing = run(&["no-such-helm".to_owned()], &access(), None, None, &environment()).await;
        assert!(missing.unwrap_err().message.contains("no-such-helm on the PATH"));
    }

    #[test]
    fn what_only_reads_is_known() {
        let words = |line: &str| shlex::split(line).unwrap();
        assert!(only_reads(&words("kubectl describe pod a")) && only_reads(&words("helm list")));
        assert!(!only_reads(&words("kubectl delete -f a")) && !only_reads(&words("kubectl -n a get b")));
        assert!(!only_reads(&words("helm")));
    }
}
