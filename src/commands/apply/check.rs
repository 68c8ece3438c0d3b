//! Has the server check everything before the first write, and finds out what would change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::resolve::Input;
use super::workloads::{self, Intent};
use super::{Run, refused, side_by_side};
use crate::apply::split::{self, Meaning};
use crate::apply::{Action, Item, Row, difference, held, replicas};
use crate::cli::DryRun;
use crate::error::Error;
use crate::model::deployment_name;
use crate::ownership::handover;
use crate::plan::Plan;
use crate::situation::Observed;

/// An object with what the server says of it.
pub(super) struct Checked {
    pub(super) item: Item,
    /// As it is.
    pub(super) live: Option<Value>,
    /// As it would be; `None` where the server was not asked.
    pub(super) merged: Option<Value>,
    /// What is sent.
    pub(super) sent: Value,
    /// Why the server could not be asked.
    pub(super) pending: Option<String>,
    /// Whether it is a route that a canary splits, and stays so.
    pub(super) split: bool,
    /// Whether an autoscaler targets it.
    pub(super) autoscaled: bool,
    /// What it takes from other managers, as their entries of `managedFields`.
    pub(super) overwritten: Vec<Value>,
    /// What is to be done with a workload.
    pub(super) intent: Option<Intent>,
    /// A workload that is there, and the plan made of that look at it.
    pub(super) foreseen: Option<(Observed, Plan)>,
}

impl Checked {
    /// Returns what an answer of the server, or what is sent, means for the object as it was.
    pub(super) fn action(&self, becomes: &Value) -> Action {
        match &self.live {
            None => Action::Created,
            Some(live)
                if difference::changes(Some(&held::without_hold(live, live.clone())), becomes).is_empty() =>
            {
                Action::Unchanged
            }
            Some(_) => Action::Configured,
        }
    }

    /// Says what would become of it.
    pub(super) fn foretold(&self) -> Row {
        let mut row = Row::new(&self.item.id, Action::Created);
        if self.split {
            row.action = Action::Held;
            return row;
        }
        match (&self.live, &self.merged) {
            (_, Some(merged)) => {
                row.action = self.action(merged);
                // Of a new object what the user wrote says it all; the rest are the API's defaults.
                let after = if self.live.is_some() { merged } else { &self.sent };
                let live = self.live.as_ref().map(|live| held::without_hold(live, live.clone()));
                row.changes = Some(difference::changes(live.as_ref(), after));
            }
            (Some(live), None) => {
                let within = difference::is_within(&self.sent, live);
                row.action = if within { Action::Unchanged } else { Action::Configured };
            }
            (None, None) => row.changes = Some(difference::changes(None, &self.sent)),
        }
        row
    }
}

/// Checks all objects.
///
/// # Errors
/// All that is refused, in one: nothing is written then.
pub(super) async fn all(run: &Run<'_>, input: Input) -> Result<Vec<Checked>, Error> {
    let Input { items, undefined } = input;
    let mut absent = BTreeSet::new();
    for item in items.iter().filter(|item| item.is("", "Namespace")) {
        if run.cluster.object(&item.id, &item.path()).await?.is_none() {
            absent.insert(item.id.name.clone());
        }
    }
    let ready = items.iter().map(|item| {
        let key = (item.resource.api_version.to_string(), item.id.kind.clone());
        let namespace = item.id.namespace.as_ref().filter(|namespace| absent.contains(*namespace));
        let pending = match namespace {
            Some(namespace) => Some(format!("namespace {namespace} does not exist yet")),
            None if undefined.contains(&key) => Some(format!("the kind {} is not defined yet", item.id.kind)),
            None => None,
        };
        one(run, &items, item, pending)
    });
    let results: Vec<Result<Checked, Error>> = side_by_side(ready).await;
    let (mut checked, mut errors, mut skipped) = (Vec::new(), Vec::new(), BTreeSet::new());
    for result in results {
        match result {
            Ok(one) => {
                skipped.extend(one.pending.clone());
                checked.push(one);
            }
            Err(error) => errors.push(error),
        }
    }
    refused(errors)?;
    for why in skipped {
        run.note(format!("what needs it is not checked by the server beforehand: {why}"));
    }
    Ok(checked)
}

