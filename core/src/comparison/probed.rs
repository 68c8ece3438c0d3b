//! Requests that a run sends itself: whom they go to, and what their answers come to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Comparison, PODS};
use crate::analysis::{Count, Counted, bounds};
use crate::model::Pod;
use crate::reading::{Shot, Target, Volley};
use crate::situation::Situation;
use crate::traffic::Role;

/// The longest time for which is sent before a look, where looks are rarer.
const LONGEST: Duration = Duration::from_secs(15);

/// Bounds of latency in milliseconds, of which some are chosen: those that libraries give their histograms.
const BOUNDS: [u64; 9] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500];

/// So many answers of the stable version tell which bounds divide them.
const ENOUGH: u64 = 20;

/// Counts of each pod, by uid.
type ByPod = BTreeMap<String, Counted>;

impl Comparison {
    /// Returns what is sent until the next look; nothing where a version has no pod that could be asked.
    pub(super) fn volley(
        &mut self,
        situation: &Situation<'_>,
        [canaries, stable]: [&[Pod]; 2],
        look: Duration,
    ) -> Option<Volley> {
        let probe = self.asked.probe.clone()?;
        let observed = situation.observed;
        let traffic = observed.traffic.as_ref();
        let service = traffic.and_then(|traffic| observed.traffic_objects.service(&traffic.service));
        self.unprobed = None;
        let mut versions = Vec::new();
        for (role, version, pods) in
            [(Role::Canary, situation.canary, canaries), (Role::Stable, situation.stable, stable)]
        {
            if pods.is_empty() {
                continue;
            }
            let port = match probe.port_of(&version?.spec.template, service) {
                Ok(port) => port,
                Err(why) => {
                    self.unprobed = Some(why);
                    return None;
                }
            };
            let target = |pod: &Pod| Target { pod: pod.name().into(), uid: pod.uid().into(), port, role };
            versions.push(pods.iter().take(PODS).map(target).collect::<Vec<_>>());
        }
        let wanted = if self.asked.alone { 1 } else { 2 };
        let time = look.min(LONGEST);
        let before = self.sent;
        self.sending = time;
        let sent = u64::from(probe.rate).saturating_mul(time.as_secs());
        self.sent = before.saturating_add(usize::try_from(sent).unwrap_or_default());
        let volley = Volley { path: probe.path, rate: probe.rate, time, before, versions };
        Some(volley).filter(|volley| volley.versions.len() == wanted)
    }

    /// Takes in what came of each request.
    pub(super) fn take_probe(&mut self, shots: &[(Target, Shot)]) {
        if let Some(why) = shots.iter().find_map(|(target, shot)| lost(target, shot)) {
            self.unprobed = Some(why);
        }
        let bounds = match (&self.record.probe_bounds, self.asked.slower_than) {
            (Some(chosen), _) => chosen.clone(),
            (None, Some(asked)) => self.record.probe_bounds.insert(vec![asked]).clone(),
            // What they are chosen by does not count.
            (None, None) => {
                self.record.probe_bounds = chosen(shots);
                Vec::new()
            }
        };
        let mut by_pod: BTreeMap<Role, ByPod> = BTreeMap::new();
        for (target, shot) in shots {
            let Some((is_bad, seconds)) = outcome(shot) else { continue };
            let each =
                by_pod.entry(target.role).or_default().entry(target.uid.clone()).or_insert_with(|| {
                    let slow = bounds.iter().map(|bound| (*bound, Count::default())).collect();
                    Counted { errors: Some(Count::default()), slow }
                });
            let one = |is_bad: bool| Count { requests: 1, bad: u64::from(is_bad) };
            each.errors = each.errors.map(|all| all.plus(one(is_bad)));
            for (bound, all) in &mut each.slow {
                *all = all.plus(one(seconds > *bound));
            }
        }
        let canary = by_pod.remove(&Role::Canary).unwrap_or_default();
        let stable = by_pod.remove(&Role::Stable).unwrap_or_default();
        if !canary.is_empty() && (self.asked.alone || !stable.is_empty()) {
            let stable = Some(&stable).filter(|_| !self.asked.alone);
            self.record.analysis.look_at_probe(&canary, stable, self.sending);
        }
    }
}

/// Whether a request failed, and how many seconds it took; `None` where it says nothing of the pod.
#[expect(clippy::cast_precision_loss, reason = "no answer takes centuries")]
fn outcome(shot: &Shot) -> Option<(bool, f64)> {
    match shot {
        Shot::Answered { status, millis } => Some((*status >= 500, *millis as f64 / 1000.0)),
        Shot::Silent => Some((true, f64::INFINITY)),
        Shot::Lost(_) => None,
    }
}

/// Says why a request says nothing of the pod, if it does not.
fn lost(target: &Target, shot: &Shot) -> Option<String> {
    match shot {
        Shot::Lost(why) => Some(format!("pod {}: {why}", target.pod)),
        Shot::Answered { .. } | Shot::Silent => None,
    }
}

/// Chooses bounds by what the stable version's pods have answered.
fn chosen(shots: &[(Target, Shot)]) -> Option<Vec<f64>> {
    let stable = || {
        shots.iter().filter(|(target, _)| target.role == Role::Stable).filter_map(|(_, shot)| outcome(shot))
    };
    let above = |millis: u64| {
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let bound = millis as f64 / 1000.0;
        let count = stable().fold(Count::default(), |all, (_, seconds)| {
            all.plus(Count { requests: 1, bad: u64::from(seconds > bound) })
        });
        (bound, count)
    };
    let all: Vec<(f64, Count)> = BOUNDS.into_iter().map(above).collect();
    let is_enough = all.first().is_some_and(|(_, count)| count.requests >= ENOUGH);
    Some(bounds(&all)).filter(|chosen| is_enough && !chosen.is_empty())
}

#[cfg(test)]
mod tests;
