//! Programs that users name: run without a shell, with an environment that has no secrets, and read up to a size.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::{Child, Command};

use crate::environment::Environment;
use crate::path;
use crate::world::{self, Played};

/// How much is read of what a program says on stderr, in bytes.
const MAX_SAID: usize = 64 * 1024;

/// What a program gets of our environment: where programs, temporary files and caches are, and how others are reached.
/// Tokens are in other variables.
const PASSED_ON: [&str; 25] = [
    "PATH",
    "HOME",
    "USERPROFILE",
    "SYSTEMROOT",
    "LOCALAPPDATA",
    "APPDATA",
    "TMPDIR",
    "TMP",
    "TEMP",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "LANG",
    "LC_ALL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "SSH_AUTH_SOCK",
];

/// Variables by name.
pub(crate) type Variables = Vec<(String, String)>;

/// How a program ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// On stdout.
    pub(crate) text: Vec<u8>,
    /// On stderr.
    pub(crate) said: Vec<u8>,
    pub(crate) status: ExitStatus,
}

/// Returns what programs get of our environment.
pub(crate) fn passed_on(environment: &Environment) -> Variables {
    let all = environment.variables.iter().filter(|(name, _)| PASSED_ON.contains(&name.as_str()));
    all.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether a program is there, by its path or on the PATH.
pub(crate) fn is_there(environment: &Environment, name: &str) -> bool {
    let is_path = name.chars().any(std::path::is_separator);
    if is_path { path::is_program(Path::new(name)) } else { path::program(environment, name).is_some() }
}

/// Reads to its end what a program prints, up to so many bytes and one more.
pub(crate) async fn whole(child: &mut Child, most: usize) -> std::io::Result<Ended> {
    // Both pipes are read at once, or a full one would stop the tool for ever.
    let (text, said) =
        tokio::join!(capped(child.stdout.take(), most + 1), capped(child.stderr.take(), MAX_SAID));
    let status = child.wait().await?;
    Ok(Ended { text: text?, said: said?, status })
}

/// Runs a program with its arguments.
///
/// # Errors
/// It cannot be run, takes longer than `patience`, or prints more than `most` bytes.
pub(crate) async fn run(
    words: &[String],
    variables: &[(String, String)],
    patience: Duration,
    most: usize,
) -> Result<Ended, String> {
    let mut child = spawned(words, variables)?;
    let ended = tokio::time::timeout(patience, whole(&mut child, most)).await;
    match ended {
        Ok(Ok(ended)) if ended.text.len() > most => Err(format!("printed more than {} KiB", most / 1024)),
        Ok(Ok(ended)) => Ok(ended),
        Ok(Err(error)) => Err(format!("cannot be read: {error}")),
        Err(_) => {
            // It may have ended this very moment.
            child.kill().await.unwrap_or(());
            Err(format!("was not done within {} s", patience.as_secs()))
        }
    }
}

/// Starts a program without a shell, its input empty, its output to be read.
fn spawned(words: &[String], variables: &[(String, String)]) -> Result<Child, String> {
    let (program, arguments) = words.split_first().ok_or("no program is named")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().map_err(|error| {
        let is_missing = error.kind() == ErrorKind::NotFound;
        if is_missing { "is not there".to_owned() } else { format!("cannot be run: {error}") }
    })
}

/// What came of a test.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tested {
    /// How it failed, as the end of a sentence; `None` if it passed.
    pub(crate) failure: Option<String>,
    /// The last that it printed on stdout, and after that on stderr.
    pub(crate) said: String,
}

/// Runs a program as a test. However much it prints, it is read to its end, and its end is kept.
///
/// # Errors
/// It cannot be run.
pub(crate) async fn test(
    words: &[String],
    variables: &[(String, String)],
    patience: Duration,
) -> Result<Tested, String> {
    if let Some(Played { code, said }) = world::played(words, variables) {
        return Ok(Tested { failure: (code != 0).then(|| failed_with(code)), said });
    }
    let mut child = spawned(words, variables)?;
    let (mut text, mut said) = (VecDeque::new(), VecDeque::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let whole = async {
        let read = tokio::join!(tail(out, &mut text), tail(err, &mut said));
        let status = child.wait().await?;
        read.0.and(read.1).map(|()| status)
    };
    let failure = match tokio::time::timeout(patience, whole).await {
        Ok(Ok(status)) => failure(status),
        Ok(Err(error)) => return Err(format!("cannot be read: {error}")),
        Err(_) => {
            // It may have ended this very moment.
            child.kill().await.unwrap_or(());
            Some(format!("was not done within {}", crate::duration::short(patience)))
        }
    };
    text.extend(said);
    let said = String::from_utf8_lossy(text.make_contiguous()).into_owned();
    Ok(Tested { failure, said })
}

/// Reads a pipe to its end and keeps the last of it.
async fn tail(pipe: Option<impl AsyncRead + Unpin>, kept: &mut VecDeque<u8>) -> std::io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut part = vec![0; 64 * 1024];
    loop {
        let mut room = ReadBuf::new(&mut part);
        poll_fn(|context| Pin::new(&mut pipe).poll_read(context, &mut room)).await?;
        if room.filled().is_empty() {
            return Ok(());
        }
        kept.extend(room.filled());
        kept.drain(..kept.len().saturating_sub(MAX_SAID));
    }
}

