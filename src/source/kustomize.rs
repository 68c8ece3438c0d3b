//! Manifests out of a kustomization, by the tool that is there.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind};

const MAX_OUTPUT: u64 = 64 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// The ways to build one: program and what stands before the directory.
const WAYS: [(&str, &[&str]); 2] = [("kubectl", &["kustomize", "--"]), ("kustomize", &["build", "--"])];

/// Returns the manifests of a directory as text.
pub(super) fn build(directory: &Path) -> Result<String, Error> {
    let named = directory.display();
    // An address would have the tool fetch what nobody checked.
    if !directory.is_dir() {
        return Err(Error::usage(format!("-k {named}: there is no such directory")));
    }
    for (program, before) in WAYS {
        let mut command = Command::new(program);
        command.args(before).arg(directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match command.spawn() {
            Ok(child) => return output(child, &format!("{program} on {named}")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::usage(format!("run {program}: {error}"))),
        }
    }
    Err(Error::usage(format!("-k {named} needs kubectl or kustomize on the PATH, and neither is there"))
        .next(format!("kustomize build {named} | kubectl rollout-plus apply -f -")))
}

fn output(mut child: std::process::Child, named: &str) -> Result<String, Error> {
    // Both pipes are read at once, or a full one would stop the tool for ever.
    let text = reader(child.stdout.take(), MAX_OUTPUT + 1);
    let said = reader(child.stderr.take(), 64 * 1024);
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) | Err(_) => {
                // It may have ended this very moment.
                if child.kill().is_ok() {
                    child.wait().ok();
                }
                return Err(Error::new(
                    Kind::Deadline,
                    format!("{named}: not done within {} s", PATIENCE.as_secs()),
                ));
            }
        }
    };
    let (text, said) = (text.join().unwrap_or_default(), said.join().unwrap_or_default());
    if text.len() as u64 > MAX_OUTPUT {
        return Err(Error::usage(format!("{named}: more than {} MiB", MAX_OUTPUT / 1024 / 1024)));
    }
    if !status.success() {
        let said: String = String::from_utf8_lossy(&said).trim().chars().take(1000).collect();
        return Err(Error::usage(format!("{named}: {said}")));
    }
    String::from_utf8(text).map_err(|_| Error::usage(format!("{named}: the output is no text")))
}

fn reader(pipe: Option<impl Read + Send + 'static>, cap: u64) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What is beyond the cap is refused anyway; dropping the pipe ends the tool.
            pipe.take(cap).read_to_end(&mut bytes).ok();
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<String, Error> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
        output(command.spawn().unwrap(), "the tool")
    }

    #[test]
    fn output_comes_whole_and_a_failure_with_what_was_said() {
        assert_eq!(shell("head -c 200000 /dev/zero | tr '\\0' a").unwrap().len(), 200_000);
        assert!(shell("echo no such resource >&2; exit 1").unwrap_err().message.contains("no such resource"));
        assert!(build(Path::new("https://example.com/base")).is_err());
    }
}
