//! `terminate_pods`: by uid, one after the other, and never more than may be missing.

use serde_json::{Value, json};

use super::{Place, Why};
use crate::chaos::{Candidate, Fault, Sent, requests};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::experiment::{Order, Pick};
use crate::world::random;

/// Pods that an action would hit, and how many Ready ones are left beside.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) pods: Vec<Candidate>,
    pub(super) left: usize,
}

/// Chooses the pods that an action hits, as they are now. Only those that are Ready and stay are hit: Chaos Toolkit takes those that
/// are on their way in or out, too, and then nothing is tried.
///
/// # Errors
/// That there is nobody, or what the server said.
pub(super) async fn choose(place: &Place<'_>, cluster: &Cluster, pick: &Pick) -> Result<Chosen, Why> {
    let of = cluster.of_namespace(&pick.candidates.namespace);
    let all = of
        .candidates(pick.candidates.label_selector.as_deref().unwrap_or_default())
        .await
        .map_err(refused)?;
    let is_open = |pod: &Candidate| place.only.is_none() || place.only == pod.owner;
    let ready: Vec<Candidate> =
        all.into_iter().filter(|pod| pod.ready && pick.candidates.has_name(&pod.name)).collect();
    let mut open: Vec<Candidate> =
        ready.iter().filter(|pod| !pod.opted_out && is_open(pod)).cloned().collect();
    if open.is_empty() {
        let labels = pick.candidates.label_selector.as_deref().unwrap_or("any");
        let whose = if place.only.is_some() { "no canary pod" } else { "no pod" };
        let namespace = &pick.candidates.namespace;
        return Err(Why::Nobody(format!(
            "{whose} of namespace {namespace} with labels {labels} is Ready and may be hit"
        )));
    }
    match pick.order {
        Order::Alphabetic => open.sort_by(|one, other| one.name.cmp(&other.name)),
        Order::Oldest => open.sort_by_key(|pod| pod.started),
    }
    let wanted =
        usize::try_from(pick.count(u64::try_from(open.len()).unwrap_or(u64::MAX))).unwrap_or(usize::MAX);
    let mut pods = Vec::new();
    while pods.len() < wanted && !open.is_empty() {
        let index = if pick.random {
            usize::try_from(random() % u64::try_from(open.len()).unwrap_or(1)).unwrap_or(0)
        } else {
            0
        };
        pods.push(open.remove(index));
    }
    Ok(Chosen { left: ready.len().saturating_sub(pods.len()), pods })
}

/// Hits them. The output is that of Chaos Toolkit: their names.
pub(super) async fn terminate(
    place: &Place<'_>,
    cluster: &Cluster,
    pick: &Pick,
    grace_period: Option<u64>,
) -> Result<Value, Why> {
    let of = cluster.of_namespace(&pick.candidates.namespace);
    let chosen = choose(place, cluster, pick).await?;
    let least = usize::try_from(place.min_ready).unwrap_or(usize::MAX);
    if chosen.left < least {
        let (hit, left) = (chosen.pods.len(), chosen.left);
        return Err(Why::Refused(format!(
            "hitting {hit} would leave {left} Ready, and {least} must be (--min-ready)"
        )));
    }
    let mut names = Vec::new();
    for pod in &chosen.pods {
        if place.deletes || grace_period.is_some() {
            of.delete_pod(pod, grace_period).await.map_err(refused)?;
        } else {
            for sent in requests(Fault::KillPods, pod, "", None).map_err(Why::Failed)? {
                evict(&of, pod, &sent).await?;
            }
        }
        let mut done = place.done.borrow_mut();
        done.victims.push(pod.name.clone());
        done.uids.insert(pod.uid.clone());
        names.push(pod.name.clone());
    }
    Ok(json!(names))
}

async fn evict(cluster: &Cluster, pod: &Candidate, sent: &Sent) -> Result<(), Why> {
    cluster.hit(pod, sent, false).await.map_err(refused)
}

pub(super) fn refused(error: Error) -> Why {
    Why::Refused(error.message)
}
