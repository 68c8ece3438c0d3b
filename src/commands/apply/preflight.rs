//! The preflight of the workloads that get a new version, with what the same input brings.

use super::check::Checked;
use super::workloads::{Intent, cluster_of};
use super::{Run, refused};
use crate::commands::check::tell;
use crate::error::Error;
use crate::preflight::{Subject, from_documents};
use crate::situation::Situation;

/// Kinds that decide about pods: the server would judge a pod by those of now, not by those of the input.
const DECIDE: [&str; 3] = ["ServiceAccount", "LimitRange", "ResourceQuota"];

/// Judges every workload that is rolled out, each by itself.
///
/// They roll at once, but that a quota has no room for all of them is not certain to fail: a ReplicaSet that gets no pod tries
/// again, and another Deployment's old pods may be gone by then. If they are not, the run tells by `QuotaExceeded`.
///
/// # Errors
/// All refusals together.
pub(super) async fn all(run: &Run<'_>, checked: &[Checked]) -> Result<(), Error> {
    let mut errors = Vec::new();
    for one in checked {
        let (Some(Intent::Roll { .. }), Some((observed, plan))) = (&one.intent, &one.foreseen) else {
            continue;
        };
        let cluster = cluster_of(run, &one.item);
        let subject = Subject::of(&Situation::of(observed), plan, run.args.strategy);
        let mut facts = Box::pin(cluster.facts(&subject)).await?;
        let beside = checked.iter().filter(|other| other.item.id.namespace == one.item.id.namespace);
        if beside.clone().any(|other| DECIDE.contains(&other.item.id.kind.as_str())) {
            facts.pod_dry_run = Err("the input itself changes what pods are judged by".into());
        }
        facts.add(from_documents(beside.map(|other| &other.sent)));
        let id = cluster.workload(&one.item.id.name);
        let channel = run.context.output.about(id, true);
        errors.extend(tell(&subject, &facts, &run.args.preflight.force, &channel).err());
    }
    refused(errors)
}
