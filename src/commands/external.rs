//! `kubectl` and `helm` for what we do not do ourselves, without a shell.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::credentials::{Credentials, ExposeSecret, Secret, Source, pod_kubeconfig, variables};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::world::Signals;

/// For how long a program may run if no timeout is set.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long it has to end after it was told to.
const GRACE: Duration = Duration::from_secs(20);
/// Where a pod finds what its ServiceAccount has.
const POD_FILES: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Where the lines of our own go, for a program: the same cluster, user and namespace.
pub(super) struct Aim {
    /// Credentials that were given as values; without, the program finds its own.
    kubeconfig: Option<Secret>,
    context: Option<String>,
    namespace: Option<String>,
    proxy: Option<http::Uri>,
}

impl Aim {
    /// Reads the credentials.
    ///
    /// # Errors
    /// As [`Credentials::read`].
    pub(super) fn of(
        credentials: &Credentials,
        context: Option<&str>,
        namespace: Option<&str>,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let kubeconfig = match credentials.read()?.0 {
            Source::Access(access) => Some(access.kubeconfig("step", namespace.unwrap_or("default"))),
            Source::Kubeconfig(text) => Some(text),
            Source::InCluster => Some(of_this_pod(environment)),
            Source::Ambient => None,
        };
        let owned = |text: Option<&str>| text.map(|text| text.trim().to_owned());
        let (context, namespace) = (owned(context), owned(namespace));
        Ok(Self { kubeconfig, context, namespace, proxy: credentials.proxy()? })
    }

    /// Returns the words of a command line with the flags that lead it there; what it says itself counts.
    fn words(&self, words: &[String]) -> Vec<String> {
        let Some((program, arguments)) = words.split_first() else { return Vec::new() };
        // What stands behind '--' is for the program in a container.
        let own: Vec<&String> = arguments.iter().take_while(|word| *word != "--").collect();
        let says = |flags: &[&str]| own.iter().any(|word| flags.iter().any(|flag| word.starts_with(flag)));
        let context = if program == "helm" { "--kube-context" } else { "--context" };
        let mut flags = Vec::new();
        if let Some(name) = self.context.as_ref().filter(|_| !says(&[context])) {
            flags.push(format!("{context}={name}"));
        }
        if let Some(name) = self.namespace.as_ref().filter(|_| !says(&["--namespace", "-n", "-A"])) {
            flags.push(format!("--namespace={name}"));
        }
        // kubectl takes no flag before the name of a plugin.
        let verb = usize::from(own.first().is_some_and(|word| !word.starts_with('-')));
        let (verb, rest) = arguments.split_at(verb);
        [verb, &flags, rest].concat()
    }

    /// Returns the environment without settings, which are not the program's and may hold secrets, and without what
    /// would lead it elsewhere (`EnvSettings` in helm/pkg/cli).
    fn variables<'e>(
        &self,
        environment: &'e Environment,
    ) -> impl Iterator<Item = (&'e String, &'e String)> + use<'e> {
        let is_led = self.kubeconfig.is_some() || self.context.is_some();
        let ours = move |name: &str| {
            name.starts_with(crate::ci::PREFIX)
                || variables::ALL.iter().any(|(variable, _)| *variable == name)
                || is_led && name.starts_with("HELM_KUBE")
        };
        environment.variables.iter().filter(move |(name, _)| !ours(name))
    }
}

/// Returns a kubeconfig with the ServiceAccount of the pod that we run in.
fn of_this_pod(environment: &Environment) -> Secret {
    let host = environment.get("KUBERNETES_SERVICE_HOST").unwrap_or("kubernetes.default.svc");
    let port = environment.get("KUBERNETES_SERVICE_PORT").unwrap_or("443");
    let namespace = std::fs::read_to_string(format!("{POD_FILES}/namespace")).unwrap_or_default();
    pod_kubeconfig(host, port, POD_FILES, namespace.trim())
}

/// Runs a program that was found, with our credentials, and returns its exit code.
///
/// They are in a file that only we can read, and that is gone when the program has ended.
pub(super) async fn run(
    program: &Path,
    words: &[String],
    aim: &Aim,
    patience: Option<Duration>,
    environment: &Environment,
) -> Result<u8, Error> {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let file = aim.kubeconfig.as_ref().map(|text| kept(text.expose_secret())).transpose()?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true).env_clear().envs(aim.variables(environment));
    if let Some(file) = &file {
        command.env("KUBECONFIG", file.path());
    }
    if let Some(proxy) = &aim.proxy {
        command.env("HTTPS_PROXY", proxy.to_string());
    }
    let mut stop = Signals::new()?;
    let mut child = command
        .args(aim.words(words))
        .spawn()
        .map_err(|error| Error::new(Kind::Infrastructure, format!("run {name}: {error}")))?;
    let ended = tokio::select! {
        biased;
        ended = child.wait() => ended,
        () = tokio::time::sleep(patience.unwrap_or(PATIENCE)) => {
            end(&mut child).await;
            return Err(Error::new(Kind::Deadline, format!("{name} was ended: it was not done in time"))
                .next("timeout: 30m"));
        }
        () = stop.received() => {
            end(&mut child).await;
            return Err(Error::new(Kind::Interrupted, format!("{name} was ended by a signal")));
        }
    };
    let status =
        ended.map_err(|error| Error::new(Kind::Infrastructure, format!("wait for {name}: {error}")))?;
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

