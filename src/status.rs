//! The read model of one workload: what `status` shows, and the schema of its JSON.

use serde::Serialize;

use crate::keys;
use crate::model::{HoldSource, Observed, Phase, ReplicaSet, Situation, images};
use crate::record;
use crate::share::{percent, tidy};

/// One workload. Serialised as documented in `docs/json.md`; fields are added, never renamed.
#[derive(Clone, Debug, Serialize)]
pub struct WorkloadStatus {
    /// The namespace.
    pub namespace: String,
    /// Always `Deployment`.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// What it is doing.
    pub phase: Phase,
    /// Shares of the canary in percent of Ready pods.
    pub weight: Weight,
    /// The version that users had.
    pub stable: Option<Version>,
    /// The version that is tried, or on its way in or out.
    pub canary: Option<Version>,
    /// The run that holds it.
    pub run: Option<Run>,
    /// Leftovers and dangers.
    pub warnings: Vec<Warning>,
}

/// Asked and actual share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Weight {
    /// Percent that was asked for; null if pods were asked for or nothing is held.
    pub asked: Option<u8>,
    /// Percent of Ready pods that are canaries.
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

impl WorkloadStatus {
    /// Sums an observation up. `autoscalers` are the names of those that target the workload.
    pub fn of(observed: &Observed, autoscalers: &[String]) -> Self {
        let situation = Situation::of(observed);
        let deployment = &observed.deployment;
        let id = deployment.id();
        let record = situation.hold.as_ref().and_then(|hold| hold.record.as_ref());
        let stable = situation.stable.map(|rs| version(&situation, rs));
        let canary = situation.canary.map(|rs| version(&situation, rs));
        let (c, s) = (canary.as_ref().map_or(0, |v| v.ready), stable.as_ref().map_or(0, |v| v.ready));
        Self {
            namespace: id.namespace,
            kind: "Deployment",
            name: id.name,
            phase: situation.phase,
            weight: Weight { asked: record.and_then(|record| record.asked), actual: percent(c, s) },
            stable,
            canary,
            run: run(&situation),
            warnings: warnings(&situation, autoscalers),
        }
    }

    /// Returns the state in one line.
    pub fn sentence(&self) -> String {
        let pods = |version: &Option<Version>| {
            version.as_ref().map_or("none".to_owned(), |v| format!("{}/{}", v.ready, v.replicas))
        };
        let mut text = format!("{:?}: stable {} Ready", self.phase, pods(&self.stable));
        if self.canary.is_some() {
            text =
                format!("{text}, canary {} Ready, share {} %", pods(&self.canary), tidy(self.weight.actual));
        }
        if let Some(asked) = self.weight.asked {
            text = format!("{text} (asked {asked} %)");
        }
        text
    }
}

fn version(situation: &Situation<'_>, rs: &ReplicaSet) -> Version {
    let pods = situation.pods_of(rs).filter(|pod| pod.is_ready()).count();
    Version {
        hash: rs.hash().to_owned(),
        revision: rs.revision(),
        images: images(&rs.spec.template),
        replicas: rs.replicas(),
        // Pods are newer than the controller's count of them, where they were read.
        ready: if situation.observed.pods.is_empty() {
            rs.ready()
        } else {
            u32::try_from(pods).unwrap_or(u32::MAX)
        },
    }
}

