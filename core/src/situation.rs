//! What the objects of one workload mean together: who is stable, who is canary, is it held.

mod judged;
mod loan;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{FaultRecord, HeldRecord, Journal, LockState, Originals, Snapshot, State, Verb};
use crate::keys;
use crate::model::{ObjectName, Pod, Revision, Workload, fingerprint, same_template, without_hash};
use crate::share::Bounds;
use crate::traffic::{Target, Traffic, TrafficObjects, pinned_to, selected, selecting};
use loan::hold_of;

/// All that was read of one workload.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The workload itself.
    pub workload: Workload,
    /// Its versions.
    pub revisions: Vec<Revision>,
    /// Pods that match its selector; empty where only counts were read. Shared, because there may be thousands.
    pub pods: Vec<Arc<Pod>>,
    /// What pods were in between, since they were last looked at: changes come in bursts, and one that crashed and is
    /// up again crashed all the same.
    pub passed: Vec<Arc<Pod>>,
    /// The journal on the workload's Lease.
    pub journal: Option<Journal>,
    /// Who holds the Lease.
    pub lock: Option<LockState>,
    /// A fault that a run of ours made, and that nobody has undone yet.
    pub fault: Option<FaultRecord>,
    /// How the traffic is routed, if a router splits it.
    pub traffic: Option<Traffic>,
    /// The objects that it goes by.
    pub traffic_objects: TrafficObjects,
}

/// Where the way home was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldSource {
    /// The annotation on the Deployment.
    Annotation,
    /// The journal: the annotation is gone or was brought back from an older ReplicaSet.
    Journal,
    /// Nowhere: somebody removed both. The API's defaults are the best guess.
    Nowhere,
}

/// A hold that is in force.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The annotation, if it is that of this hold.
    pub record: Option<HeldRecord>,
    /// The exact text of the annotation, ours or not: what a write must find unchanged.
    pub text: Option<String>,
    /// The user's own values.
    pub original: Originals,
    /// Where they were found.
    pub source: HoldSource,
}

/// What a workload is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// One version, whole.
    Idle,
    /// A canary is held beside the stable version.
    Held,
    /// A stock rolling update: somebody else's, or that of `rolling`, `rollback` or `restart`.
    Progressing,
    /// The rolling update of a promoted canary.
    Promoting,
    /// The way back to stable.
    Aborting,
    /// The Deployment controller gave the rollout up.
    Failed,
}

/// The meaning of an [`Observed`].
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// All that was read.
    pub observed: &'a Observed,
    /// Set if and only if `minReadySeconds` has the magic value.
    pub hold: Option<Hold>,
    /// Of a promotion, an abort or a rolling update that is not finished: where it came from.
    pub way_back: Option<&'a Snapshot>,
    /// The version that users had.
    pub stable: Option<&'a Revision>,
    /// The other version that has pods or is to have them.
    pub canary: Option<&'a Revision>,
    /// The version of the live template.
    pub current: Option<&'a Revision>,
    /// What the workload is doing.
    pub phase: Phase,
}

impl<'a> Situation<'a> {
    /// Reads the meaning out of the objects.
    pub fn of(observed: &'a Observed) -> Self {
        let workload = &observed.workload;
        let hold = hold_of(observed);
        let current = current(observed);
        let way_back = way_back(observed);
        let recorded = match &hold {
            Some(hold) => stable_hash(hold, observed),
            None => way_back.map(|snapshot| snapshot.stable.as_str()),
        };
        let stable = recorded
            .and_then(|hash| observed.revisions.iter().find(|rs| rs.hash() == hash))
            .or_else(|| largest_but(observed, current))
            .or(current);
        let not_stable = |rs: &&Revision| stable.is_none_or(|stable| stable.name() != rs.name());
        let canary = current.filter(not_stable).or_else(|| largest_but(observed, stable));
        let settled = workload.is_complete() && largest_but(observed, current).is_none();
        let phase = if hold.is_some() {
            Phase::Held
        } else if workload.deadline_exceeded().is_some() {
            Phase::Failed
        } else if settled {
            Phase::Idle
        } else {
            match way_back {
                // Who follows the version that is live already goes nowhere.
                Some(snapshot) if snapshot.canary == fingerprint(&workload.spec.template) => {
                    let journal = observed.journal.as_ref().filter(|journal| journal.state != State::Done);
                    journal
                        .filter(|journal| journal.is_past_holds())
                        .map_or(Phase::Progressing, |j| j.verb.phase())
                }
                Some(_) => Phase::Aborting,
                None => Phase::Progressing,
            }
        };
        let (stable, canary) = if phase == Phase::Idle { (current, None) } else { (stable, canary) };
        Self { observed, hold, way_back, stable, canary, current, phase }
    }

