//! The read model of one workload: what `status` shows, and the schema of its JSON.

mod health;
mod pods;
mod traffic;
mod until;
mod warnings;

use serde::Serialize;

use crate::brief;
use crate::health::{Moment, Verdict, View, Watch};
use crate::journal;
use crate::model::{Names, ObjectName, Revision, images};
use crate::share::{percent, tidy};
use crate::situation::{Observed, Phase, Situation};

pub use health::{Condition, Health, NOTHING_TO_JUDGE};
pub use pods::PodStatus;
pub use traffic::{BackendStatus, RouteStatus, TrafficStatus};
pub use until::{Goal, Reached};

/// The longest message within a line that tells more than that, in letters. A tree, an error and JSON have it whole.
pub const MESSAGE: usize = 160;

/// One workload. Serialised as documented in `docs/json.md`; fields are added, never renamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkloadStatus {
    /// The namespace.
    pub namespace: String,
    /// `Deployment`, the only kind so far.
    pub kind: &'static Names,
    /// The name.
    pub name: String,
    /// What it is doing.
    pub phase: Phase,
    /// How the version of the live template is.
    pub health: Health,
    /// Shares of the canary in percent of Ready pods.
    pub weight: Weight,
    /// The version that users had.
    pub stable: Option<Version>,
    /// The version that is tried, or on its way in or out.
    pub canary: Option<Version>,
    /// The run that holds it.
    pub run: Option<Run>,
    /// How its traffic goes, if a router splits it or its Service is switched.
    pub traffic: Option<TrafficStatus>,
    /// Leftovers and dangers.
    pub warnings: Vec<Warning>,
}

/// Asked and actual share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Weight {
    /// Percent that was asked for; null if pods were asked for or nothing is held.
    pub asked: Option<u8>,
    /// Percent of Ready pods that are canaries; with a router, what the routes give.
    pub actual: f64,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Version {
    /// Its pod-template-hash.
    pub hash: String,
    /// Its number in `kubectl rollout history`.
    pub revision: Option<u64>,
    /// Images of its containers.
    pub images: Vec<String>,
    /// Pods that it is to have.
    pub replicas: u32,
    /// Ready pods.
    pub ready: u32,
    /// Its pods, by name, those that end included. Only those that are not Ready with [`Pods::NotReady`].
    pub pods: Vec<PodStatus>,
}

/// Who holds the workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// The run's random id.
    pub id: String,
    /// `user@host`.
    pub holder: String,
    /// When it began, RFC 3339.
    pub since: String,
    /// The CI build.
    pub link: Option<String>,
    /// Whether a process holds the lock now. A killed one counts until its Lease runs out.
    pub active: bool,
}

/// A leftover or danger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// A word for machines.
    pub code: &'static str,
    /// A sentence with what to do.
    pub message: String,
}

/// Which pods a picture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pods {
    /// All of them.
    All,
    /// Those that are not Ready: a table, or the progress of a run, has no room for more.
    NotReady,
}

impl WorkloadStatus {
    /// Sums an observation up at first sight. `autoscalers` are the names of those that target the workload.
    pub fn of(observed: &Observed, autoscalers: &[String]) -> Self {
        Self::watched(observed, autoscalers, Pods::All, &mut Watch::default(), Moment::ZERO).0
    }

    /// The same with only those pods that are not Ready.
    pub fn brief(observed: &Observed) -> Self {
        Self::watched(observed, &[], Pods::NotReady, &mut Watch::default(), Moment::ZERO).0
    }

    /// Sums an observation up by what was seen before; also returns when time alone can change the verdict.
    pub fn watched(
        observed: &Observed,
        autoscalers: &[String],
        pods: Pods,
        watch: &mut Watch,
        now: Moment,
    ) -> (Self, Option<Moment>) {
        let situation = Situation::of(observed);
        let verdict = watch.look(&View::of(&situation, &[], false), now);
        let wake = verdict.wake;
        (Self::judged(&situation, autoscalers, pods, &verdict), wake)
    }

    fn judged(situation: &Situation<'_>, autoscalers: &[String], pods: Pods, verdict: &Verdict) -> Self {
        let id = situation.workload().id();
        let record = situation.hold.as_ref().and_then(|hold| hold.record.as_ref());
        let stable = situation.stable.map(|rs| version(situation, rs, pods));
        let canary = situation.canary.map(|rs| version(situation, rs, pods));
        let (c, s) = (canary.as_ref().map_or(0, |v| v.ready), stable.as_ref().map_or(0, |v| v.ready));
        let share = percent(c, s);
        let traffic = TrafficStatus::of(situation, share);
        Self {
            namespace: id.namespace,
            kind: id.kind,
            name: id.name,
            phase: situation.phase,
            health: Health::of(situation, verdict),
            weight: Weight {
                asked: record.and_then(|record| record.asked),
                actual: traffic.as_ref().and_then(TrafficStatus::share).unwrap_or(share),
            },
            stable,
            canary,
            run: run(situation),
            warnings: warnings::warnings(situation, traffic.as_ref(), autoscalers),
            traffic,
        }
    }

