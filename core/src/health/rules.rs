//! The table of all that can be wrong: whose fault it is, how long it may last, how many pods must have it.
//! Numbers of rows are those of the table in `docs/health.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Error;
use crate::health::Class::{self, Infrastructure, Undecided, Version};

/// How many new pods must have a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// One: the same would happen to every other.
    One,
    /// All, or at least two that are at least half.
    Most,
}

/// What one kind of finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in output and for `--tolerate`.
    pub reason: &'static str,
    /// Its row in the table of the documentation.
    pub row: u8,
    /// Whose fault it is.
    pub class: Class,
    /// For how many seconds it may last; `None`: for ever.
    pub grace: Option<u64>,
    /// How many pods must have it.
    pub quorum: Quorum,
    /// What is said of a version that has it, as long as it may still pass.
    pub meanwhile: Meanwhile,
    /// Whether it counts from the begin of the pod's creation: what an event says may be told late.
    pub from_creation: bool,
    /// Why this grace, and where the fact comes from.
    pub why: &'static str,
}

impl Rule {
    const fn meanwhile(self, meanwhile: Meanwhile) -> Self {
        Self { meanwhile, ..self }
    }

    const fn dated_by_creation(self) -> Self {
        Self { from_creation: true, ..self }
    }
}

/// What is said of a version as long as a finding may still pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// It is failing.
    Trouble,
    /// It is in progress: a pod may go through this while it starts.
    Start,
    /// The same; and once every pod is Ready it is healthy, whatever was before.
    Past,
}

use Quorum::{Most, One};

const fn row(
    row: u8,
    reason: &'static str,
    class: Class,
    grace: Option<u64>,
    quorum: Quorum,
    why: &'static str,
) -> Rule {
    Rule { reason, row, class, grace, quorum, meanwhile: Meanwhile::Trouble, from_creation: false, why }
}

macro_rules! table {
    ($($name:ident: $rule:expr;)*) => {
        $(pub(super) const $name: Rule = $rule;)*

        /// Every rule, by row.
        pub const RULES: [Rule; 37] = [$($name),*];
    };
}

