//! Asks the new version through its preview, by way of the API server: nothing in the cluster has to be reached.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Engine;
use crate::cli::OnFailure;
use crate::error::Error;
use crate::health::Failure;
use crate::model::Pod;
use crate::plan::{Check, Step};
use crate::situation::Situation;
use crate::traffic::Role;

const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// How often containers of each pod have ended, by uid.
pub(super) type Ends = BTreeMap<String, i64>;

/// Counts how often containers of the new version's pods have ended.
pub(super) fn ends(situation: &Situation<'_>) -> Ends {
    let pods = situation.canary.into_iter().flat_map(|canary| situation.pods_of(canary));
    pods.map(|pod| (pod.uid().to_owned(), ended(pod))).collect()
}

fn ended(pod: &Pod) -> i64 {
    pod.containers().map(|(_, status, _)| status.ends()).sum()
}

/// Returns why all of the traffic has to go back at once: each pod of the version that has it is not Ready, or has ended
/// since the switch, and those of the former one are Ready. Nobody gains by a grace then.
pub(super) fn dark(step: &Step, situation: &Situation<'_>, before: &Ends) -> Option<Failure> {
    if !matches!(step, Step::Soak { .. }) || !situation.observed.switches() {
        return None;
    }
    let (stable, canary) = (situation.stable?, situation.canary?);
    let is_ready = |pod: &&Pod| pod.is_ready() && !pod.is_terminating();
    let ready = |set| situation.pods_of(set).filter(is_ready).count();
    let lasts = |pod: &Pod| before.get(pod.uid()).is_none_or(|before| ended(pod) <= *before);
    let serves = situation.pods_of(canary).any(|pod| is_ready(&pod) && lasts(pod) || pod.is_cut_off());
    if serves || ready(stable) == 0 {
        return None;
    }
    Some(Failure::dark(situation.pods_of(canary).map(|pod| pod.name().to_owned()).collect()))
}

impl Engine<'_> {
    /// Whether it matters that a pod is not Ready any more.
    pub(super) fn minds_darkness(&self) -> bool {
        self.guard.policy() != OnFailure::Continue && !Failure::dark_is_tolerated(&self.options.tolerances)
    }

    /// Returns why the new version failed, if some answer is not what it should be.
    pub(super) async fn verify(&mut self, checks: &[Check]) -> Result<Option<Failure>, Error> {
        let Some(traffic) = self.traffic.clone() else { return Ok(None) };
        let service = Role::Preview.service(&traffic.service);
        for check in checks {
            let mut answered = 0;
            for attempt in 0..TRIES {
                if attempt > 0 {
                    tokio::time::sleep(PAUSE).await;
                }
                self.lock.confirm(self.cluster).await?;
                answered = self.cluster.ask(&service, &check.path).await?;
                if answered == check.status {
                    break;
                }
            }
            if answered == check.status {
                self.note(&format!("{} answers {answered}", check.path));
                continue;
            }
            return Ok(Some(Failure::wrong_answer(format!(
                "{} of service/{service} answered {answered} instead of {}",
                check.path, check.status
            ))));
        }
        Ok(None)
    }
}