/// Says how a program failed; `None` for one that did not.
pub(crate) fn failure(status: ExitStatus) -> Option<String> {
    match status.code() {
        Some(0) => None,
        Some(code) => Some(failed_with(code)),
        None => Some("was ended by a signal".to_owned()),
    }
}

fn failed_with(code: i32) -> String {
    format!("failed with exit code {code}")
}

/// Reads a pipe. What is beyond the cap is refused anyway; dropping the pipe ends the tool.
async fn capped(pipe: Option<impl AsyncRead + Unpin>, cap: usize) -> std::io::Result<Vec<u8>> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let (mut bytes, mut part) = (Vec::new(), vec![0; 64 * 1024]);
    while bytes.len() < cap {
        let mut room = ReadBuf::new(&mut part);
        poll_fn(|context| Pin::new(&mut pipe).poll_read(context, &mut room)).await?;
        if room.filled().is_empty() {
            break;
        }
        bytes.extend_from_slice(room.filled());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, patience: Duration) -> Result<Ended, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        let path = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        run(&words, &path, patience, 100 * 1024).await
    }

    #[tokio::test]
    async fn a_program_is_read_to_its_end_and_no_further() {
        const LONG: Duration = Duration::from_secs(30);
        let ended = shell("echo out; echo err >&2; exit 3", LONG).await.unwrap();
        assert_eq!(
            (ended.text.as_slice(), ended.said.as_slice()),
            (b"out\n".as_slice(), b"err\n".as_slice())
        );
        assert_eq!(failure(ended.status).as_deref(), Some("failed with exit code 3"));
        assert_eq!(failure(shell("true", LONG).await.unwrap().status), None);
        assert_eq!(
            failure(shell("kill -9 $$", LONG).await.unwrap().status).unwrap(),
            "was ended by a signal"
        );
        let told = |result: Result<Ended, String>| result.map(|ended| ended.text.len());
        assert_eq!(told(shell("cat /dev/zero", LONG).await), Err("printed more than 100 KiB".into()));
        assert_eq!(told(shell("sleep 600", Duration::ZERO).await), Err("was not done within 0 s".into()));
        let none = run(&["no-such-program".to_owned()], &[], LONG, 1).await;
        assert_eq!(told(none), Err("is not there".into()));
    }

    #[tokio::test]
    async fn a_test_is_read_to_its_end_and_its_end_is_kept() {
        let test = async |script: &str, seconds: u64| {
            let words = ["sh", "-c", script].map(str::to_owned);
            let path = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
            test(&words, &path, Duration::from_secs(seconds)).await
        };
        let tested = |failure: Option<&str>, said: &str| {
            Ok(Tested { failure: failure.map(str::to_owned), said: said.to_owned() })
        };
        assert_eq!(test("echo out; echo err >&2", 30).await, tested(None, "out\nerr\n"));
        assert_eq!(test("echo no; exit 3", 30).await, tested(Some("failed with exit code 3"), "no\n"));
        let long = test("head -c 1000000 /dev/zero; echo end; exit 1", 30).await.unwrap();
        assert!(long.said.len() == MAX_SAID && long.said.ends_with("\0end\n"), "{}", long.said.len());
        let late = test("echo first; sleep 600", 1).await;
        assert_eq!(late, tested(Some("was not done within 1s"), "first\n"));
        let missing = super::test(&["no-such-program".to_owned()], &[], Duration::from_secs(1)).await;
        assert_eq!(missing, Err("is not there".to_owned()));
    }

    #[tokio::test]
    async fn a_program_gets_no_token() {
        let variables =
            [("PATH", "/usr/bin:/bin"), ("HOME", "/h"), ("PROMETHEUS_TOKEN", "hush"), ("A_KEY", "hush")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let environment = Environment { variables, ..Environment::default() };
        let passed = passed_on(&environment);
        let told = run(&["env".to_owned()], &passed, Duration::from_secs(30), 10_000).await.unwrap();
        let told = String::from_utf8(told.text).unwrap();
        assert!(told.contains("HOME=/h") && !told.contains("hush"), "{told}");
        assert!(is_there(&environment, "env") && is_there(&environment, "/bin/sh"));
        assert!(!is_there(&environment, "no-such-program") && !is_there(&environment, "./no-such-program"));
    }
}
