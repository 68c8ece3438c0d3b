//! Applies what is no rollout.

use std::time::Duration;

use tokio::time::Instant;

use super::Run;
use super::check::Checked;
use crate::apply::{Action, Row, order};
use crate::cluster::Sending;
use crate::error::Error;
use crate::router::kept;

/// For how long the server may take to serve a new kind.
const DEFINITION_PATIENCE: Duration = Duration::from_secs(60);

/// Applies objects in their order.
///
/// # Errors
/// The first that the server refuses; what comes after it is not sent.
pub(super) async fn all(run: &Run<'_>, checked: &[Checked], rows: &mut [Row]) -> Result<(), Error> {
    let class = |one: &Checked| order::class(&one.item.id.group, &one.item.id.kind);
    let mut unsettled: Vec<&Checked> = Vec::new();
    let mut followed_by_nobody: Vec<String> = Vec::new();
    for (one, row) in checked.iter().zip(rows) {
        if class(one) > order::DEFINITIONS {
            settle(run, &mut unsettled).await?;
        }
        let how =
            Sending { dry_run: false, force: run.args.force_conflicts, just_defined: one.pending.is_some() };
        row.action = if one.split && is_still_split(run, one).await? {
            Action::Held
        } else {
            if let Some(live) = &one.live {
                run.cluster.take_over(&one.item, live, &one.sent, run.args.force_conflicts).await?;
            }
            one.action(&run.cluster.apply(&one.item, &one.sent, how).await?)
        };
        run.tell(row);
        if class(one) == order::DEFINITIONS {
            unsettled.push(one);
        }
        if class(one) == order::WORKLOADS - 1 {
            followed_by_nobody.push(one.item.id.to_string());
        }
    }
    settle(run, &mut unsettled).await?;
    if !followed_by_nobody.is_empty() {
        run.note(format!(
            "applied, and not waited for: {} (only Deployments are rolled out and judged so far)",
            followed_by_nobody.join(", ")
        ));
    }
    Ok(())
}

/// Whether a route is still split: the canary may have been promoted since it was checked.
async fn is_still_split(run: &Run<'_>, one: &Checked) -> Result<bool, Error> {
    let live = run.cluster.object(&one.item.id, &one.item.path()).await?;
    Ok(live.is_some_and(|live| kept(&live).is_some()))
}

/// Waits until what was defined can be used.
async fn settle(run: &Run<'_>, definitions: &mut Vec<&Checked>) -> Result<(), Error> {
    let deadline = run.deadline.min(Instant::now() + DEFINITION_PATIENCE);
    for one in definitions.drain(..) {
        run.cluster.until_established(&one.item, deadline).await?;
    }
    Ok(())
}
