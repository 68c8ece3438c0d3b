//! `status`: what is held, by whom, and what share it has.

use std::collections::BTreeMap;

use crate::cli::{StatusArgs, deployment_name};
use crate::cluster::{Cluster, Mirror};
use crate::error::Error;
use crate::event::Event;
use crate::model::{Observed, ReplicaSet};
use crate::output::Output;
use crate::record;
use crate::status::WorkloadStatus;

/// Runs the verb.
pub(super) async fn run(args: &StatusArgs, cluster: &Cluster, output: &Output) -> Result<(), Error> {
    let Some(name) = &args.name else {
        return many(args, cluster, output).await;
    };
    let name = deployment_name(name)?;
    let observed = cluster.observe(name).await?;
    let autoscalers = cluster.autoscalers(name).await?;
    let status = WorkloadStatus::of(&observed, &autoscalers);
    if args.watch {
        return watch(name, cluster, &autoscalers, output).await;
    }
    output.statuses(&[status], false, false)
}

async fn many(args: &StatusArgs, cluster: &Cluster, output: &Output) -> Result<(), Error> {
    if args.watch {
        return Err(Error::usage("--watch takes the name of one Deployment"));
    }
    let all = args.all_namespaces;
    let deployments = cluster.deployments(all, args.selector.as_deref()).await?;
    if deployments.is_empty() {
        let place = if all { "any namespace".into() } else { format!("namespace {}", cluster.namespace) };
        let which = args.selector.as_ref().map(|labels| format!(" with labels {labels}")).unwrap_or_default();
        return Err(Error::usage(format!("there is no Deployment in {place}{which}")));
    }
    let mut owned: BTreeMap<String, Vec<ReplicaSet>> = BTreeMap::new();
    for replica_set in cluster.replica_sets(all, None).await? {
        let owners = replica_set.metadata.owner_references.iter().flatten();
        if let Some(owner) =
            owners.clone().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone())
        {
            owned.entry(owner).or_default().push(replica_set);
        }
    }
    let leases: BTreeMap<(String, String), serde_json::Value> = cluster
        .leases(all)
        .await?
        .into_iter()
        .map(|lease| {
            let text = |field: &str| lease["metadata"][field].as_str().unwrap_or_default().to_owned();
            ((text("namespace"), text("name")), lease)
        })
        .collect();
    let statuses: Vec<WorkloadStatus> = deployments
        .into_iter()
        .map(|deployment| {
            let id = deployment.id();
            let lease = leases.get(&(id.namespace, record::lease_name(&id.name)));
            let observed = Observed {
                replica_sets: owned.remove(deployment.uid()).unwrap_or_default(),
                deployment,
                pods: Vec::new(),
                journal: lease.and_then(record::journal),
                lock: lease.map(record::lock_state),
            };
            WorkloadStatus::of(&observed, &[])
        })
        .collect();
    output.statuses(&statuses, true, all)
}

async fn watch(name: &str, cluster: &Cluster, autoscalers: &[String], output: &Output) -> Result<(), Error> {
    let mut mirror = Mirror::start(cluster, name).await?;
    let mut stop = crate::engine::Signals::new()?;
    loop {
        let lease = cluster.lease(name).await?;
        let Some(mut observed) = mirror.observed(None) else { return Err(cluster.not_found(name).await) };
        observed.journal = lease.as_ref().and_then(record::journal);
        observed.lock = lease.as_ref().map(record::lock_state);
        let status = WorkloadStatus::of(&observed, autoscalers);
        output
            .about(observed.deployment.id(), false)
            .event(&Event::Progress { text: "watching".into(), status: Box::new(status.clone()) });
        let pause = tokio::time::sleep(std::time::Duration::from_millis(200));
        tokio::select! {
            changed = mirror.changed() => changed?,
            () = stop.received() => return output.statuses(&[status], false, false),
        }
        // Changes come in bursts; one picture for each burst is enough.
        tokio::pin!(pause);
        loop {
            tokio::select! {
                changed = mirror.changed() => changed?,
                () = &mut pause => break,
            }
        }
    }
}
