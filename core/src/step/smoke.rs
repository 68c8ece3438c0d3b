//! What the user's own tests are told of the version.

use crate::model::{Pod, images};
use crate::situation::Situation;
use crate::traffic::Role;

/// Returns the variables that a test gets, as `docs/verify.md` has them. `share`: the percentage of the traffic that the version
/// has, if it is known. A variable without a value is empty, and never left out: a test can rely on its being there.
pub fn variables(situation: &Situation<'_>, share: Option<u8>) -> Vec<(String, String)> {
    let id = situation.workload().id();
    let live = situation.current;
    let ready = |pod: &&Pod| pod.is_ready() && !pod.is_terminating();
    let pods = live.into_iter().flat_map(|live| situation.pods_of(live)).filter(ready);
    let pods: Vec<&str> = pods.map(Pod::name).collect();
    let all = [
        ("ROLLOUT_NAMESPACE", id.namespace.clone()),
        ("ROLLOUT_WORKLOAD", id.title()),
        ("ROLLOUT_IMAGES", images(&situation.workload().spec.template).join(" ")),
        ("ROLLOUT_HASH", live.map(|live| live.hash().to_owned()).unwrap_or_default()),
        ("ROLLOUT_PODS", pods.join(" ")),
        ("ROLLOUT_SERVICE", service(situation).unwrap_or_default()),
        ("ROLLOUT_WEIGHT", share.map(|share| share.to_string()).unwrap_or_default()),
    ];
    all.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Returns the Service that has the pods of the new version alone.
fn service(situation: &Situation<'_>) -> Option<String> {
    let observed = situation.observed;
    let root = &observed.traffic.as_ref()?.service;
    let services = [Role::Preview, Role::Canary].map(|role| role.service(root));
    services.into_iter().find(|name| observed.traffic_objects.service(name).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::held;
    use crate::traffic::{Target, Traffic};

    #[test]
    fn a_test_is_told_of_the_version_and_of_no_other() {
        let mut observed = held();
        for (name, status) in [("web-2-a", "True"), ("web-2-b", "False")] {
            let owner = json!([{"uid": "web-2", "controller": true}]);
            let pod = json!({
                "metadata": {"name": name, "uid": name, "ownerReferences": owner},
                "status": {"conditions": [{"type": "Ready", "status": status}]},
            });
            observed.pods.push(std::sync::Arc::new(serde_json::from_value(pod).unwrap()));
        }
        let told = |observed: &crate::situation::Observed, share| {
            let variables = variables(&Situation::of(observed), share);
            variables
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        insta::assert_snapshot!(told(&observed, Some(25)));
        observed.traffic = Some(Traffic::direct("web"));
        let service = Target::service("shop", &Role::Preview.service("web"));
        observed.traffic_objects.objects.insert(service, json!({"metadata": {"name": "web-preview"}}));
        let told = told(&observed, None);
        assert!(told.contains("ROLLOUT_SERVICE=web-preview\nROLLOUT_WEIGHT="), "{told}");
        assert!(told.ends_with("WEIGHT="), "{told}");
    }
}
