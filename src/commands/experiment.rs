//! `chaos run` and `chaos check`: an experiment of Chaos Toolkit.

use std::cell::RefCell;
use std::path::Path;

use crate::cli::{ExitCodes, ExperimentArgs, GuardArgs};
use crate::cluster::connect;
use crate::commands::context::Context;
use crate::engine::Engine;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::event::{Event, Experimented};
use crate::experiment::{
    Course, Experiment, Function, Given, Journal, MAX_BYTES, Provider, Terms, Values, findings, refusal,
};
use crate::output::Channel;
use crate::toolkit::{Done, Place, Plan, Runner, Victims, moment, victims};
use crate::world::Signals;
use tokio::time::Instant;

/// Runs the verb; `checks`: says only what would be.
pub(super) async fn run(args: &ExperimentArgs, checks: bool, context: Context<'_>) -> Result<(), Error> {
    let file = args.file.display().to_string();
    let experiment = Experiment::read(&read(&args.file)?, &file)?;
    let values = values(args, &experiment, context.environment)?;
    let cluster = if asks_cluster(&experiment) || args.name.is_some() {
        Some(connect(context.global).await?)
    } else {
        None
    };
    let namespace = cluster.as_ref().map(|cluster| cluster.namespace.as_str()).unwrap_or_default();
    let terms = terms(args, namespace);
    let found = findings(&experiment, &values, &terms);
    let checks = checks || context.global.dry_run.is_some();
    if !checks {
        context.output.report_to(args.told.report.clone())?;
    }
    if !checks && let Some(error) = refusal(&file, &found) {
        return Err(error);
    }
    let mut place = Place {
        experiment: &experiment,
        values,
        cluster: cluster.as_ref(),
        environment: context.environment,
        only: None,
        min_ready: args.running.min_ready,
        strict: args.running.strict,
        deletes: args.running.delete,
        done: RefCell::new(Done::default()),
    };
    let channel = context.output.about_all();
    if checks {
        for finding in &found {
            let next = finding.next.as_ref().map(|next| format!("; {next}")).unwrap_or_default();
            let text = format!("{file}:{}: {}{next}", finding.line, finding.message);
            channel.event(&Event::warning(text));
        }
        // What cannot be run hits nobody.
        if let Some(error) = refusal(&file, &found) {
            return Err(error);
        }
    }
    place.learn().await.map_err(|why| Error::new(Kind::Infrastructure, format!("{file}: {why}")))?;
    if let Some(error) = refusal(&file, &findings(&experiment, &place.values, &terms)) {
        return Err(error);
    }
    let mut hit = victims(&place).await?;
    let name = args.name.clone().or_else(|| owner(&hit));
    let mut engine: Option<Engine<'_>> = None;
    if let (Some(cluster), Some(name)) = (&cluster, &name) {
        let mut opened = context.open(cluster, name, &GuardArgs::of(&args.told)).await?;
        place.only = opened.canary_uid()?;
        engine = Some(opened);
    }
    if place.only.is_some() {
        hit = victims(&place).await?;
    }
    let channel = match &mut engine {
        Some(engine) => context.output.about(engine.observed()?.workload.id(), false),
        None => channel,
    };
    let verb = if checks { "would hit" } else { "is going to hit" };
    for victims in &hit {
        channel.event(&Event::note(victims.sentence(verb)));
    }
    if checks {
        channel.event(&Event::note(format!("{file}: nothing is wrong with it")));
        return Ok(());
    }
    play(args, &place, engine, &file, &channel, context.environment).await
}

/// Refuses what is wrong with an experiment, before anything else is done.
///
/// # Errors
/// [`Kind::Usage`] or [`Kind::Refused`], as `chaos run` has them.
pub(super) fn refuse(args: &ExperimentArgs, namespace: &str, context: Context<'_>) -> Result<(), Error> {
    let file = args.file.display().to_string();
    let experiment = Experiment::read(&read(&args.file)?, &file)?;
    let values = values(args, &experiment, context.environment)?;
    refusal(&file, &findings(&experiment, &values, &terms(args, namespace))).map_or(Ok(()), Err)
}

fn terms(args: &ExperimentArgs, namespace: &str) -> Terms {
    Terms {
        namespace: namespace.to_owned(),
        allowed: args.allow.iter().copied().collect(),
        ignore_controls: args.ignore_controls,
    }
}