    /// Returns which workload it is.
    pub fn id(&self) -> ObjectName {
        ObjectName { kind: self.kind, namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// Whether something is wrong with it now.
    pub fn is_failing(&self) -> bool {
        self.health.state.is_trouble()
    }

    /// Returns the state in one line.
    pub fn sentence(&self) -> String {
        self.sentence_after("")
    }

    /// Returns the state as the rest of a line, without the trouble that its begin has told already.
    pub fn sentence_after(&self, begin: &str) -> String {
        let ready = |version: &Option<Version>| {
            version.as_ref().map_or_else(|| "none Ready".to_owned(), Version::readiness)
        };
        let (former, new) = self.names();
        let mut text = match (&self.stable, &self.canary) {
            (Some(_), None) if !self.has_shares() => {
                format!("{:?}: {new} {}", self.phase, ready(&self.stable))
            }
            (_, None) => format!("{:?}: {former} {}", self.phase, ready(&self.stable)),
            (_, Some(_)) => {
                format!("{:?}: {former} {}, {new} {}", self.phase, ready(&self.stable), ready(&self.canary))
            }
        };
        if self.canary.is_some() && self.has_shares() {
            text = format!("{text}, share {} %", tidy(self.weight.actual));
        }
        if let Some(asked) = self.weight.asked {
            text = format!("{text} (asked {asked} %)");
        }
        let is_told = self.health.reason.as_ref().is_some_and(|reason| begin.contains(reason.as_str()));
        if self.is_failing() && !is_told {
            text = format!("{text}; {}", brief::line(&self.health.sentence(), MESSAGE));
        }
        text
    }
}

impl WorkloadStatus {
    /// Whether two versions share the traffic as somebody asked, and not only for the time that a rolling update takes.
    pub fn has_shares(&self) -> bool {
        match self.phase {
            Phase::Idle | Phase::Held | Phase::Promoting | Phase::Aborting => true,
            Phase::Progressing | Phase::Failed => false,
        }
    }

    /// Returns how the two versions are called: a plain rolling update has no canary.
    pub fn names(&self) -> (&'static str, &'static str) {
        if self.has_shares() { ("stable", "canary") } else { ("former", "new") }
    }
}

impl Version {
    /// Returns how many of its pods are Ready, of how many.
    pub fn readiness(&self) -> String {
        if self.ready > self.replicas {
            // Pods that are to go serve until they do.
            return format!("{} Ready, {} wanted", self.ready, self.replicas);
        }
        format!("{}/{} Ready", self.ready, self.replicas)
    }
}

fn version(situation: &Situation<'_>, rs: &Revision, pods: Pods) -> Version {
    let shown = situation.pods_of(rs).filter(|pod| match pods {
        Pods::All => true,
        Pods::NotReady => !pod.is_ready(),
    });
    let mut pods: Vec<PodStatus> = shown.map(PodStatus::of).collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    Version {
        hash: rs.hash().to_owned(),
        revision: rs.revision(),
        images: images(&rs.spec.template),
        replicas: rs.replicas(),
        ready: ready(situation, rs),
        pods,
    }
}

/// Returns the Ready pods of a version. They are newer than the controller's count of them, where they were read.
fn ready(situation: &Situation<'_>, rs: &Revision) -> u32 {
    if situation.observed.pods.is_empty() {
        return rs.ready();
    }
    let ready = situation.pods_of(rs).filter(|pod| pod.is_ready()).count();
    u32::try_from(ready).unwrap_or(u32::MAX)
}

fn run(situation: &Situation<'_>) -> Option<Run> {
    let observed = situation.observed;
    let holder = observed.lock.as_ref().and_then(|lock| lock.holder.as_deref());
    let journal = observed.journal.as_ref();
    let active = holder.is_some();
    let held_by = situation.hold.as_ref().map(|hold| hold.record.as_ref().map(|record| &record.run));
    let run = match (holder, held_by) {
        (Some(holder), _) => {
            // A fault alone has no journal.
            let known = journal.map(|j| &j.run).into_iter().chain(observed.fault.as_ref().map(|f| &f.run));
            known.into_iter().find(|run| journal::identity(run) == holder)
        }
        (None, Some(run)) => run.or(journal.map(|j| &j.run)),
        (None, None) => None,
    }?;
    Some(Run {
        id: run.id.clone(),
        holder: run.holder.clone(),
        since: run.since.clone(),
        link: run.link.clone(),
        active,
    })
}