#[rustfmt::skip]
table! {
    INVALID_IMAGE_NAME: row(1, "InvalidImageName", Version, Some(0), One, "the kubelet cannot parse the reference: only another template can help (pkg/kubelet/images, ErrInvalidImageName)");
    ERR_IMAGE_NEVER_PULL: row(2, "ErrImageNeverPull", Version, Some(2), One, "the image is not on the node and may not be pulled (pkg/kubelet/images, ErrImageNeverPull)");
    IMAGE_NOT_ON_NODE: row(2, "ImageNotOnNode", Infrastructure, Some(30), Most, "another new pod has the image: the node lacks it, not the version");
    IMAGE_NOT_FOUND: row(3, "ImageNotFound", Version, Some(15), One, "the registry says that there is no such image, or that we may not have it; a push may be a few seconds late");
    IMAGE_PULL: row(4, "ImagePull", Infrastructure, Some(90), Most, "the registry could not be asked or is too busy: kubelet tries again after 10, 20 and 40 s");
    SIGNATURE_VALIDATION_FAILED: row(5, "SignatureValidationFailed", Version, Some(0), One, "the node's policy refuses the image (CRI error SignatureValidationFailed)");
    CREATE_CONTAINER_CONFIG_ERROR: row(6, "CreateContainerConfigError", Version, Some(20), One, "a ConfigMap, Secret or key is missing; it may be applied a moment later");
    CREATE_CONTAINER_ERROR: row(7, "CreateContainerError", Version, Some(60), Most, "the runtime refuses the container; some of its refusals pass");
    SANDBOX_FAILED: row(7, "SandboxFailed", Infrastructure, Some(120), Most, "the pod gets no network or sandbox: the node's fault, and often passing").dated_by_creation();
    START_ERROR: row(8, "StartError", Version, Some(0), One, "the command does not exist or cannot be executed: the same image cannot start anywhere (containerd reports exit code 128)");
    RUN_CONTAINER_ERROR: row(8, "RunContainerError", Version, Some(0), Most, "the runtime could not start it twice");
    CRASH_LOOP_BACK_OFF: row(9, "CrashLoopBackOff", Version, Some(0), Most, "it ended twice; once is enough for exit codes 126 and 127 (not executable, not found)");
    OOM_KILLED: row(10, "OOMKilled", Version, Some(0), Most, "it ran out of its memory limit twice");
    ENDED: row(11, "Ended", Version, None, Most, "it ended once: it may be waiting for something else to start").meanwhile(Meanwhile::Past);
    INIT_CRASH_LOOP: row(12, "InitCrashLoop", Version, Some(0), Most, "an init container ended without success twice");
    POST_START_HOOK: row(13, "PostStartHook", Version, Some(0), Most, "its postStart hook failed twice");
    LIVENESS_KILLED: row(14, "LivenessKilled", Version, Some(0), Most, "its liveness or startup probe had it restarted twice");
    NEVER_READY: row(15, "NeverReady", Version, Some(120), Most, "it runs and is not ready for one and a half times what its probes allow, at least 120 s, at most the Deployment's own progressDeadlineSeconds").meanwhile(Meanwhile::Start);
    UNSCHEDULABLE: row(16, "Unschedulable", Infrastructure, Some(120), Most, "no node takes it; pods that end may make room");
    AWAITS_SCALE_UP: row(16, "AwaitsScaleUp", Infrastructure, Some(600), Most, "an autoscaler of nodes was triggered: a node takes minutes").meanwhile(Meanwhile::Start);
    SCHEDULING_GATED: row(17, "SchedulingGated", Infrastructure, None, Most, "somebody else's gate keeps it from being scheduled (spec.schedulingGates)").meanwhile(Meanwhile::Start);
    FAILED_CREATE: row(18, "FailedCreate", Version, Some(2), One, "the API server refuses the pod: PodSecurity, LimitRange, an admission policy");
    SERVICE_ACCOUNT_MISSING: row(18, "ServiceAccountMissing", Version, Some(30), One, "its ServiceAccount is missing; it may be applied a moment later");
    QUOTA_EXCEEDED: row(19, "QuotaExceeded", Version, Some(30), One, "the namespace's quota is used up; pods that end may make room, but the ReplicaSet's back-off grows to 16 min (kubernetes#98656)");
    AWAITS_QUOTA: row(19, "AwaitsQuota", Infrastructure, None, One, "the quota has no room for the surge: old pods go first, as maxUnavailable allows, and the ReplicaSet tries again").meanwhile(Meanwhile::Start);
    WEBHOOK_FAILED: row(20, "WebhookFailed", Infrastructure, Some(90), One, "an admission webhook does not answer");
    CANNOT_CREATE: row(20, "CannotCreate", Infrastructure, Some(120), One, "pods cannot be made, for a reason that we do not know");
    PROGRESS_DEADLINE_EXCEEDED: row(21, "ProgressDeadlineExceeded", Version, Some(0), One, "the Deployment controller gave the rollout up after progressDeadlineSeconds");
    STABLE_UNAVAILABLE: row(22, "StableUnavailable", Infrastructure, Some(60), One, "fewer pods of the Deployment are Ready than before the start, less its maxUnavailable; while held, fewer stable pods than before and than the controller keeps: others end them");
    CONTROLLER_STALLED: row(23, "ControllerStalled", Infrastructure, Some(60), One, "the Deployment controller does not look at the newest spec").meanwhile(Meanwhile::Start);
    EVICTIONS: row(24, "Evictions", Infrastructure, Some(120), One, "the kubelet evicted or the scheduler preempted at least three new pods and half as many as are wanted, and others have not taken their places within that or what their probes allow");
    NODE_LOST: row(25, "NodeLost", Infrastructure, None, Most, "its node does not answer; the pod comes back or is replaced after 5 min");
    FAILED_MOUNT: row(26, "FailedMount", Version, Some(30), Most, "a volume's source is not found; it may be applied a moment later").dated_by_creation();
    VOLUME_NOT_ATTACHED: row(26, "VolumeNotAttached", Infrastructure, Some(120), Most, "a volume cannot be attached or mounted yet").dated_by_creation();
    SIDECAR_NEVER_READY: row(34, "SidecarNeverReady", Version, Some(120), Most, "as NeverReady, for a sidecar of the template (an init container that is always restarted)").meanwhile(Meanwhile::Start);
    INJECTED_NEVER_READY: row(34, "InjectedNeverReady", Infrastructure, Some(120), Most, "as NeverReady, for a container that somebody added to the pod").meanwhile(Meanwhile::Start);
    LOST_READINESS: row(35, "LostReadiness", Version, Some(10), Most, "a pod that was Ready while the version was being tried is not any more; one failed probe may pass");
}