    /// Returns the workload itself.
    pub fn workload(&self) -> &'a Workload {
        &self.observed.workload
    }

    /// Returns the template of the stable version, from its ReplicaSet or else from the journal.
    pub fn stable_template(&self) -> Option<&'a Value> {
        let snapshot = match (&self.hold, self.phase) {
            (Some(_), _) => self.observed.snapshot(),
            // What is whole is stable, whatever a record says that nobody closed.
            (None, Phase::Idle) => None,
            (None, _) => self.way_back,
        };
        match (self.stable, snapshot) {
            (Some(stable), Some(snapshot)) if stable.hash() != snapshot.stable => Some(&snapshot.template),
            (Some(stable), _) => Some(&stable.spec.template),
            (None, snapshot) => snapshot.map(|snapshot| &snapshot.template),
        }
    }

    /// Returns the template that the run in the journal came from, and that its failure comes back to: also where the
    /// new version is whole already. `None` if nothing is on the way.
    pub fn home(&self) -> Option<&'a Value> {
        match &self.hold {
            Some(_) => self.stable_template(),
            None => self.way_back.map(|snapshot| &snapshot.template),
        }
    }

    /// Returns where the live version came from, if no run has noted the end of its rollout: also where it is whole, and
    /// for one still to answer.
    pub fn came_from(&self) -> Option<&'a Snapshot> {
        let live = &self.workload().spec.template;
        let before = self.way_back.filter(|_| self.hold.is_none())?;
        let is_new = before.canary == fingerprint(live) && !same_template(&before.template, live);
        is_new.then_some(before)
    }

    /// Returns the user's own values of the fields that a hold changes.
    pub fn own_settings(&self) -> Originals {
        self.observed.own_settings()
    }

    /// Whether somebody changed the settings of a Deployment that is not held yet, after the journal took them down.
    pub fn has_other_settings(&self) -> bool {
        let noted = self.observed.snapshot().filter(|_| self.hold.is_none());
        noted.is_some_and(|snapshot| snapshot.original != self.own_settings())
    }

    /// Returns what is needed to come back to the stable version, to be journaled before the first write.
    pub fn snapshot(&self, canary: &Value) -> Option<Snapshot> {
        let original = self.own_settings();
        Some(Snapshot {
            uid: self.workload().uid().to_owned(),
            stable: self.stable.map(|rs| rs.hash().to_owned()).filter(|hash| !hash.is_empty())?,
            template: without_hash(self.stable_template()?),
            original,
            canary: fingerprint(canary),
            live: fingerprint(&self.workload().spec.template),
        })
    }

    /// Returns the Service that is pinned to one version while no hold keeps the pods of that version: the next
    /// ordinary rollout takes them away.
    pub fn loose_pin(&self) -> Option<(&'a str, &'a str)> {
        let traffic = self.observed.traffic.as_ref().filter(|_| self.hold.is_none())?;
        let hash = pinned_to(self.observed.traffic_objects.service(&traffic.service)?)?;
        (!hash.is_empty()).then_some((&traffic.service, hash))
    }

    /// Whether the live template is the stable one: nothing is being rolled out.
    pub fn is_on_stable_template(&self) -> bool {
        let live = &self.workload().spec.template;
        self.stable_template().is_some_and(|stable| same_template(stable, live))
    }

    /// Whether somebody put the stable template back under the hold: the pods of the canary make room for stable ones.
    pub fn is_taken_back(&self) -> bool {
        self.hold.is_some() && self.is_on_stable_template()
    }

    /// Whether the controller does not count the stable pods as Available as long as the hold is on. It gives the ReplicaSet of
    /// the live template the Deployment's `minReadySeconds` (`getNewReplicaSet`, `pkg/controller/deployment/sync.go`), and whoever
    /// put the stable template back under the hold made the stable one that. Then of two old ReplicaSets it takes the unavailable
    /// pods of the older one first (`cleanupUnhealthyReplicas`, `rolling.go`): the stable ones, if a third version comes.
    pub fn stable_is_uncounted(&self) -> bool {
        let is_held = |rs: &Revision| keys::is_held(rs.spec.min_ready_seconds);
        self.hold.is_some() && self.stable.is_some_and(is_held) || self.is_taken_back()
    }

    /// Whether somebody put a third template in place of the canary's.
    pub fn is_superseded(&self) -> bool {
        let Some(hold) = &self.hold else { return false };
        let noted = || {
            let snapshot = self.observed.snapshot().filter(|snapshot| !snapshot.canary.is_empty());
            snapshot.map(|snapshot| &snapshot.canary)
        };
        let Some(canary) = hold.record.as_ref().map(|record| &record.canary).or_else(noted) else {
            return false;
        };
        *canary != fingerprint(&self.workload().spec.template) && !self.is_on_stable_template()
    }

    /// Whether a Service of ours has the pods of the live version; `None` if it is not there.
    pub fn is_of_live(&self, service: &str) -> Option<bool> {
        let hash = selected(self.observed.traffic_objects.service(service)?);
        let live = &self.workload().spec.template;
        let mut sets = self.observed.revisions.iter();
        Some(sets.any(|set| hash == Some(set.hash()) && same_template(&set.spec.template, live)))
    }

    /// Returns the limits on the live Deployment, if they are written as we write them.
    pub fn live_bounds(&self) -> Option<Bounds> {
        self.workload().limits()
    }

    /// Whether another client changed the limits that keep the share.
    pub fn lost_its_limits(&self) -> bool {
        let record = self.hold.as_ref().and_then(|hold| hold.record.as_ref());
        match record {
            Some(record) => !self.workload().has_limits(record.bounds),
            None => self.live_bounds().is_none(),
        }
    }

    /// Returns the pods that the controller will let the canary have under the live limits.
    pub fn canary_target(&self) -> Option<u32> {
        let bounds = self.live_bounds()?;
        let canary = self.canary.map_or("", Revision::name);
        let beside: u32 =
            self.observed.revisions.iter().filter(|rs| rs.name() != canary).map(Revision::replicas).sum();
        Some(self.workload().kind.target(self.workload(), bounds, beside))
    }

    /// Returns the pods of a version, terminating ones included.
    pub fn pods_of<'s>(&'s self, rs: &'s Revision) -> impl Iterator<Item = &'a Pod> + use<'s, 'a> {
        self.observed.pods.iter().map(Arc::as_ref).filter(move |pod| rs.has(pod))
    }
}

