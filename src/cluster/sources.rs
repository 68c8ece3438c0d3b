//! Who else than the API server is asked for metrics: only what the command line names. The plan of a run that is gone on
//! with comes from the Lease, and whoever may write that must not have this machine read a file, run a program or send
//! something somewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::analysis_file::{AnalysisFile, Prometheus, Web};
use crate::brief;
use crate::cli::PROMETHEUS_TOKEN;
use crate::cluster::{Asker, Cluster, web};
use crate::condition::Measured;
use crate::credentials::Secret;
use crate::environment::Environment;
use crate::error::Error;
use crate::plan::{Analyze, SmokeTest};
use crate::prometheus::Server;
use crate::reading::{Limited, Unmeasured, measured, of_program};
use crate::scrub::Scrubber;
use crate::tool::{self, Tested, Variables};

/// What the plan has and the command line does not name.
const NOT_NAMED: &str = "not asked, as this command line does not name it";
/// What is proposed must not read the files of the machine that builds it.
const PROPOSED: &str = "a dry run of what is only proposed reads no token and runs no program";

/// The most that a program may print, in bytes.
const MAX_PRINTED: usize = 1024 * 1024;
/// The longest that is told of what it says, in letters.
const SAID: usize = 200;

/// What the command line names.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    file: Option<Arc<AnalysisFile>>,
    pub(super) asker: Option<Asker>,
    /// What the new version is tested by.
    tests: Vec<SmokeTest>,
    /// What programs get of our environment.
    variables: Variables,
    is_proposed: bool,
}

impl Sources {
    /// Those of a command line. Nothing is sent, and no program is run.
    ///
    /// # Errors
    /// What is wrong with an address, a file, a program or a token.
    pub(crate) fn of(asked: &Analyze, environment: &Environment) -> Result<Self, Error> {
        let login = asked.login();
        let of_token = login.and_then(|login| login.token_command.first()).map(String::as_str);
        let of_metrics = asked.file.iter().flat_map(AnalysisFile::programs);
        let missing = of_metrics.chain(of_token).find(|program| !tool::is_there(environment, program));
        if let Some(program) = missing {
            return Err(missing_program("--analysis", program));
        }
        let given = environment.get(PROMETHEUS_TOKEN).map(|token| Secret::from(token.trim()));
        let variables = tool::passed_on(environment);
        let asker = asked.server().map(|server| Asker::new(&server, login, given.as_ref(), &variables));
        let file = asked.file.clone().map(Arc::new);
        Ok(Self { file, asker: asker.transpose()?, variables, ..Self::default() })
    }

    /// Those of a dry run of what is only proposed.
    pub(crate) fn proposed() -> Self {
        Self { is_proposed: true, ..Self::default() }
    }

    /// The same with the programs that test the new version.
    ///
    /// # Errors
    /// One of them is not there.
    pub(crate) fn with_tests(self, tests: &[SmokeTest], environment: &Environment) -> Result<Self, Error> {
        let missing = tests.iter().map(SmokeTest::program).find(|name| !tool::is_there(environment, name));
        if let Some(program) = missing {
            return Err(missing_program("--verify-command", program));
        }
        Ok(Self { tests: tests.to_vec(), variables: tool::passed_on(environment), ..self })
    }

    /// Says why a trial is left out, if a Prometheus with this is not asked.
    pub(super) fn closed(&self, login: Option<&Prometheus>) -> Option<String> {
        (self.is_proposed && login.is_some()).then(|| PROPOSED.to_owned())
    }

    fn has_command(&self, command: &[String]) -> bool {
        self.file.as_ref().is_some_and(|file| file.has_command(command))
    }

    fn has_web(&self, web: &Web) -> bool {
        self.file.as_ref().is_some_and(|file| file.has_web(web))
    }
}

fn missing_program(flag: &str, program: &str) -> Error {
    Error::usage(format!("{flag}: there is no program {program} to run"))
        .next(format!("command -v {}", shlex::try_quote(program).unwrap_or_default()))
}