/// An answer of a preview or of a pod that is not what was asked for. It is judged where it is asked, so that it has no row.
pub(super) const VERIFY: Rule =
    row(0, "Verify", Version, Some(0), One, "whoever rolls out says which answer is right");

/// What the metrics of both versions say. It has no row either: docs/analysis.md tells when.
pub(super) const METRICS_WORSE: Rule = row(
    0,
    "MetricsWorse",
    Version,
    Some(0),
    One,
    "it fails more requests than the stable version, or is slower",
);

/// The metrics do not tell.
pub(super) const NOT_ENOUGH_DATA: Rule =
    row(0, "NotEnoughData", Undecided, Some(0), One, "too few requests, or none that could be counted");

/// What a fault showed that was made on purpose. It has no row either: docs/chaos.md tells more.
pub(super) const FAULT_NOT_STOOD: Rule = row(
    0,
    "FaultNotStood",
    Version,
    Some(0),
    One,
    "it did not come back from a fault, or answered wrongly meanwhile",
);

/// Who was not hit suffered, too.
pub(super) const FAULT_ENVIRONMENT: Rule =
    row(0, "FaultEnvironment", Infrastructure, Some(0), One, "pods that were not hit answered wrongly, too");

/// Graces that the user changed, by reason. `None` means for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tolerances(BTreeMap<&'static str, Option<Duration>>);

impl Tolerances {
    /// Reads arguments of `--tolerate`: `REASON` (for ever) or `REASON=DURATION`.
    ///
    /// # Errors
    /// A usage error for a reason that is not in the table.
    pub fn parse(arguments: &[String]) -> Result<Self, Error> {
        let mut graces = BTreeMap::new();
        for argument in arguments {
            let (reason, grace) = match argument.split_once('=') {
                Some((reason, text)) => (reason, Some(crate::duration::parse(text).map_err(Error::usage)?)),
                None => (argument.as_str(), None),
            };
            let Some(rule) = RULES.iter().find(|rule| rule.reason.eq_ignore_ascii_case(reason)) else {
                let known: Vec<&str> = RULES.iter().map(|rule| rule.reason).collect();
                return Err(Error::usage(format!(
                    "--tolerate {reason}: there is no such reason; there are {}",
                    known.join(", ")
                )));
            };
            graces.insert(rule.reason, grace);
        }
        Ok(Self(graces))
    }

    /// Whether the user said something about a reason.
    pub fn names(&self, reason: &str) -> bool {
        self.0.contains_key(reason)
    }

    /// Returns for how long a finding may last: the user's word, else `otherwise`; `None` is for ever.
    pub fn grace(&self, rule: &Rule, otherwise: Option<Duration>) -> Option<Duration> {
        self.0.get(rule.reason).copied().unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_unique_and_each_says_why() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(rule.why.len() > 20, "{}", rule.reason);
            assert!(RULES[index + 1..].iter().all(|other| other.reason != rule.reason), "{}", rule.reason);
        }
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let doc = include_str!("../../../docs/health.md");
        for rule in RULES {
            let class = if rule.class == Version { "version" } else { "infrastructure" };
            let grace = rule.grace.map_or("for ever".to_owned(), |grace| format!("{grace} s"));
            let quorum = if rule.quorum == One { "one pod" } else { "most" };
            let line =
                format!("| {} | `{}` | {class} | {grace} | {quorum} | {} |", rule.row, rule.reason, rule.why);
            assert!(doc.contains(&line), "docs/health.md lacks\n{line}");
        }
    }

    #[test]
    fn a_tolerance_names_a_reason_of_the_table() {
        let given = ["ImagePull=5m".to_owned(), "oomkilled".to_owned()];
        let tolerances = Tolerances::parse(&given).unwrap();
        assert_eq!(tolerances.grace(&IMAGE_PULL, None), Some(Duration::from_secs(300)));
        assert_eq!(tolerances.grace(&OOM_KILLED, Some(Duration::ZERO)), None);
        let plain = Some(Duration::from_secs(15));
        assert_eq!(tolerances.grace(&IMAGE_NOT_FOUND, plain), plain);
        assert!(Tolerances::parse(&["Nope".into()]).unwrap_err().message.contains("OOMKilled"));
        assert!(Tolerances::parse(&["ImagePull=x".into()]).is_err());
    }
}
