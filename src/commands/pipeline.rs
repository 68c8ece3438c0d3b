//! A step of a CI pipeline: settings become command lines, and these are run one after the other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use crate::ci::{Build, Settings, Task, Work, explain, only_reads, tasks};
use crate::cli::{CardArgs, Cli, Command, OutputFormat};
use crate::commands::external::{self, Aim};
use crate::commands::{execute, ready};
use crate::credentials::Credentials;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::output::Output;
use crate::path;
use crate::words::typed;
use crate::world::Signals;

/// How long a command may take to end by itself after a signal. A container is killed 10 s after it.
const FAREWELL: Duration = Duration::from_secs(8);

/// Something to be run, with the line that a person would type for it.
struct Order {
    /// The setting that asks for it.
    from: String,
    line: String,
    runs: Runs,
}

enum Runs {
    /// A command of ours.
    Own(Box<Cli>),
    /// Another program.
    Program {
        words: Vec<String>,
        /// Why it is no command of ours.
        why: Option<String>,
        /// Where it was found.
        path: PathBuf,
    },
}

/// Runs the step and returns the exit code of the process: that of the first command that fails.
pub(super) async fn run(environment: &Environment) -> u8 {
    let output = Output::new(OutputFormat::Human, false, environment);
    let result = whole(environment, &output).await;
    result.unwrap_or_else(|error| {
        output.error(&error);
        error.kind.exit_code()
    })
}

async fn whole(environment: &Environment, output: &Output) -> Result<u8, Error> {
    let settings = Settings::of(environment)?;
    let build = Build::of(environment);
    for warning in &settings.warnings {
        output.about_all().event(&Event::warning(warning.clone()));
    }
    // All is read before the first is run.
    let mut orders = tasks(&settings, &build)?
        .into_iter()
        .map(|task| order(task, &settings))
        .collect::<Result<Vec<Order>, Error>>()?;
    guard(&orders, &settings, &build)?;
    let credentials = if orders.iter().all(Order::is_local) {
        Credentials::default()
    } else {
        settings.credentials(&build)?
    };
    let aim = Aim::of(&credentials, settings.text("context"), settings.text("namespace"), environment)?;
    let patience = settings.text("timeout").map(crate::duration::timeout).transpose();
    let patience = patience.map_err(|why| Error::usage(format!("setting timeout: {why}")))?;
    can_run(&mut orders, environment)?;
    let (mut stop, mut signalled) = (Signals::new()?, false);
    let last = orders.iter().rposition(Order::changes);
    let template = settings.text("card_template").map(str::trim);
    for (index, order) in orders.iter_mut().enumerate() {
        output.about_all().event(&Event::Step { text: order.line.clone() });
        let code = match &mut order.runs {
            Runs::Own(cli) => {
                cli.global.credentials = credentials.clone();
                cli.global.environment = Arc::new(environment.clone());
                cli.global.card = template
                    .map(|template| CardArgs { template: template.to_owned(), is_last: last == Some(index) });
                let grace = if cli.changes() { FAREWELL } else { Duration::ZERO };
                tokio::select! {
                    biased;
                    code = Box::pin(execute(cli, environment)) => code,
                    () = overdue(&mut stop, &mut signalled, grace) => return Err(stopped(&order.line, cli)),
                }
            }
            Runs::Program { words, path, .. } => {
                external::run(path, words, &aim, patience, environment).await?
            }
        };
        if code != 0 {
            return Ok(code);
        }
        // It may have been at its end already.
        if signalled || stop.received().now_or_never().is_some() {
            return Err(Error::new(Kind::Interrupted, format!("stopped by a signal after '{}'", order.line)));
        }
    }
    Ok(0)
}

/// Returns when a command should long have ended by itself after a signal: what it waits for does not answer.
async fn overdue(stop: &mut Signals, signalled: &mut bool, grace: Duration) {
    stop.received().await;
    *signalled = true;
    tokio::time::sleep(grace).await;
}

fn stopped(line: &str, cli: &Cli) -> Error {
    let error = Error::new(
        Kind::Interrupted,
        format!("stopped by a signal in '{line}'; what is there stays as it is, and the same step goes on"),
    );
    let namespace = cli.global.namespace.as_ref().map(|name| format!(" -n {name}")).unwrap_or_default();
    error.next(format!("kubectl rollout-plus status{namespace}"))
}

fn order(task: Task, settings: &Settings) -> Result<Order, Error> {
    match task.work {
        Work::Own(argv) => {
            let words = std::iter::once("kubectl rollout-plus").chain(argv.iter().map(String::as_str));
            let cli = Cli::read(words).map_err(|error| explain(&error, &task.from, &argv, settings))?;
            let line = format!("kubectl rollout-plus {}", typed(&argv));
            Ok(Order { from: task.from, line, runs: Runs::Own(Box::new(cli)) })
        }
        Work::Program { words, why } => {
            let (line, path) = (typed(&words), PathBuf::new());
            Ok(Order { from: task.from, line, runs: Runs::Program { words, why, path } })
        }
    }
}

/// Checks of every line that it can run here, before the first does: half a step would be half a deployment.
///
/// # Errors
/// Names the line, and what it lacks.
fn can_run(orders: &mut [Order], environment: &Environment) -> Result<(), Error> {
    for order in orders.iter_mut() {
        if let Runs::Program { words, why, path } = &mut order.runs {
            let found = words.first().and_then(|program| path::program(environment, program));
            *path =
                found.ok_or_else(|| external::missing(&order.from, &order.line, words, why.as_deref()))?;
        }
    }
    for (index, order) in orders.iter().enumerate() {
        match &order.runs {
            // What is wrong with the first it says itself, with nothing written.
            Runs::Own(_) if index == 0 => {}
            Runs::Own(cli) => ready::check(&cli.command, environment).map_err(|error| Error {
                message: format!("setting {}: '{}': {}", order.from, order.line, error.message),
                ..error
            })?,
            // It may make the files that the next lines read.
            Runs::Program { .. } => break,
        }
    }
    Ok(())
}

impl Order {
    /// Whether it may change something in the cluster.
    fn changes(&self) -> bool {
        match &self.runs {
            Runs::Own(cli) => cli.changes(),
            Runs::Program { words, .. } => !only_reads(words),
        }
    }

    /// Whether it talks to no server.
    fn is_local(&self) -> bool {
        matches!(&self.runs, Runs::Own(cli) if matches!(&cli.command, Command::Tag(_)))
    }
}

/// Keeps pull requests, and dry runs, from changing anything.
fn guard(orders: &[Order], settings: &Settings, build: &Build) -> Result<(), Error> {
    let Some(order) = orders.iter().find(|order| order.changes()) else { return Ok(()) };
    if matches!(order.runs, Runs::Program { .. })
        && settings.text("dry_run").is_some_and(|text| text != "false")
    {
        return Err(Error::usage(format!("there is no dry run of '{}'", order.line))
            .next("leave dry_run out, or give the command's own flag for it"));
    }
    if let Some(whose) = build.proposed_by()
        && !settings.is("allow_pull_requests")?
    {
        return Err(Error::new(
            Kind::Refused,
            format!("{whose} must not change the cluster: '{}' is not run", order.line),
        )
        .next("dry_run: true, or diff: true with manifests, to show what would be done")
        .next("allow_pull_requests: true, if whoever can open one may also deploy"));
    }
    Ok(())
}