/// Says why what the plan has is not asked.
pub(super) fn not_named() -> Unmeasured {
    Unmeasured::NotHere(NOT_NAMED.to_owned())
}

/// Has a program measure.
///
/// # Errors
/// It did not end well, or printed nothing that can be judged; what it said is told without what looks like a secret.
async fn run(
    words: &[String],
    variables: &[(String, String)],
    patience: Duration,
) -> Result<Measured, String> {
    let ended =
        tool::run(words, variables, patience, MAX_PRINTED).await.map_err(|why| format!("it {why}"))?;
    let Some(how) = tool::failure(ended.status) else { return of_program(&ended.text) };
    let said = Scrubber::default().text(&String::from_utf8_lossy(&ended.said));
    let said = brief::line(&said, SAID);
    Err(if said.is_empty() { format!("it {how}") } else { format!("it {how}: {said}") })
}

/// Headers as a file has them: it was read, so each can be sent.
pub(super) fn headers_of(headers: &BTreeMap<String, String>) -> HeaderMap {
    let header = |(name, value): (&String, &String)| {
        Some((name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?))
    };
    headers.iter().filter_map(header).collect()
}

impl Cluster {
    /// Has metrics read where a command line says.
    pub(crate) fn with_sources(self, sources: Sources) -> Self {
        Self { sources: Arc::new(sources), ..self }
    }

    /// Whether the command line names a test.
    pub(crate) fn names(&self, test: &SmokeTest) -> bool {
        self.sources.tests.contains(test)
    }

