//! `apply`: everything of a manifest, in order, with its workloads rolled out and judged together.

mod check;
mod except;
mod preflight;
mod prune;
pub(super) mod resolve;
mod send;
mod workloads;

use futures::StreamExt;
use futures::stream;
use tokio::time::Instant;

use crate::apply::{Action, Document, Row, intake, namespace, order, prune as pruning, verdict};
use crate::ci::Build;
use crate::cli::{ApplyArgs, OnFailure};
use crate::cluster::{Cluster, connect};
use crate::commands::context::Context;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::model::{Strategy, images_of};
use crate::source;
use crate::world::Signals;

use check::Checked;

/// How many requests, or rollouts, go on at a time.
const AT_A_TIME: usize = 16;

/// What one `apply` is run with.
struct Run<'a> {
    args: &'a ApplyArgs,
    context: Context<'a>,
    cluster: &'a Cluster,
    deadline: Instant,
}

/// Runs the verb.
pub(super) async fn run(args: &ApplyArgs, context: Context<'_>) -> Result<(), Error> {
    let begun = Instant::now();
    context.output.report_to(args.guard.told.report.clone())?;
    let mut rows = Vec::new();
    let result = whole(args, context, begun, &mut rows).await;
    if args.diff || context.global.dry_run.is_some() {
        return result.and_then(|()| context.output.objects(&rows, args.diff));
    }
    context.output.about_all().ended(&result, None, begun.elapsed().as_secs_f64());
    let shown = context.output.applied(&rows);
    result.and(shown)
}

/// Returns the objects of manifests as they are to be sent.
///
/// # Errors
/// Flags that do not go together, what is no object, and images whose tags may not be deployed.
pub(super) fn prepared(
    args: &ApplyArgs,
    given: Vec<Document>,
    build: &Build,
) -> Result<Vec<Document>, Error> {
    check_flags(args)?;
    let mut documents = intake::objects(given)?;
    except::with_images(&mut documents, args)?;
    for document in &documents {
        let tagged = args.tags.check_all(&images_of(&document.object), build);
        tagged
            .map_err(|error| Error { message: format!("{}: {}", document.origin, error.message), ..error })?;
    }
    Ok(documents)
}

/// Checks all, then writes all, unless it is only to be shown. `rows` say what becomes of each object.
async fn whole(
    args: &ApplyArgs,
    context: Context<'_>,
    begun: Instant,
    rows: &mut Vec<Row>,
) -> Result<(), Error> {
    let selector = args.selector.as_deref().map(pruning::Selector::parse).transpose()?;
    let inputs = (args.filename.as_slice(), args.kustomize.as_deref());
    let given = source::documents(inputs, context.environment, context.output).await?;
    let build = context.build();
    let mut documents = prepared(args, given, &build)?;
    let cluster = connect(context.global).await?;
    if args.create_namespace {
        documents = namespace::with_namespace(documents, &cluster.namespace);
    }
    let deadline = begun + context.global.timeout;
    let context = Context { among_others: true, deadline: Some(deadline), ..context };
    let run = Run { args, context, cluster: &cluster, deadline };

    let mut input = resolve::items(run.cluster, context.global.namespace.as_deref(), documents).await?;
    if let Some(selector) = &selector {
        selector.check(&input.items)?;
    }
    let (items, left) = except::split(&run, input.items).await?;
    input.items = items;
    let checked = check::all(&run, input).await;
    run.pass_on();
    let checked = checked?;
    preflight::all(&run, &checked).await?;
    let mut prunable = match &selector {
        Some(selector) => prune::find(&run, &checked, selector).await?,
        None => Vec::new(),
    };
    prunable.retain(|one| !left.contains(&one.id));
    if args.diff || context.global.dry_run.is_some() {
        rows.extend(checked.iter().map(Checked::foretold));
        rows.extend(prunable.iter().map(|one| Row::new(&one.id, Action::Pruned)));
        return Ok(());
    }
    rows.extend(checked.iter().map(|one| Row::new(&one.item.id, Action::NotApplied)));
    let written = run.write(&checked, rows).await;
    let done = match written {
        Ok(()) => run.interruptible(prune::delete(&run, &prunable, rows)).await,
        Err(error) => Err(error),
    };
    let wrote = rows.iter().any(|row| row.action.is_written());
    done.map_err(|error| if wrote { error.after_a_write() } else { error })
}

fn check_flags(args: &ApplyArgs) -> Result<(), Error> {
    let canary = args.strategy == Strategy::Canary;
    if canary && args.weight.is_none() {
        return Err(Error::usage("--strategy canary needs a share: --weight PERCENT"));
    }
    if !canary && (args.weight.is_some() || args.promote) {
        return Err(Error::usage("--weight and --promote are for --strategy canary"));
    }
    if args.atomic && args.guard.on_failure != OnFailure::Abort {
        return Err(Error::usage("--atomic goes back, so it takes --on-failure abort"));
    }
    Ok(())
}

impl Run<'_> {
    /// Writes all objects in their order; workloads in between, all at once.
    async fn write(&self, checked: &[Checked], rows: &mut [Row]) -> Result<(), Error> {
        let class = |one: &Checked| order::class(&one.item.id.group, &one.item.id.kind);
        let first = checked.iter().position(|one| class(one) >= order::WORKLOADS).unwrap_or(checked.len());
        let last = checked.iter().position(|one| class(one) > order::WORKLOADS).unwrap_or(checked.len());
        self.interruptible(send::all(self, &checked[..first], &mut rows[..first])).await?;
        workloads::all(self, &checked[first..last], &mut rows[first..last]).await?;
        self.interruptible(send::all(self, &checked[last..], &mut rows[last..])).await
    }

    /// Does something that can be stopped at any point, because it can be done again.
    async fn interruptible(&self, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let mut stop = Signals::new()?;
        tokio::select! {
            biased;
            result = work => result,
            () = stop.received() => Err(Error::new(
                Kind::Interrupted,
                "apply: stopped by a signal; what was applied stays, and the same command goes on",
            )),
        }
    }

    /// Takes note of what became of an object, and tells machines.
    fn tell(&self, row: &Row) {
        self.pass_on();
        self.context.output.about_all().event(&Event::Object(row.clone()));
    }

    /// Passes on what the server warns of.
    fn pass_on(&self) {
        for text in self.cluster.warnings() {
            self.warn(text);
        }
    }

    fn note(&self, text: impl Into<String>) {
        self.context.output.about_all().event(&Event::note(text));
    }

    fn warn(&self, text: impl Into<String>) {
        self.context.output.about_all().event(&Event::warning(text));
    }
}

/// Does things side by side, some at a time, and returns what they give in their order. A slow one keeps no
/// other from its turn.
async fn side_by_side<T>(work: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let numbered = work.enumerate().map(|(index, one)| async move { (index, one.await) });
    let mut done: Vec<(usize, T)> = stream::iter(numbered).buffer_unordered(AT_A_TIME).collect().await;
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, given)| given).collect()
}

/// Joins what was refused before the first write.
fn refused(errors: Vec<Error>) -> Result<(), Error> {
    verdict::one(errors, "objects are refused").map_err(|mut error| {
        error.message = format!("{}; nothing was written", error.message);
        error
    })
}