/// The error of a program that is not there; `why` says what of a line of kubectl's we do not run ourselves.
pub(super) fn missing(from: &str, line: &str, words: &[String], why: Option<&str>) -> Error {
    let program = words.first().map(String::as_str).unwrap_or_default();
    let why = why.map(|why| format!(", and without it {why}")).unwrap_or_default();
    let error =
        Error::usage(format!("setting {from}: there is no {program} on the PATH to run '{line}'{why}"));
    if program == "kubectl" {
        return error.next(
            "without it go: apply, delete, get, scale, set image, wait, and rollout of Deployments by name",
        );
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

    fn access() -> Credentials {
        let setting = |name: &str, value: &str| Some(crate::credentials::Setting::new(name, value));
        Credentials {
            server: setting("server", "https://10.0.0.1"),
            token: setting("token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln"),
            ..Credentials::default()
        }
    }

    #[tokio::test]
    async fn a_program_gets_a_private_kubeconfig_and_no_setting() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let script =
            format!("stat -c %a $KUBECONFIG >{0}; cat $KUBECONFIG >>{0}; env >>{0}; exit 7", told.display());
        let code = run_shell(&script, None).await;
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

    async fn run_shell(script: &str, patience: Option<Duration>) -> Result<u8, Error> {
        let aim = Aim::of(&access(), None, None, &environment()).unwrap();
        run(Path::new("/bin/sh"), &shell(script), &aim, patience, &environment()).await
    }

    #[tokio::test]
    async fn a_program_does_not_run_for_ever() {
        let ended = run_shell("sleep 60", Some(Duration::from_millis(50))).await;
        assert_eq!(ended.unwrap_err().kind, Kind::Deadline);
    }

    #[test]
    fn a_program_is_led_where_our_own_lines_go() {
        let aim = |context: Option<&str>, namespace: Option<&str>| {
            Aim::of(&Credentials::default(), context, namespace, &environment()).unwrap()
        };
        let line = |aim: &Aim, line: &str| aim.words(&shlex::split(line).unwrap()).join(" ");
        let led = aim(Some("prod"), Some("shop"));
        for (given, run) in [
            ("kubectl annotate pod a b=c", "annotate --context=prod --namespace=shop pod a b=c"),
            ("helm upgrade web ./chart", "upgrade --kube-context=prod --namespace=shop web ./chart"),
            ("kubectl top pods -n other --context other", "top pods -n other --context other"),
            ("kubectl top pods -A", "top --context=prod pods -A"),
            // What is meant for the program in the container says nothing to kubectl.
            ("kubectl exec a -- head -n 1", "exec --context=prod --namespace=shop a -- head -n 1"),
            ("kubectl -v 4 top", "--context=prod --namespace=shop -v 4 top"),
        ] {
            assert_eq!(line(&led, given), run);
        }
        assert_eq!(line(&aim(None, None), "kubectl top pods"), "top pods");
    }

    #[test]
    fn helm_is_not_led_elsewhere_by_its_variables() {
        let mut environment = environment();
        environment.variables.insert("HELM_KUBEAPISERVER".into(), "https://other".into());
        let passed = |aim: &Aim| aim.variables(&environment).any(|(name, _)| name == "HELM_KUBEAPISERVER");
        let ambient = Aim::of(&Credentials::default(), None, None, &environment).unwrap();
        assert!(passed(&ambient), "it is all that says where");
        assert!(!passed(&Aim::of(&access(), None, None, &environment).unwrap()));
        assert!(!passed(&Aim::of(&Credentials::default(), Some("prod"), None, &environment).unwrap()));
    }

    #[test]
    fn the_account_of_the_pod_binds_a_program_too() {
        let mut environment = environment();
        let inside = Credentials { in_cluster: true, ..Credentials::default() };
        let server = |environment: &Environment| {
            let text = Aim::of(&inside, None, None, environment).unwrap().kubeconfig.unwrap();
            let config: serde_json::Value = serde_json::from_str(text.expose_secret()).unwrap();
            config["clusters"][0]["cluster"]["server"].clone()
        };
        assert_eq!(server(&environment), "https://kubernetes.default.svc:443");
        for (name, value) in [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("KUBERNETES_SERVICE_PORT", "443")] {
            environment.variables.insert(name.into(), value.into());
        }
        assert_eq!(server(&environment), "https://10.96.0.1:443");
    }

    #[test]
    fn a_program_that_is_missing_is_named_with_the_whole_line_and_the_word() {
        let line = "kubectl rollout restart -l app=web";
        let words = shlex::split(line).unwrap();
        let error = missing("kubectl", line, &words, Some("'-l' is not known"));
        assert_eq!(
            error.message,
            "setting kubectl: there is no kubectl on the PATH to run 'kubectl rollout restart -l app=web', \
             and without it '-l' is not known"
        );
    }
}
