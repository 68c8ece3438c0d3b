//! What must hold at every instant while a fault is on, and after it.

use std::collections::BTreeMap;
use std::time::Duration;

use rollout_plus::keys::FAULT_LABEL;
use serde_json::Value;

use super::Chaos;
use crate::acts::Act;
use crate::driver::Driver;
use crate::object::Kind;
use crate::server::resources::of_kind;

/// The rules.
pub(super) const UNDONE: &str = "a fault is undone";
pub(super) const SPARED: &str = "a fault spares pods";
pub(super) const HAPPENED: &str = "a fault has to happen";

/// After the time that the fault lasts: what is left of it for its maker, until the kubelet looks, and until the pod has ended.
const SPARE: u64 = 5 + 15;
/// A cluster may be slow besides.
const SLOW: u64 = 15;

/// Pods that were hit, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Watch {
    limit: Duration,
    /// The fewest pods that are to be Ready, if nobody else takes any.
    least: Option<usize>,
    is_lost: bool,
    /// When each was hit, by its uid.
    hit: BTreeMap<String, Duration>,
    /// The hashes of the templates of those that were hit or evicted.
    hashes: Vec<String>,
    seen: u64,
    /// When something has to be over.
    due: Option<Duration>,
    /// What did not hold, the first of each rule.
    broken: BTreeMap<&'static str, String>,
}

fn pods(driver: &Driver) -> impl Iterator<Item = &Value> {
    let all = of_kind(Kind::Pod).into_iter().flat_map(|pods| driver.server.store.all(pods));
    all.map(|(_, pod)| pod.as_ref())
}

fn has(pod: &Value, type_: &str, member: &str, wanted: &str) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| one["type"] == type_ && one[member] == wanted)
}

/// Whether a pod runs or is to.
fn lives(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null()
        && !matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"))
}

fn is_hit(pod: &Value) -> bool {
    pod["metadata"]["labels"][FAULT_LABEL].is_string()
}

/// Names the pods that are there as they were hit.
pub(super) fn as_hit(driver: &Driver) -> Vec<String> {
    let all = pods(driver).filter(|pod| is_hit(pod) && lives(pod));
    all.map(|pod| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Names the policies that are there.
pub(super) fn policies(driver: &Driver) -> Vec<String> {
    let all = of_kind(Kind::NetworkPolicy).into_iter();
    all.flat_map(|policies| driver.server.store.all(policies)).map(|(key, _)| key.name.clone()).collect()
}

impl Watch {
    pub(super) fn of(chaos: &Chaos) -> Self {
        // A rival has a fault of its own, which lasts ten seconds.
        let seconds = chaos.seconds().max(10);
        let is_lost = chaos.does(|act| matches!(act, Act::NodeLost(_)));
        Self { limit: Duration::from_secs(seconds + SPARE + SLOW), is_lost, ..Self::default() }
    }

    /// From now on so many are to be Ready.
    pub(super) fn keeps(&mut self, least: Option<u64>) {
        self.least = least.and_then(|least| usize::try_from(least).ok());
    }

    /// Looks, whenever something happened.
    pub(super) fn look(&mut self, driver: &Driver) {
        let (now, version) = (driver.elapsed(), driver.server.store.version());
        if version == self.seen && self.due.is_none_or(|due| now < due) {
            return;
        }
        self.seen = version;
        self.due = None;
        let mut ready = 0;
        for pod in pods(driver) {
            let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            let is_evicted = has(pod, "DisruptionTarget", "reason", "EvictionByEvictionAPI");
            if is_evicted || is_hit(pod) {
                self.note(pod, image);
            }
            ready += usize::from(lives(pod) && has(pod, "Ready", "status", "True"));
            if !is_hit(pod) || !lives(pod) {
                continue;
            }
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
            let over = *self.hit.entry(uid.to_owned()).or_insert(now) + self.limit;
            if now < over {
                self.due = Some(self.due.map_or(over, |due| due.min(over)));
            } else if !self.is_lost {
                let name = &pod["metadata"]["name"];
                let why = format!("pod {name} is there as it was hit, {} s later", self.limit.as_secs());
                self.broken.entry(UNDONE).or_insert(why);
            }
        }
        if let Some(least) = self.least.filter(|least| ready < *least) {
            let why = format!("{ready} pods are Ready, and {least} had to stay so");
            self.broken.entry(SPARED).or_insert(why);
        }
    }

    fn note(&mut self, pod: &Value, image: &str) {
        // The image of one that fails is another by now: its template's hash tells which version it is of.
        let hash = pod["metadata"]["labels"]["pod-template-hash"].as_str().unwrap_or(image);
        if !self.hashes.iter().any(|known| known == hash) {
            self.hashes.push(hash.to_owned());
        }
    }

    /// Whether a pod was hit of the version with this hash.
    pub(super) fn has_hit(&self, hash: &str) -> bool {
        self.hashes.iter().any(|known| known == hash)
    }

    /// Tells what did not hold.
    pub(super) fn tell(&mut self, driver: &mut Driver) {
        for (rule, why) in std::mem::take(&mut self.broken) {
            driver.breaks(rule, why);
        }
    }
}
