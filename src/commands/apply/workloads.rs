//! The workloads of an `apply`: all at once, under one deadline and one verdict.

use std::cell::Cell;

use serde_json::Value;
use tokio::time::Instant;

use super::check::{Checked, fitted};
use super::{Run, side_by_side};
use crate::apply::{Action, Item, Row, verdict};
use crate::cluster::{Cluster, Sending};
use crate::commands::context::Context;
use crate::error::{Error, Kind};
use crate::journal::Verb;
use crate::keys;
use crate::model::{DEPLOYMENT, ObjectName, Strategy, same_template};
use crate::plan::Plan;
use crate::situation::Observed;
use crate::status::WorkloadStatus;
use crate::strategy::{self, CanaryRequest, Wanted};

/// What is to be done with a workload.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Intent {
    /// It is not there: it is applied whole, and its first version is judged.
    Create,
    /// It gets a new template by the strategy; the rest of it is applied once that is through.
    Roll { template: Value, before: Value },
    /// Its template stays: the rest of it is applied, and judged.
    Settle,
}

impl Intent {
    /// Compares a workload with what the server would make of it.
    pub(super) fn of(live: &Value, merged: &Value) -> Self {
        let (before, template) = (live["spec"]["template"].clone(), merged["spec"]["template"].clone());
        // The share of a canary that is held may be what changes.
        let held = keys::is_held(live["spec"]["minReadySeconds"].as_i64());
        if held || !same_template(&before, &template) {
            return Self::Roll { template, before };
        }
        Self::Settle
    }

    fn plan(&self, run: &Run<'_>, observed: &Observed) -> Result<Plan, Error> {
        match (self, run.args.strategy) {
            (Self::Roll { template, .. }, Strategy::Canary) => {
                let request = CanaryRequest {
                    template: Some(template.clone()),
                    promote: run.args.promote,
                    wanted: Wanted { weights: run.args.weight.into_iter().collect(), ..Wanted::default() },
                    ..CanaryRequest::default()
                };
                strategy::canary(&request, observed)
            }
            (Self::Roll { template, .. }, Strategy::Rolling) => strategy::rolling(template, observed),
            (Self::Roll { .. }, Strategy::BlueGreen) => {
                Err(Error::usage("apply --strategy takes rolling or canary"))
            }
            (Self::Create | Self::Settle, _) => strategy::rolling(&observed.workload.spec.template, observed),
        }
    }

    fn verb(&self, run: &Run<'_>) -> Verb {
        match (self, run.args.strategy) {
            (Self::Roll { .. }, Strategy::Canary) => Verb::Canary,
            (Self::Roll { .. }, Strategy::BlueGreen) => Verb::BlueGreen,
            (Self::Roll { .. }, Strategy::Rolling) | (Self::Create | Self::Settle, _) => Verb::Rolling,
        }
    }
}

/// Makes the plan of a workload that exists, from one look at it: what cannot be rolled out is refused early.
pub(super) async fn foresee(run: &Run<'_>, item: &Item, intent: &Intent) -> Result<(Observed, Plan), Error> {
    let observed = cluster_of(run, item).observe(&item.id.name).await?;
    let plan = intent.plan(run, &observed)?;
    if run.context.global.dry_run.is_some() && !run.args.diff {
        let kind = observed.workload.kind.names();
        let steps: Vec<String> = plan.steps.iter().map(|step| step.title(kind)).collect();
        run.note(format!("{}: {}", item.id, steps.join(", then ")));
    }
    Ok((observed, plan))
}

/// Returns the cluster seen from where a workload is.
pub(super) fn cluster_of(run: &Run<'_>, item: &Item) -> Cluster {
    run.cluster.in_namespace(item.id.namespace.as_deref().unwrap_or_default())
}

/// How far a workload got.
struct Outcome {
    result: Result<(), Error>,
    action: Action,
    status: Option<WorkloadStatus>,
}