    /// Runs a test with these variables beside those that programs get. One that the command line does not name is not run:
    /// [`Cluster::names`] tells.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) async fn test(
        &self,
        test: &SmokeTest,
        variables: Variables,
        patience: Duration,
    ) -> Result<Tested, String> {
        let SmokeTest::Command(words) = test;
        if !self.names(test) {
            return Err(NOT_NAMED.to_owned());
        }
        let variables = [self.sources.variables.clone(), variables].concat();
        tool::test(words, &variables, patience).await
    }

    /// Measures what has a limit. `server`: where queries are sent, with what the plan has of headers and token.
    pub(super) async fn measure(
        &self,
        server: Option<(&Server, Option<&Prometheus>)>,
        limited: Limited,
    ) -> Result<Measured, Unmeasured> {
        match limited {
            Limited::Query(query) => {
                let answers = match server {
                    Some((server, login)) => Box::pin(self.ask_prometheus(server, login, &[query])).await?,
                    None => return Err(Unmeasured::Failed("no Prometheus is named".to_owned())),
                };
                let first = answers.first().map_or_else(|| Err("there is no answer".to_owned()), measured);
                first.map_err(Unmeasured::Failed)
            }
            Limited::Web { web, url } if self.sources.has_web(&web) => {
                Box::pin(web::look(&web, &url)).await.map_err(Unmeasured::Failed)
            }
            Limited::Command { command, words, patience } if self.sources.has_command(&command) => {
                Box::pin(run(&words, &self.sources.variables, patience)).await.map_err(Unmeasured::Failed)
            }
            Limited::Web { .. } | Limited::Command { .. } => Err(not_named()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::web::tests::{cluster, named};

    /// A file with a program that has a limit.
    fn file(words: &[&str], timeout: &str) -> AnalysisFile {
        let metric = json!({"name": "smoke", "command": words, "timeout": timeout, "min": 1});
        AnalysisFile::read(&json!({"schema": 1, "metrics": [metric]})).unwrap()
    }

    fn limited(words: &[&str], patience: Duration) -> Limited {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Limited::Command { command: words.clone(), words, patience }
    }

    #[tokio::test]
    async fn a_program_measures_or_says_why_not() {
        let measure = async |script: &str, seconds: u64| {
            let words = ["sh", "-c", script];
            let asked = limited(&words, Duration::from_secs(seconds));
            cluster(named(&file(&words, "10s"))).measure(None, asked).await
        };
        assert_eq!(measure("echo 0.5", 30).await, Ok(Measured::Scalar(0.5)));
        assert_eq!(measure("echo '{\"ok\": 1}'", 30).await, Ok(Measured::Json(json!({"ok": 1}))));
        for (script, seconds, why) in [
            ("echo 1; exit 3", 30, "it failed with exit code 3"),
            ("echo 1; echo 'no gate' >&2; exit 1", 30, "it failed with exit code 1: no gate"),
            (
                "echo 1; echo GATE_TOKEN=hush-hush >&2; exit 1",
                30,
                "it failed with exit code 1: GATE_TOKEN=***",
            ),
            ("echo good", 30, "it printed neither a number nor JSON"),
            ("echo 1; sleep 600", 0, "it was not done within 0 s"),
            ("cat /dev/zero", 30, "it printed more than 1024 KiB"),
        ] {
            assert_eq!(measure(script, seconds).await, Err(Unmeasured::Failed(why.into())), "{script}");
        }
    }

    /// Whoever may write the Lease has nothing run.
    #[tokio::test]
    async fn what_the_command_line_does_not_name_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let led = limited(&["touch", trace.to_str().unwrap()], Duration::from_secs(30));
        for sources in [Sources::default(), named(&file(&["touch", "other"], "10s")), Sources::proposed()] {
            let run = cluster(sources).measure(None, led.clone()).await;
            assert!(matches!(&run, Err(Unmeasured::NotHere(why)) if why.starts_with("not asked")), "{run:?}");
        }
        assert!(!trace.exists());
    }

    /// The same for tests.
    #[tokio::test]
    async fn a_test_that_the_command_line_does_not_name_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let test: SmokeTest = format!("touch {}", trace.display()).parse().unwrap();
        let variables = [("PATH".to_owned(), "/usr/bin:/bin".to_owned()), ("A_TOKEN".into(), "hush".into())];
        let environment = Environment { variables: variables.into(), ..Environment::default() };
        let patience = Duration::from_secs(30);
        let other: SmokeTest = "touch other".parse().unwrap();
        for named in [vec![], vec![other]] {
            let cluster = cluster(Sources::default().with_tests(&named, &environment).unwrap());
            let run = cluster.test(&test, Vec::new(), patience).await;
            assert_eq!(run, Err(NOT_NAMED.to_owned()));
            assert!(!cluster.names(&test) && !trace.exists());
        }
        let names = async |test: SmokeTest| {
            let sources = Sources::default().with_tests(std::slice::from_ref(&test), &environment).unwrap();
            let told = vec![("ROLLOUT_WEIGHT".to_owned(), "10".to_owned())];
            cluster(sources).test(&test, told, patience).await.unwrap()
        };
        assert_eq!((names(test).await.failure, trace.exists()), (None, true));
        let told = names("env".parse().unwrap()).await.said;
        assert!(told.contains("ROLLOUT_WEIGHT=10\n") && !told.contains("hush"), "{told}");
        let missing = ["no-such-program".parse().unwrap()];
        let error = Sources::default().with_tests(&missing, &environment).err().unwrap();
        assert_eq!(error.message, "--verify-command: there is no program no-such-program to run");
    }

    #[test]
    fn a_program_that_is_not_there_is_told_of_before_the_first_write() {
        let asked = rollout_plus_core::fixtures::analyze();
        let file = file(&["no such", "x"], "10s");
        let asked = asked.with_file(file, None, &crate::prometheus::Matchers::new()).unwrap();
        let error = Sources::of(&asked, &Environment::default()).err().unwrap();
        assert_eq!(error.message, "--analysis: there is no program no such to run");
        assert_eq!(error.next, ["command -v 'no such'"]);
    }
}
