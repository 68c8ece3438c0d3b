//! Completion: what fits, with live names, in the form that kubectl asks its plugins for; and scripts for shells that
//! run the binary without kubectl.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionArgs, Shell};
use crate::cluster::{connect, contexts};
use crate::completion::{Asks, Fits, fits};
use crate::environment::Environment;
use crate::error::Error;
use crate::output::{self, Output};

/// The beginning of the file's name under which kubectl starts the completion of a plugin.
const CALLED_AS: &str = "kubectl_complete-";
/// The first argument that has the same effect, as kubectl's own.
const VERB: &str = "__complete";
/// Somebody waits with a finger on a key.
const DEADLINE: Duration = Duration::from_secs(1);

/// Returns the words to complete if that is what we were started for.
pub(super) fn asked(argv: &[std::ffi::OsString]) -> Option<Vec<String>> {
    let text = |word: &std::ffi::OsString| word.to_string_lossy().into_owned();
    let (program, words) = argv.split_first()?;
    let name = std::path::Path::new(program).file_name()?.to_string_lossy();
    let words = match words.split_first() {
        _ if name.starts_with(CALLED_AS) => words,
        Some((first, words)) if first == VERB => words,
        _ => return None,
    };
    Some(words.iter().map(text).collect())
}

/// Prints what fits. Whatever goes wrong, there is nothing to say to somebody who is typing.
pub(super) fn complete(words: &[String], environment: &Environment) {
    let fits = fits(&mut Cli::command(), words);
    let Fits { mut words, asks, prefix, place } = fits;
    let files = asks == Some(Asks::Files);
    if let Some(asks) = asks.filter(|_| !files) {
        words.extend(
            live(asks, place, environment.clone())
                .into_iter()
                .map(|name| (format!("{prefix}{name}"), String::new())),
        );
    }
    output::completions(&words, files);
}

/// Asks in a thread of its own: a program of the kubeconfig or the system's resolver cannot be interrupted, and must not
/// be waited for.
fn live(asks: Asks, place: Vec<String>, environment: Environment) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let names = runtime.block_on(names(asks, place, environment)).ok()?;
        sender.send(names).ok()
    });
    receiver.recv_timeout(DEADLINE).unwrap_or_default()
}

async fn names(asks: Asks, place: Vec<String>, environment: Environment) -> Result<Vec<String>, Error> {
    let argv = ["kubectl rollout-plus", "status"].into_iter().map(str::to_owned).chain(place);
    let mut cli = Cli::read(argv).map_err(|error| Error::usage(error.to_string()))?;
    cli.global.environment = Arc::new(environment);
    match asks {
        Asks::Contexts => contexts(&cli.global),
        Asks::Namespaces => connect(&cli.global).await?.namespace_names().await,
        Asks::Deployments => connect(&cli.global).await?.deployment_names().await,
        Asks::Files => Ok(Vec::new()),
    }
}

/// Prints the script for a shell.
pub(super) fn run(args: CompletionArgs, output: &Output) -> Result<(), Error> {
    output.script(match args.shell {
        Shell::Bash => include_str!("completion/script.bash"),
        Shell::Zsh => include_str!("completion/script.zsh"),
        Shell::Fish => include_str!("completion/script.fish"),
    })
}
