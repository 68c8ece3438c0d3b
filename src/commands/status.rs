//! `status`: what is held, by whom, what share it has, and what is wrong with it.

use std::sync::Arc;

use futures::join;
use futures::stream::{self, TryStreamExt};

use crate::cli::{GlobalArgs, OutputFormat, StatusArgs};
use crate::cluster::{Cluster, Fleet, Scope};
use crate::commands::watch::{self, Order};
use crate::error::Error;
use crate::model::{Deployment, deployment_name};
use crate::output::Output;
use crate::situation::Observed;
use crate::status::{Warning, WorkloadStatus};

/// Workloads whose routes are read at a time.
const AT_ONCE: usize = 8;

/// Runs the verb.
pub(super) async fn run(
    args: &StatusArgs,
    global: &GlobalArgs,
    cluster: &Cluster,
    output: &Output,
) -> Result<(), Error> {
    if args.watch && global.output == OutputFormat::Yaml {
        return Err(Error::usage("--watch prints changes: choose -o human or -o json"));
    }
    let scope = match &args.name {
        Some(name) => Scope::One(deployment_name(name)?.to_owned()),
        None => Scope::Many { all: args.all_namespaces, labels: args.selector.clone() },
    };
    if args.watch || args.until.is_some() {
        let order = Order { scope, shown: args.watch, goal: args.until, timeout: global.timeout };
        return watch::run(&order, cluster, output).await;
    }
    match &scope {
        Scope::One(name) => one(name, cluster, output).await,
        Scope::Many { all, labels } => many(*all, labels.as_deref(), cluster, output).await,
    }
}

async fn one(name: &str, cluster: &Cluster, output: &Output) -> Result<(), Error> {
    // Two rounds: what the first needs of connections serves the second.
    let (deployment, autoscalers) = join!(cluster.deployment(name), cluster.autoscalers(name));
    let Some(Deployment(workload)) = deployment? else { return Err(cluster.not_found(name).await) };
    // What holds a workload tells of its Services itself.
    let marks = async { if workload.is_held() { Ok(Vec::new()) } else { cluster.marks().await } };
    let (observed, pods, marks) = join!(cluster.around(workload.clone()), cluster.pods(&workload), marks);
    let (mut observed, pods) = (observed?, pods?);
    observed.pods = pods.into_iter().map(Arc::new).collect();
    if observed.traffic.is_none()
        && !observed.is_held()
        && let Ok(Some(traffic)) = cluster.leftover(&observed.workload, marks).await
    {
        // Whoever cannot look for it is told the rest all the same.
        observed.traffic_objects = cluster.traffic_objects(&cluster.namespace, &traffic).await?;
        observed.traffic = Some(traffic);
    }
    output.statuses(&[WorkloadStatus::of(&observed, &autoscalers?)], false, false)
}

async fn many(all: bool, labels: Option<&str>, cluster: &Cluster, output: &Output) -> Result<(), Error> {
    let (fleet, pinned) = join!(Fleet::read(cluster, all, labels), cluster.pinned(all));
    let fleet = fleet?;
    let brief = |mut observed: Observed| {
        let pinned = &pinned;
        async move {
            let unread = unread_routes(cluster, &mut observed).await;
            observed.see_pinned(pinned);
            let mut status = WorkloadStatus::brief(&observed);
            status.warnings.extend(unread);
            Ok::<_, Error>(status)
        }
    };
    let observed = fleet.names().filter_map(|id| fleet.observed(&id).transpose());
    let statuses: Vec<WorkloadStatus> =
        stream::iter(observed).map_ok(brief).try_buffered(AT_ONCE).try_collect().await?;
    // The table of ten thousand rows takes its place.
    drop(fleet);
    if statuses.is_empty() {
        return Err(nothing(all, labels, cluster));
    }
    output.statuses(&statuses, true, all)
}

/// Reads the routes of a workload under way. Whoever may not is told that its share is that of the pods.
pub(super) async fn unread_routes(cluster: &Cluster, observed: &mut Observed) -> Option<Warning> {
    let error = cluster.see_routes(observed).await.err()?;
    let message = format!("its routes are not known, so the share is that of the pods: {}", error.message);
    Some(Warning { code: "routes-unread", message })
}

/// Nothing matched: a check in CI that looks at the wrong place must not succeed.
pub(super) fn nothing(all: bool, labels: Option<&str>, cluster: &Cluster) -> Error {
    let place = if all { "any namespace".into() } else { format!("namespace {}", cluster.namespace) };
    let which = labels.map(|labels| format!(" with labels {labels}")).unwrap_or_default();
    Error::usage(format!("there is no Deployment in {place}{which}"))
}
