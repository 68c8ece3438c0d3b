//! Whether a fault is seen where it was made: who only sent a request knows nothing yet.

use serde_json::Value;

use crate::chaos::{Candidate, Fault, SLOW};
use crate::cluster::{Asked, Cluster};
use crate::error::Error;

/// Whether the fault is seen on each of the pods that are there, and on one at least: who was taken away by others before that
/// shows nothing. `port`: where they are asked whether they are cut off.
///
/// # Errors
/// What the server said.
pub(super) async fn is_seen(
    cluster: &Cluster,
    fault: Fault,
    victims: &[Candidate],
    port: Option<u16>,
) -> Result<bool, Error> {
    let mut is_there = fault == Fault::KillPods;
    for victim in victims {
        let Some(pod) = cluster.victim(&victim.name, &victim.uid).await? else { continue };
        let is_seen = match fault {
            Fault::KillPods => true,
            Fault::FailPods => !Candidate::of(&pod).ready,
            Fault::SlowPods => is_slowed(&pod),
            Fault::CutPods => match port {
                Some(port) => !cluster.reaches(&Asked::Pod(victim.name.clone(), port)).await,
                None => false,
            },
        };
        if !is_seen {
            return Ok(false);
        }
        is_there = true;
    }
    Ok(is_there)
}

/// Whether the kubelet says that containers have what they were slowed to.
fn is_slowed(pod: &Value) -> bool {
    let statuses = pod["status"]["containerStatuses"].as_array();
    statuses.is_some_and(|statuses| {
        !statuses.is_empty() && statuses.iter().all(|status| status["resources"]["limits"]["cpu"] == SLOW)
    })
}
