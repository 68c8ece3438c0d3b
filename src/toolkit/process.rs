//! The process provider: a program of this machine, bounded in time and output.

use std::time::Duration;

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::experiment::Command;
use crate::path;
use crate::scrub::is_secret_name;
use crate::tool;

/// The longest that a program may take where the experiment sets no limit.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The most that is read of what a program prints, in bytes.
const MOST: usize = 1024 * 1024;

/// Runs a program with our environment but for what is secret by its name: it is code that somebody else may have written.
///
/// # Errors
/// It cannot be run, takes too long, or prints too much.
pub(super) async fn run(
    command: &Command,
    limit: Option<Duration>,
    environment: &Environment,
) -> Result<Value, String> {
    let words = words(command, environment)?;
    let open = environment
        .variables
        .iter()
        .filter(|(name, _)| !is_secret_name(name) && !name.starts_with("PLUGIN_"));
    let variables: Vec<(String, String)> = open.map(|(name, value)| (name.clone(), value.clone())).collect();
    let ended = tool::run(&words, &variables, limit.unwrap_or(PATIENCE), MOST)
        .await
        .map_err(|why| format!("{} {why}", words.first().map(String::as_str).unwrap_or_default()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = ended.status.code().unwrap_or(-1);
    Ok(json!({"status": status, "stdout": text(&ended.text), "stderr": text(&ended.said)}))
}

/// Returns the program and its arguments. A line of arguments is the shell's to read.
fn words(command: &Command, environment: &Environment) -> Result<Vec<String>, String> {
    match command {
        Command::Program { path, arguments } => {
            let mut words = vec![found(path, environment)?];
            words.extend(arguments.iter().cloned());
            Ok(words)
        }
        Command::Shell { path, rest } => {
            let line = format!("{} {rest}", found(path, environment)?);
            Ok(["/bin/sh", "-c", &line].map(str::to_owned).into())
        }
    }
}

/// Returns where a program is.
///
/// # Errors
/// That it is not there.
pub(super) fn found(name: &str, environment: &Environment) -> Result<String, String> {
    let home = environment.get("HOME").unwrap_or_default();
    let name = name.strip_prefix("~/").map_or_else(|| name.to_owned(), |rest| format!("{home}/{rest}"));
    if name.chars().any(std::path::is_separator) {
        return Ok(name);
    }
    let found = path::program(environment, &name);
    found
        .map(|path| path.display().to_string())
        .ok_or_else(|| format!("{name} is not on the PATH of this machine"))
}