fn values(
    args: &ExperimentArgs,
    experiment: &Experiment,
    environment: &Environment,
) -> Result<Values, Error> {
    Values::load(experiment, &given(args)?, |name| environment.variables.get(name).cloned())
}

/// Runs it, with the lock of the workload whose pods are hit.
async fn play(
    args: &ExperimentArgs,
    place: &Place<'_>,
    mut engine: Option<Engine<'_>>,
    file: &str,
    channel: &Channel<'_>,
    environment: &Environment,
) -> Result<(), Error> {
    if let Some(engine) = &mut engine {
        engine.take_for_experiment().await?;
    }
    let begin = Instant::now();
    let runtime = place.experiment.runtime;
    let plan = Plan {
        strict: args.running.strict,
        limit: args.running.recover_within,
        rollbacks: args.running.rollback_strategy.or(runtime.rollbacks).unwrap_or_default(),
        hypothesis: runtime.hypothesis.unwrap_or_default(),
    };
    let mut journal = Journal::new(place.experiment, moment());
    journal.node.clone_from(&environment.host);
    std::env::consts::OS.clone_into(&mut journal.platform);
    let mut runner = Runner {
        place,
        plan,
        output: channel,
        stop: Signals::new()?,
        engine: engine.as_mut(),
        journal,
        course: Course::default(),
    };
    let ended = Box::pin(runner.run()).await;
    let (journal, course) = (runner.journal, runner.course);
    let freed = match &mut engine {
        Some(engine) => engine.free_after_experiment().await,
        None => Ok(()),
    };
    let written = write(&args.running.journal_path, &journal, place);
    if let Err(why) = &written {
        channel.event(&Event::warning(format!("the journal is not written: {why}")));
    }
    let scrubber = place.values.scrubber();
    let result = ended.and(freed).and_then(|()| verdict(&course, &journal, file, args.running.exit_codes));
    let result = match result {
        Ok(text) => Ok(scrubber.text(&text)),
        Err(error) => Err(Error { message: scrubber.text(&error.message), ..error }),
    };
    let told = journal.told(place.experiment, plan.strict, &scrubber);
    let titles = (file, place.experiment.title.as_str());
    channel.event(&Event::Experiment(Box::new(Experimented::new(titles, &result, told))));
    let result = result.map(drop);
    channel.ended(&result, None, begin.elapsed().as_secs_f64());
    result
}

/// Says what it came to, with the exit codes that were asked for.
fn verdict(course: &Course, journal: &Journal, file: &str, codes: ExitCodes) -> Result<String, Error> {
    let own = course.verdict(file);
    match codes {
        ExitCodes::Own => own,
        ExitCodes::Chaostoolkit => {
            let text = own.unwrap_or_else(|error| error.message);
            if journal.is_well_for_chaostoolkit() {
                Ok(text)
            } else {
                Err(Error::new(Kind::VersionFailed, text))
            }
        }
    }
}

/// The Deployment of all pods that are hit, if they have one in common.
fn owner(hit: &[Victims]) -> Option<String> {
    let mut owners: Vec<&String> = hit.iter().flat_map(|victims| &victims.owners).collect();
    owners.sort();
    owners.dedup();
    match owners.as_slice() {
        [one] => Some((*one).clone()),
        _ => None,
    }
}

/// Whether something of a cluster is asked or changed.
fn asks_cluster(experiment: &Experiment) -> bool {
    let asks = |provider: &Provider| match provider {
        Provider::Http(_) | Provider::Process(_) => false,
        Provider::Function(call) => {
            // What is not known is refused before anything is asked.
            !matches!(Function::read(call, &Values::default()), Ok(Function::Prometheus(_)))
        }
    };
    experiment.activities().iter().any(|activity| asks(&activity.provider))
}

fn given(args: &ExperimentArgs) -> Result<Given, Error> {
    let mut given = Given::default();
    for file in &args.var_file {
        given.file(&read(file)?, &file.display().to_string())?;
    }
    for variable in &args.var {
        given.variable(variable)?;
    }
    Ok(given)
}

/// Reads a file up to a size.
fn read(file: &Path) -> Result<String, Error> {
    let wrong = |why: String| Error::usage(format!("{}: {why}", file.display()));
    let length = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if length > u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) {
        return Err(wrong(format!("it is larger than {} KiB", MAX_BYTES / 1024)));
    }
    std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))
}

fn write(path: &Path, journal: &Journal, place: &Place<'_>) -> Result<(), String> {
    let document = journal.document(&place.values.scrubber());
    let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
    std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}
