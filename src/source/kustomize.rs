//! Manifests out of a kustomization, by the tool that is there.

mod bases;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::output::Output;
use crate::path;
use crate::tool::{passed_on, whole};
use crate::world::Signals;

const MAX_OUTPUT: usize = 64 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// The ways to build one: program and what stands before the directory.
const WAYS: [(&str, &[&str]); 2] = [("kubectl", &["kustomize", "--"]), ("kustomize", &["build", "--"])];

/// Checks that a directory can be built here; returns the tool, and what stands before the directory.
///
/// # Errors
/// That there is no such directory, or no tool.
pub(super) fn tool(
    directory: &Path,
    environment: &Environment,
) -> Result<(PathBuf, &'static [&'static str]), Error> {
    let named = directory.display();
    // An address would have the tool fetch what nobody checked.
    if !directory.is_dir() {
        return Err(Error::usage(format!("-k {named}: there is no such directory")));
    }
    let found =
        WAYS.iter().find_map(|(program, before)| Some((path::program(environment, program)?, *before)));
    found.ok_or_else(|| {
        Error::usage(format!("-k {named} needs kubectl or kustomize on the PATH, and neither is there"))
            .next(format!("kustomize build {named} | kubectl rollout-plus apply -f -"))
    })
}

/// Returns the manifests of a directory as text.
pub(super) async fn build(
    directory: &Path,
    environment: &Environment,
    output: &Output,
) -> Result<String, Error> {
    let (program, before) = tool(directory, environment)?;
    for address in bases::remote(directory) {
        output.about_all().event(&Event::warning(format!(
            "{}: {address} is fetched, and nothing here checks what it brings",
            directory.display()
        )));
    }
    let mut command = Command::new(&program);
    command.args(before).arg(directory).env_clear().kill_on_drop(true);
    command.envs(passed_on(environment));
    let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    text(command, &format!("{name} on {}", directory.display())).await
}

/// Runs the tool and returns what it prints.
async fn text(mut command: Command, named: &str) -> Result<String, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut stop = Signals::new()?;
    let mut child = command.spawn().map_err(|error| Error::usage(format!("run {named}: {error}")))?;
    let ended = tokio::select! {
        biased;
        ended = whole(&mut child, MAX_OUTPUT) => Ok(ended),
        () = tokio::time::sleep(PATIENCE) => Err(Error::new(
            Kind::Deadline,
            format!("{named}: not done within {} s", PATIENCE.as_secs()),
        )),
        () = stop.received() => Err(Error::new(Kind::Interrupted, format!("{named}: stopped by a signal"))),
    };
    if ended.is_err() {
        // It may have ended this very moment.
        child.kill().await.unwrap_or(());
    }
    let ended = ended?.map_err(|error| Error::usage(format!("{named}: {error}")))?;
    if ended.text.len() > MAX_OUTPUT {
        return Err(Error::usage(format!("{named}: more than {} MiB", MAX_OUTPUT / 1024 / 1024)));
    }
    if !ended.status.success() {
        let said: String = String::from_utf8_lossy(&ended.said).trim().chars().take(1000).collect();
        return Err(Error::usage(format!("{named}: {said}")));
    }
    String::from_utf8(ended.text).map_err(|_| Error::usage(format!("{named}: the output is no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str) -> Result<String, Error> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).kill_on_drop(true);
        text(command, "the tool").await
    }

    #[tokio::test]
    async fn output_comes_whole_and_a_failure_with_what_was_said() {
        assert_eq!(shell("head -c 200000 /dev/zero | tr '\\0' a").await.unwrap().len(), 200_000);
        let error = shell("echo no such resource >&2; exit 1").await.unwrap_err();
        insta::assert_snapshot!(error.message, @"the tool: no such resource");
    }

    #[test]
    fn an_address_is_no_directory() {
        assert!(tool(Path::new("https://example.com/base"), &Environment::default()).is_err());
    }

    #[tokio::test]
    async fn the_tool_gets_no_token() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("kubectl");
        std::fs::write(&tool, "#!/bin/sh\nenv\n").unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let variables = [("PATH", path.as_str()), ("GITHUB_TOKEN", "geheim"), ("PLUGIN_TOKEN", "geheim")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let environment = Environment { variables, ..Environment::default() };
        let output = Output::new(crate::cli::OutputFormat::Human, false, &environment);
        let told = build(folder.path(), &environment, &output).await.unwrap();
        assert!(told.contains("PATH=") && !told.contains("geheim"), "{told}");
    }
}
