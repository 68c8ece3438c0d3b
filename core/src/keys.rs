//! Every name and magic value that we write into a cluster.

/// The `fieldManager` of all our writes.
pub const FIELD_MANAGER: &str = "kubectl-rollout-plus";

/// Label of what we make, with the value `rollout-plus` (Kubernetes' recommended labels).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The longest value that fits beside other annotations: the API server allows 256 KiB for all.
pub const ANNOTATION_BYTES: usize = 224 * 1024;

/// Annotation on a held Deployment: a [`crate::journal::HeldRecord`] as JSON.
pub const HELD_ANNOTATION: &str = "rollout-plus/held";

/// Annotation on a held Deployment: who owned the fields that the hold changed, as entries of `managedFields`.
pub const OWNERS_ANNOTATION: &str = "rollout-plus/owners";

/// Annotation on a Deployment: the commit that its version was made from.
pub const COMMIT_ANNOTATION: &str = "rollout-plus/commit";

/// Annotation on a Deployment: the address of the CI build that deployed its version.
pub const BUILD_ANNOTATION: &str = "rollout-plus/build";

/// Annotation on a Deployment: who made that commit, or started that build.
pub const AUTHOR_ANNOTATION: &str = "rollout-plus/author";

/// Annotation on the Lease: a [`crate::journal::Journal`] as JSON.
pub const JOURNAL_ANNOTATION: &str = "rollout-plus/journal";

/// Annotation on the Lease: the last outcomes as JSON, an array of [`crate::journal::Outcome`].
pub const HISTORY_ANNOTATION: &str = "rollout-plus/history";

/// Annotation on the Lease: a [`crate::journal::FaultRecord`] as JSON.
pub const FAULT_ANNOTATION: &str = "rollout-plus/fault";

/// Label on a pod that a fault of ours has hit: the id of the run.
pub const FAULT_LABEL: &str = FAULT_ANNOTATION;

/// Annotation on a pod that no fault may hit, with the value `off`.
pub const CHAOS_ANNOTATION: &str = "rollout-plus/chaos";

/// The pod template annotation that `kubectl rollout restart` sets (`objectrestarter.go` of kubectl).
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// `spec.minReadySeconds` of a held Deployment, in seconds. Pods become Ready but never Available, so the
/// Deployment controller never takes a stable pod away. A workload is held if and only if it has this value.
pub const HELD: i64 = 2_147_483_646;

/// Whether a workload with this `spec.minReadySeconds` is held.
pub fn is_held(min_ready_seconds: Option<i64>) -> bool {
    min_ready_seconds == Some(HELD)
}

/// `spec.progressDeadlineSeconds` of a held Deployment: the API demands more than `minReadySeconds`, and
/// this very value means "no deadline" (`HasProgressDeadline` in `kubernetes/pkg/controller/deployment/util`).
pub const NO_DEADLINE: i64 = 2_147_483_647;

/// The label that tells the pods of one ReplicaSet from those of another.
pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// The annotation in which `kubectl apply` keeps what it applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The annotation in which the Deployment controller numbers revisions.
pub const REVISION: &str = "deployment.kubernetes.io/revision";

/// How long a Lease counts as held after its last renewal, in seconds.
pub const LEASE_SECONDS: i64 = 30;

/// Annotation on a Service that is pinned to the pods of one version: the user's own selector as JSON.
pub const SELECTOR_ANNOTATION: &str = "rollout-plus/selector";

/// Annotation on a Service of ours that has the pods of several versions: the share of each in percent, as JSON.
pub const SPLIT_ANNOTATION: &str = "rollout-plus/split";

/// Annotation on a route that names Services of ours: what the user had written there, as JSON.
pub const ROUTE_ANNOTATION: &str = "rollout-plus/route";
