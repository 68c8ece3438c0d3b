//! Objects that a rollout makes besides the pods.

use serde_json::Value;

use crate::model::same_template;
use crate::plan::{Plan, Step};
use crate::situation::Situation;
use crate::traffic::Target;

/// Objects of one kind that come to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The API group; empty for the core.
    pub group: String,
    /// The plural in paths.
    pub plural: String,
    /// How many.
    pub count: u32,
}

impl Made {
    /// Objects of a kind.
    pub fn new(group: &str, plural: &str, count: u32) -> Self {
        Self { group: group.into(), plural: plural.into(), count }
    }

    /// The ReplicaSet of a new version.
    pub fn replica_set() -> Self {
        Self::new("apps", "replicasets", 1)
    }

    /// Whether a ResourceQuota counts them by this key: `count/PLURAL.GROUP` for every kind, and the plural alone for
    /// some of the core (`evaluator/core` in kubernetes/pkg/quota/v1).
    pub fn is_counted_by(&self, key: &str) -> bool {
        let dot = if self.group.is_empty() { "" } else { "." };
        let full = key
            .strip_prefix("count/")
            .is_some_and(|rest| rest == format!("{}{dot}{}", self.plural, self.group));
        full || (self.group.is_empty() && key == self.plural)
    }
}

/// Returns what a plan makes that is not there yet: the ReplicaSet of the template, our Lease, our Services, and the
/// objects that a router needs.
pub(super) fn made(situation: &Situation<'_>, plan: &Plan, template: &Value) -> Vec<Made> {
    let observed = situation.observed;
    let mut made = Vec::new();
    let is_there = observed.revisions.iter().any(|rs| same_template(&rs.spec.template, template));
    if !is_there {
        made.push(Made::replica_set());
    }
    if observed.lock.is_none() {
        made.push(Made::new("coordination.k8s.io", "leases", 1));
    }
    let Some(traffic) = &observed.traffic else { return made };
    let namespace = situation.workload().id().namespace;
    let mut targets: Vec<Target> = Vec::new();
    for step in &plan.steps {
        match step {
            Step::Publish { role } => {
                targets.push(Target::service(&namespace, &role.service(&traffic.service)));
            }
            Step::Own { .. } => targets.extend(traffic.own.iter().cloned()),
            Step::Hold { .. }
            | Step::AwaitCanary
            | Step::Soak { .. }
            | Step::Update { .. }
            | Step::Release
            | Step::AwaitRollout
            | Step::Follow { .. }
            | Step::Restore
            | Step::AwaitStable
            | Step::Route { .. }
            | Step::Pin { .. }
            | Step::Withdraw
            | Step::Freeze
            | Step::Stop
            | Step::Verify { .. }
            | Step::Fault { .. }
            | Step::Smoke { .. } => {}
        }
    }
    targets.sort();
    targets.dedup();
    // A quota counts the objects of its own namespace.
    targets.retain(|target| {
        target.namespace == namespace && !observed.traffic_objects.objects.contains_key(target)
    });
    for target in targets {
        match made.iter_mut().find(|one| one.group == target.group() && one.plural == target.plural) {
            Some(one) => one.count += 1,
            None => made.push(Made::new(target.group(), &target.plural, 1)),
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{idle, template};
    use crate::traffic::{Role, Traffic};

    #[test]
    fn a_quota_names_a_kind_in_two_ways() {
        let services = Made::new("", "services", 1);
        assert!(services.is_counted_by("services") && services.is_counted_by("count/services"));
        assert!(!services.is_counted_by("services.nodeports") && !services.is_counted_by("count/services.x"));
        let sets = Made::replica_set();
        assert!(sets.is_counted_by("count/replicasets.apps"));
        assert!(!sets.is_counted_by("replicasets") && !sets.is_counted_by("count/replicasets"));
    }

    #[test]
    fn what_is_there_already_is_not_made() {
        let mut observed = idle();
        observed.traffic = Some(Traffic::direct("web"));
        let steps = vec![Step::Publish { role: Role::Preview }, Step::Publish { role: Role::Preview }];
        let plan = Plan { steps };
        let of = |observed: &crate::situation::Observed, image: &str| {
            made(&Situation::of(observed), &plan, &template(image))
        };
        let lease = Made::new("coordination.k8s.io", "leases", 1);
        let service = Made::new("", "services", 1);
        assert_eq!(of(&observed, "web:2"), [Made::replica_set(), lease.clone(), service.clone()]);
        assert_eq!(of(&observed, "web:1"), [lease.clone(), service]);
        let preview = Target::service("shop", &Role::Preview.service("web"));
        observed.traffic_objects.objects.insert(preview, Value::Null);
        assert_eq!(of(&observed, "web:1"), [lease]);
    }
}