async fn one(run: &Run<'_>, items: &[Item], item: &Item, pending: Option<String>) -> Result<Checked, Error> {
    let mut checked = Checked {
        item: item.clone(),
        live: None,
        merged: None,
        sent: item.object.clone(),
        pending,
        split: false,
        autoscaled: false,
        overwritten: Vec::new(),
        intent: item.is_rolled_out().then_some(Intent::Create),
        foreseen: None,
    };
    if item.is_rolled_out() {
        deployment_name(&item.id.name).map_err(|error| at(item, error))?;
        if item.object["spec"]["paused"] == true {
            let message = format!("{}: {} is paused: it would never be rolled out", item.origin, item.id);
            return Err(Error::refused(message).next("leave spec.paused out"));
        }
    }
    if checked.pending.is_some() {
        return Ok(checked);
    }
    checked.live = run.cluster.object(&item.id, &item.path()).await?;
    if item.is_rolled_out() && checked.live.is_some() {
        let cluster = workloads::cluster_of(run, item);
        checked.autoscaled = replicas::is_autoscaled(items, item)
            || !cluster.autoscalers(&item.id.name).await.unwrap_or_default().is_empty();
    }
    if let Some(live) = &checked.live {
        checked.sent = fitted(run, &checked, live);
        if item.is_rolled_out() {
            note_replicas(run, &checked, live);
        }
    }
    // A dry run on the client's side sends nothing but reads.
    if run.context.global.dry_run == Some(DryRun::Client) && !run.args.diff {
        return Ok(checked);
    }
    let live = checked.live.as_ref();
    let sent =
        live.map_or_else(|| checked.sent.clone(), |live| held::beside_hold(live, checked.sent.clone()));
    let mut merged = run.cluster.foretell(item, live, &sent, run.args.force_conflicts).await?;
    if let Some(live) = live {
        merged = held::without_hold(live, merged);
        checked.overwritten = handover::overwritten(live, &sent, &merged);
        for entry in &checked.overwritten {
            run.note(format!("{}: {}; the manifest's value takes its place", item.id, handover::told(entry)));
        }
    }
    if let (true, Some(live)) = (item.is_rolled_out(), &checked.live) {
        let intent = Intent::of(live, &merged);
        checked.foreseen =
            Some(workloads::foresee(run, item, &intent).await.map_err(|error| at(item, error))?);
        checked.intent = Some(intent);
    }
    if let Some(live) = &checked.live {
        checked.split = is_left(item, live, &merged)?;
    }
    checked.merged = Some(merged);
    Ok(checked)
}

/// Whether an object is left as it is, because a canary splits it and it has all of the user's that is sent.
///
/// # Errors
/// Refuses what else would change it: the shares would be lost with it.
fn is_left(item: &Item, live: &Value, merged: &Value) -> Result<bool, Error> {
    match split::meaning(live, merged) {
        None => Ok(false),
        Some(Meaning::Same) => Ok(true),
        Some(Meaning::Other) => {
            let message = format!(
                "{}: {}: a canary or a switch of its traffic has not ended, and the shares would be lost",
                item.origin, item.id
            );
            let namespace = item.id.namespace.as_deref().unwrap_or_default();
            Err(Error::refused(message)
                .next(format!("kubectl rollout-plus status -n {namespace}"))
                .next("promote or abort it first, or leave the change of the route for later"))
        }
    }
}

/// Returns what is sent for an object that exists.
pub(super) fn fitted(run: &Run<'_>, one: &Checked, live: &Value) -> Value {
    let mut sent = one.item.object.clone();
    if one.item.is_rolled_out() {
        let decision = replicas::decide(live, one.autoscaled, run.args.force_conflicts);
        replicas::write(&mut sent, decision);
    }
    handover::with_annotation(live, sent)
}

/// Says so if another number of replicas stays than the manifest has.
fn note_replicas(run: &Run<'_>, one: &Checked, live: &Value) {
    let (written, kept) = (&one.item.object["spec"]["replicas"], &live["spec"]["replicas"]);
    if written.is_null() || written == kept || one.sent["spec"]["replicas"] == *written {
        return;
    }
    let owners: BTreeSet<&str> = replicas::owners(live).map(|(manager, _)| manager).collect();
    let owners: Vec<&str> = owners.into_iter().collect();
    let why = if one.autoscaled {
        "an autoscaler targets it".to_owned()
    } else {
        format!("{} owns it (--force-conflicts takes it)", owners.join(", "))
    };
    run.note(format!("{}: spec.replicas stays {kept}, not {written}: {why}", one.item.id));
}

fn at(item: &Item, mut error: Error) -> Error {
    error.message = format!("{}: {}", item.origin, error.message);
    error
}
