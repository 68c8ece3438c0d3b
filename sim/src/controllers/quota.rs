//! Quotas: what the server admits ([`admit`]), and the controller that counts anew what is used
//! (`kubernetes/pkg/controller/resourcequota`).

mod amount;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use self::amount::print;
pub use self::usage::admit;
use self::usage::{Usage, noted, usage};
use crate::cache::{Cache, Change};
use crate::controllers::{Controller, Next, Refusal, Sync, Write, in_namespace};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// `--resource-quota-sync-period`, `cmd/kube-controller-manager/app/options/resourcequotacontroller.go`.
const PERIOD: Duration = Duration::from_secs(300);

/// The quota controller.
#[derive(Debug, Default)]
pub(crate) struct Quotas;

impl Controller for Quotas {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::ResourceQuota, Kind::Pod, Kind::ReplicaSet, Kind::Deployment, Kind::Service]
    }

    /// A quota that was changed, and every quota where something went or a pod ended
    /// (`resource_quota_controller.go` and `resource_quota_monitor.go` of `pkg/controller/resourcequota`).
    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        let Some(object) = change.object() else { return Vec::new() };
        let own = object.key();
        if matches!(object, Object::ResourceQuota(_)) {
            return vec![own];
        }
        let mut all = in_namespace(&cache.quotas, &own.namespace).peekable();
        if all.peek().is_none() {
            return Vec::new();
        }
        let less = match (&change.before, &change.after) {
            (Some(_), None) => true,
            (Some(before), Some(after)) => usage(before) != usage(after),
            (None, _) => false,
        };
        all.filter(|_| less).map(|quota| Object::ResourceQuota(quota.clone()).key()).collect()
    }

    /// `syncResourceQuota`, `pkg/controller/resourcequota/resource_quota_controller.go`.
    fn sync(&mut self, key: &Key, cache: &Cache, _now: Timestamp, _draw: &mut Draw) -> Sync {
        let Some(quota) = cache.quotas.get(key) else { return Sync::default() };
        let hard = quota.spec.as_ref().and_then(|spec| spec.hard.clone());
        let names: Vec<String> = noted(hard.as_ref()).into_keys().collect();
        let used = counted(cache, &key.namespace, &names);
        let status = quota.status.clone().unwrap_or_default();
        let same = status.hard == hard && noted(status.used.as_ref()) == used;
        let again_after = Some(PERIOD);
        if same {
            return Sync { writes: Vec::new(), again_after };
        }
        let used: BTreeMap<String, Quantity> =
            used.into_iter().map(|(name, amount)| (name, Quantity(print(amount)))).collect();
        let status = Some(ResourceQuotaStatus { hard, used: Some(used) });
        let quota = ResourceQuota { status, ..ResourceQuota::clone(quota) };
        Sync { writes: vec![Write::UpdateStatus(quota.into())], again_after }
    }

    fn answered(&mut self, _key: &Key, _write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        answer.map_or(Next::Again, |_| Next::Continue)
    }
}

fn counted(cache: &Cache, namespace: &str, names: &[String]) -> Usage {
    let pods = in_namespace(&cache.pods, namespace).map(|object| Object::Pod(object.clone()));
    let sets = in_namespace(&cache.replica_sets, namespace).map(|object| Object::ReplicaSet(object.clone()));
    let deployments =
        in_namespace(&cache.deployments, namespace).map(|object| Object::Deployment(object.clone()));
    let services = in_namespace(&cache.services, namespace).map(|object| Object::Service(object.clone()));
    let mut all: Usage = names.iter().map(|name| (name.clone(), 0)).collect();
    for object in pods.chain(sets).chain(deployments).chain(services) {
        for (name, amount) in usage(&object) {
            if let Some(sum) = all.get_mut(&name) {
                *sum += amount;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn quota(hard: &Value, used: &Value) -> ResourceQuota {
        from_value(json!({
            "metadata": {"name": "q", "namespace": "shop"}, "spec": {"hard": hard},
            "status": {"hard": hard, "used": used},
        }))
        .unwrap()
    }

    fn pod(name: &str, phase: &str, resources: &Value) -> Object {
        let pod: k8s_openapi::api::core::v1::Pod = from_value(json!({
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"containers": [{"name": "web", "resources": resources}]}, "status": {"phase": phase},
        }))
        .unwrap();
        pod.into()
    }

    #[test]
    fn the_server_says_what_was_exceeded() {
        let bare = pod("a", "Pending", &json!({}));
        let sized = pod("a", "Pending", &json!({"requests": {"cpu": "500m"}}));
        let cases = [
            (json!({"pods": "2"}), json!({"pods": "1"}), &bare, Ok(Some("2"))),
            (
                json!({"pods": "2"}),
                json!({"pods": "2"}),
                &bare,
                Err("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"),
            ),
            (json!({"pods": "2"}), json!({}), &bare, Err("status unknown for quota: q, resources: pods")),
            (json!({"services": "2"}), json!({"services": "2"}), &bare, Ok(None)),
            (
                json!({"requests.cpu": "1"}),
                json!({"requests.cpu": "0"}),
                &bare,
                Err("failed quota: q: must specify requests.cpu for: web"),
            ),
            (json!({"requests.cpu": "1"}), json!({"requests.cpu": "500m"}), &sized, Ok(Some("1"))),
            (
                json!({"requests.cpu": "1"}),
                json!({"requests.cpu": "600m"}),
                &sized,
                Err(
                    "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1",
                ),
            ),
        ];
        for (hard, used, object, expected) in cases {
            let answer = admit(&quota(&hard, &used), object);
            let told = answer
                .as_ref()
                .map(|after| after.as_ref().and_then(|used| used.values().next().map(|one| one.0.as_str())));
            assert_eq!(told.map_err(String::as_str), expected, "{hard} {used}");
        }
    }

    #[test]
    fn the_controller_counts_what_is_there() {
        let mut cache = Cache::default();
        let mut add = |object: Object| cache.take(&Change { before: None, after: Some(object) });
        add(quota(&json!({"pods": "9", "count/pods": "9", "requests.cpu": "9"}), &json!({"pods": "7"}))
            .into());
        add(pod("a", "Running", &json!({"requests": {"cpu": "250m"}})));
        add(pod("b", "Running", &json!({"requests": {"cpu": "1"}})));
        add(pod("over", "Failed", &json!({"requests": {"cpu": "1"}})));
        let now = Timestamp::from_second(0).unwrap();
        let sync = Quotas.sync(&Key::new("shop", "q"), &cache, now, &mut Draw::new(1));
        let [Write::UpdateStatus(Object::ResourceQuota(told))] = sync.writes.as_slice() else {
            panic!("{sync:?}")
        };
        let used = serde_json::to_value(told.status.as_ref().unwrap().used.as_ref()).unwrap();
        assert_eq!(used, json!({"pods": "2", "count/pods": "3", "requests.cpu": "1250m"}));
    }
}