fn run(situation: &Situation<'_>) -> Option<Run> {
    let observed = situation.observed;
    let holder = observed.lock.as_ref().and_then(|lock| lock.holder.as_deref());
    let journal = observed.journal.as_ref();
    let active = holder.is_some();
    let held_by = situation.hold.as_ref().map(|hold| hold.record.as_ref().map(|record| &record.run));
    let run = match (holder, held_by) {
        (Some(holder), _) => journal.map(|j| &j.run).filter(|run| record::identity(run) == holder),
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

fn warnings(situation: &Situation<'_>, autoscalers: &[String]) -> Vec<Warning> {
    let deployment = situation.deployment();
    let id = deployment.id();
    let verb = |verb: &str| format!("kubectl rollout-plus {verb} {} -n {}", id.name, id.namespace);
    let mut found = Vec::new();
    let mut warn = |code, message: String| found.push(Warning { code, message });
    if let Some(hold) = &situation.hold {
        match hold.source {
            HoldSource::Annotation => {}
            HoldSource::Journal => warn(
                "held-without-annotation",
                format!(
                    "held, but the record on the Deployment is gone (kubectl rollout undo?): {}",
                    verb("abort")
                ),
            ),
            HoldSource::Nowhere => warn(
                "held-without-record",
                format!(
                    "held, but nothing says what the settings were: abort and promote restore the API's defaults: {}",
                    verb("abort")
                ),
            ),
        }
        if situation.is_superseded() {
            warn(
                "superseded",
                format!(
                    "somebody put a third version ({}) in place of the canary: {}",
                    images(&deployment.spec.template).join(", "),
                    verb("abort")
                ),
            );
        } else if situation.is_on_stable_template() {
            warn(
                "undone",
                format!(
                    "somebody put the stable template back; canary pods may still serve: {}",
                    verb("abort")
                ),
            );
        }
        if let Some(record) = &hold.record
            && (deployment.spec.strategy != Some(crate::hold::strategy(record.bounds))
                || deployment.spec.progress_deadline_seconds != Some(keys::NO_DEADLINE))
        {
            warn(
                "field-changed",
                format!(
                    "somebody changed the strategy or the deadline during the hold; abort and promote keep those: {}",
                    verb("abort")
                ),
            );
        }
        let (wanted, have) = (deployment.replicas(), situation.stable.map_or(0, ReplicaSet::replicas));
        if have < wanted {
            warn(
                "stable-shrunk",
                format!("the stable set is {have} of {wanted} pods; it grows back only by {}", verb("abort")),
            );
        }
    } else {
        if deployment.spec.progress_deadline_seconds == Some(keys::NO_DEADLINE)
            && deployment.annotation(keys::HELD_ANNOTATION).is_some()
        {
            warn(
                "leftover",
                format!("no longer held, but some settings of a hold are left: {}", verb("abort")),
            );
        }
        let open = situation.observed.journal.as_ref().is_some_and(crate::record::Journal::is_open);
        if open
            && situation.phase != Phase::Idle
            && situation.observed.lock.as_ref().is_none_or(|lock| lock.holder.is_none())
        {
            warn("interrupted", format!("a run was interrupted: {} or {}", verb("resume"), verb("abort")));
        }
    }
    if deployment.spec.paused {
        warn(
            "paused",
            format!(
                "paused: no template change takes effect (kubectl rollout resume deployment/{} -n {})",
                id.name, id.namespace
            ),
        );
    }
    if let Some(message) = deployment.deadline_exceeded() {
        warn("failed", message.to_owned());
    }
    for name in autoscalers {
        warn(
            "autoscaler",
            format!("HorizontalPodAutoscaler {name} changes the number of pods, and with it the share"),
        );
    }
    if let Some(owner) = gitops_owner(situation) {
        warn("gitops", format!("{owner} may put its own template and settings back while a canary is held"));
    }
    found
}

/// Names the tool that keeps the Deployment as some repository has it. Sources: the tracking labels and field
/// managers of Argo CD (`resource_tracking`), Flux (kustomize- and helm-controller).
fn gitops_owner(situation: &Situation<'_>) -> Option<String> {
    const MARKS: [(&str, &str); 4] = [
        ("argocd.argoproj.io/tracking-id", "Argo CD"),
        ("argocd.argoproj.io/instance", "Argo CD"),
        ("kustomize.toolkit.fluxcd.io/name", "Flux"),
        ("helm.toolkit.fluxcd.io/name", "Flux"),
    ];
    const MANAGERS: [(&str, &str); 3] =
        [("argocd-controller", "Argo CD"), ("kustomize-controller", "Flux"), ("helm-controller", "Flux")];
    let metadata = &situation.deployment().metadata;
    let marked = |key: &str| {
        metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(key))
            || metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(key))
    };
    let managed = |name: &str| {
        metadata.managed_fields.iter().flatten().any(|entry| entry.manager.as_deref() == Some(name))
    };
    let mark = MARKS.iter().find(|(key, _)| marked(key));
    let manager = MANAGERS.iter().find(|(name, _)| managed(name));
    mark.or(manager).map(|(key, tool)| format!("{tool} ({key})"))
}