/// Rolls all workloads out.
///
/// # Errors
/// One verdict: all that failed, with the kind of the worst. Those that became healthy stay, or go back too with
/// `--atomic`.
pub(super) async fn all(run: &Run<'_>, workloads: &[Checked], rows: &mut [Row]) -> Result<(), Error> {
    let begun = Instant::now();
    let stopped = Cell::new(false);
    let clusters: Vec<Cluster> = workloads.iter().map(|one| cluster_of(run, &one.item)).collect();
    let begin = workloads.iter().zip(&clusters).map(|(one, cluster)| {
        let stopped = &stopped;
        async move {
            if stopped.get() {
                return Outcome::stopped(one, "before it began");
            }
            let outcome = begin(run, one, cluster).await;
            stopped.set(stopped.get() || kind_of(&outcome.result) == Some(Kind::Interrupted));
            outcome
        }
    });
    let mut outcomes: Vec<Outcome> = side_by_side(begin).await;
    let back = run.args.atomic && !stopped.get() && outcomes.iter().any(|one| one.result.is_err());
    if !back {
        let halted = stopped.get();
        let finish =
            workloads.iter().zip(&clusters).zip(outcomes).map(|((one, cluster), outcome)| async move {
                match (&outcome.result, outcome.action) {
                    (Err(_), _) | (Ok(()), Action::Held | Action::Created) => outcome,
                    (Ok(()), _) if halted => Outcome::stopped(one, "before the rest of it was applied"),
                    (Ok(()), _) => finish(run, one, cluster).await,
                }
            });
        outcomes = side_by_side(finish).await;
    }
    let interrupted = outcomes.iter().any(|one| kind_of(&one.result) == Some(Kind::Interrupted));
    if run.args.atomic && !interrupted && outcomes.iter().any(|one| one.result.is_err()) {
        let undo =
            workloads.iter().zip(&clusters).zip(outcomes).map(|((one, cluster), outcome)| async move {
                match (&outcome.result, &one.intent) {
                    (Ok(()), Some(Intent::Roll { before, .. })) => go_back(run, one, cluster, before).await,
                    // What has its template already was not begun.
                    (Ok(()), Some(Intent::Settle)) if back => Outcome::of(Ok(()), Action::NotApplied),
                    _ => outcome,
                }
            });
        outcomes = side_by_side(undo).await;
    }
    let mut errors = Vec::new();
    for ((one, outcome), row) in workloads.iter().zip(outcomes).zip(rows) {
        row.action = outcome.action;
        run.tell(row);
        let id = &one.item.id;
        let name = ObjectName::new(DEPLOYMENT, id.namespace.clone().unwrap_or_default(), &*id.name);
        let channel = run.context.output.about(name, true);
        channel.ended(&outcome.result, outcome.status, begun.elapsed().as_secs_f64());
        errors.extend(outcome.result.err());
    }
    verdict::one(errors, "workloads failed")
}

/// Brings the new version.
async fn begin(run: &Run<'_>, one: &Checked, cluster: &Cluster) -> Outcome {
    let Some(intent) = &one.intent else { return Outcome::of(Ok(()), Action::Unchanged) };
    match intent {
        Intent::Settle => return Outcome::of(Ok(()), Action::Unchanged),
        Intent::Create => {
            let how = Sending { force: run.args.force_conflicts, just_defined: true, ..Sending::default() };
            if let Err(error) = cluster.apply(&one.item, &one.sent, how).await {
                return Outcome::of(Err(error), Action::NotApplied);
            }
        }
        Intent::Roll { .. } => {}
    }
    let (result, status) =
        engine(run.context, run, one, cluster, intent.verb(run), |observed| intent.plan(run, observed)).await;
    let done = match intent {
        Intent::Create => Action::Created,
        Intent::Roll { .. } | Intent::Settle
            if run.args.strategy == Strategy::Canary && !run.args.promote =>
        {
            Action::Held
        }
        Intent::Roll { .. } | Intent::Settle => Action::Configured,
    };
    let action = if result.is_ok() { done } else { Action::Failed };
    Outcome { result, action, status }
}