impl Verb {
    /// Returns what a workload is doing while the rolling update of such a run goes on.
    pub const fn phase(self) -> Phase {
        match self {
            Self::Canary | Self::BlueGreen | Self::Promote => Phase::Promoting,
            Self::Abort => Phase::Aborting,
            Self::Rolling | Self::Rollback | Self::Restart => Phase::Progressing,
        }
    }
}

impl Observed {
    /// Whether the hold is in force.
    pub fn is_held(&self) -> bool {
        self.workload.is_held()
    }

    /// Whether all of the traffic is switched at once, as blue-green does, and not shared.
    pub fn switches(&self) -> bool {
        self.traffic.as_ref().is_some_and(|traffic| traffic.switch.is_some())
    }

    /// Takes note of a pinned Service of ours where nothing holds the pods that it has.
    pub fn see_pinned(&mut self, pinned: &[Value]) {
        if self.is_held() {
            return;
        }
        let ObjectName { namespace, .. } = self.workload.id();
        let here = pinned.iter().filter(|service| service["metadata"]["namespace"] == *namespace);
        let labels = &self.workload.spec.template["metadata"]["labels"];
        let Some(service) = selecting(here.cloned().collect(), labels).into_iter().next() else { return };
        let target = Target::service(&namespace, service["metadata"]["name"].as_str().unwrap_or_default());
        self.traffic.get_or_insert_with(|| Traffic::direct(&target.name));
        self.traffic_objects.objects.insert(target, service);
    }

    /// Returns the journal's snapshot if it is of this very Deployment and not of a former one.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        let snapshot = self.journal.as_ref()?.snapshot.as_ref()?;
        (snapshot.uid == self.workload.uid()).then_some(snapshot)
    }
}

fn stable_hash<'h>(hold: &'h Hold, observed: &'h Observed) -> Option<&'h str> {
    let recorded = hold.record.as_ref().map(|record| record.stable.as_str());
    recorded.or_else(|| observed.snapshot().map(|snapshot| snapshot.stable.as_str()))
}

/// The way home of a run that holds nothing any more or never did, and that is not finished; or of a hold that another
/// client broke. Only as long as the live template is one of its two: what others rolled out since is none of its business.
fn way_back(observed: &Observed) -> Option<&Snapshot> {
    let journal = observed.journal.as_ref()?;
    let live = &observed.workload.spec.template;
    let snapshot = observed.snapshot().filter(|_| !observed.is_held())?;
    let is_canary = snapshot.canary == fingerprint(live);
    let is_changed = is_canary && snapshot.live != snapshot.canary;
    let unfinished = journal.state != State::Done && (journal.is_past_holds() || is_changed);
    let ours = is_canary || same_template(&snapshot.template, live);
    ((unfinished || observed.has_broken_hold()) && ours).then_some(snapshot)
}

/// The version of the live template; of several the oldest, as `FindNewReplicaSet` in
/// kubernetes/pkg/controller/deployment/util has it.
fn current(observed: &Observed) -> Option<&Revision> {
    let live = &observed.workload.spec.template;
    let same = observed.revisions.iter().filter(|rs| same_template(&rs.spec.template, live));
    same.min_by_key(|rs| rs.metadata.creation_timestamp.as_ref().map(|time| time.0))
}

/// The version with the most pods, other than the one given.
fn largest_but<'a>(observed: &'a Observed, other: Option<&Revision>) -> Option<&'a Revision> {
    observed
        .revisions
        .iter()
        .filter(|rs| other.is_none_or(|other| other.name() != rs.name()))
        .filter(|rs| rs.replicas() > 0 || rs.status.replicas > 0)
        .max_by_key(|rs| (rs.ready(), rs.replicas()))
}
