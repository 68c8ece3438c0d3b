//! `history`: revisions, and how they ended.

use crate::cli::HistoryArgs;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::history;
use crate::journal;
use crate::model::{Revision, deployment_name};
use crate::output::Output;

/// Runs the verb.
pub(super) async fn run(args: &HistoryArgs, cluster: &Cluster, output: &Output) -> Result<(), Error> {
    let name = deployment_name(&args.name)?;
    let (observed, lease) =
        futures::future::try_join(cluster.observe(name), cluster.lease(&cluster.workload(name))).await?;
    let outcomes = lease.as_ref().map(journal::outcomes).unwrap_or_default();
    let revisions = history::revisions(&observed, &outcomes);
    let Some(number) = args.revision else {
        return output.revisions(&revisions);
    };
    let found = revisions.into_iter().find(|revision| revision.revision == number);
    let template = observed.revisions.iter().find(|rs| rs.revision() == Some(number));
    match found.zip(template) {
        Some((revision, rs)) => output.revision(&revision, &template_of(rs)),
        None => Err(history::target(&observed, &outcomes, Some(number)).err().unwrap_or_else(|| {
            Error::usage(format!("there is no revision {number} of {}", observed.workload.id()))
        })),
    }
}

fn template_of(rs: &Revision) -> serde_json::Value {
    crate::model::without_hash(&rs.spec.template)
}