/// Applies the rest of a workload that has its template: no pod is replaced by that.
async fn finish(run: &Run<'_>, one: &Checked, cluster: &Cluster) -> Outcome {
    let applied = async {
        // An autoscaler may have been at it since it was checked.
        let live = cluster.object(&one.item.id, &one.item.path()).await?.unwrap_or_default();
        let how = Sending { force: run.args.force_conflicts, ..Sending::default() };
        let sent = fitted(run, one, &live);
        cluster.take_over(&one.item, &live, &sent, run.args.force_conflicts).await?;
        cluster.take_from_others(&one.item, &one.overwritten).await?;
        let answer = cluster.apply(&one.item, &sent, how).await?;
        Ok::<_, Error>((live, answer))
    };
    let (live, answer) = match applied.await {
        Ok(both) => both,
        Err(error) => return Outcome::of(Err(error), Action::Failed),
    };
    if let Err(error) = cluster.forget_patches(&one.item).await {
        run.warn(error.message);
    }
    let action = one.action(&answer);
    let moved = live["metadata"]["generation"] != answer["metadata"]["generation"];
    if !moved && one.intent != Some(Intent::Settle) {
        let status = cluster.observe(&one.item.id.name).await.ok();
        let status = status.map(|observed| WorkloadStatus::of(&observed, &[]));
        return Outcome { result: Ok(()), action, status };
    }
    let planner = |observed: &Observed| Intent::Settle.plan(run, observed);
    let (result, status) = engine(run.context, run, one, cluster, Verb::Rolling, planner).await;
    let action = if result.is_ok() { action } else { Action::Failed };
    Outcome { result, action, status }
}

/// Takes a version back that was healthy, because another workload's was not.
async fn go_back(run: &Run<'_>, one: &Checked, cluster: &Cluster, before: &Value) -> Outcome {
    // The deadline of the whole may be over: going back has its own time.
    let context = Context { deadline: None, ..run.context };
    let held = run.args.strategy == Strategy::Canary && !run.args.promote;
    let (result, status) = if held {
        engine(context, run, one, cluster, Verb::Abort, |observed| Ok(strategy::abort(observed))).await
    } else {
        let planner = |observed: &Observed| strategy::rolling(before, observed);
        engine(context, run, one, cluster, Verb::Rollback, planner).await
    };
    let id = &one.item.id;
    let result = match result {
        Ok(()) => Err(Error::new(
            Kind::VersionFailed,
            format!("{id}: healthy, and taken back to the former version because another failed (--atomic)"),
        )),
        Err(mut error) => {
            error.message = format!("{id}: taking it back because another failed: {}", error.message);
            Err(error)
        }
    };
    Outcome { result, action: Action::Failed, status }
}

async fn engine(
    context: Context<'_>,
    run: &Run<'_>,
    one: &Checked,
    cluster: &Cluster,
    verb: Verb,
    planner: impl Fn(&Observed) -> Result<Plan, Error>,
) -> (Result<(), Error>, Option<WorkloadStatus>) {
    let mut engine = match context.open(cluster, &one.item.id.name, &run.args.guard).await {
        Ok(engine) => engine,
        Err(error) => return (Err(error), None),
    };
    let rehearsed = async {
        let plan = planner(&engine.observed()?)?;
        if !verb.takes_over() {
            engine.rehearse(plan, 0, &planner).await?;
        }
        Ok(())
    };
    let result = match rehearsed.await {
        Ok(()) => Box::pin(engine.run(verb, 0, planner)).await,
        Err(error) => Err(error),
    };
    let status = engine.picture(&result).await;
    (result, status)
}

impl Outcome {
    fn stopped(one: &Checked, when: &str) -> Self {
        let message = format!("{}: stopped by a signal {when}", one.item.id);
        Self::of(Err(Error::new(Kind::Interrupted, message)), Action::NotApplied)
    }

    fn of(result: Result<(), Error>, action: Action) -> Self {
        Self { result, action, status: None }
    }
}

fn kind_of(result: &Result<(), Error>) -> Option<Kind> {
    result.as_ref().err().map(|error| error.kind)
}
