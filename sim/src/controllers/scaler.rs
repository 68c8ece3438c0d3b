//! An autoscaler, after `kubernetes/pkg/controller/podautoscaler`: it changes the size of a Deployment by a demand that is
//! drawn. It stands for the metrics, not for their arithmetic.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::cache::{Cache, Change};
use crate::controllers::deployment::wanted;
use crate::controllers::{Controller, Next, Refusal, Sync, Write};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// `--horizontal-pod-autoscaler-sync-period`, `cmd/kube-controller-manager/app/options/hpacontroller.go`.
const PERIOD: Duration = Duration::from_secs(15);
/// In how many of a thousand looks the demand has changed.
const CHANGES: u64 = 250;

/// The autoscalers, each with the demand that it saw last.
#[derive(Debug, Default)]
pub(crate) struct Scaler {
    demand: BTreeMap<Key, i32>,
}

impl Controller for Scaler {
    fn name(&self) -> &'static str {
        "horizontal-pod-autoscaler"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Autoscaler, Kind::Deployment]
    }

    fn keys(&mut self, change: &Change, _cache: &Cache) -> Vec<Key> {
        match (change.object(), &change.before, &change.after) {
            (Some(object @ Object::Autoscaler(_)), None, Some(_)) => vec![object.key()],
            _ => Vec::new(),
        }
    }

    /// `reconcileAutoscaler`, `pkg/controller/podautoscaler/horizontal.go`: nothing is scaled from 0, and outside of the limits
    /// only to the nearest.
    fn sync(&mut self, key: &Key, cache: &Cache, _now: Timestamp, draw: &mut Draw) -> Sync {
        let Some(spec) = cache.autoscalers.get(key).and_then(|scaler| scaler.spec.as_ref()) else {
            self.demand.remove(key);
            return Sync::default();
        };
        let target = Key::new(&key.namespace, &spec.scale_target_ref.name);
        let again_after = Some(PERIOD);
        let deployment =
            cache.deployments.get(&target).filter(|_| spec.scale_target_ref.kind == "Deployment");
        let Some(now) = deployment.map(|deployment| wanted(deployment)).filter(|now| *now > 0) else {
            return Sync { writes: Vec::new(), again_after };
        };
        let (least, most) = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
        if draw.chance(CHANGES) || !self.demand.contains_key(key) {
            let limit = |number: i32| u64::try_from(number).unwrap_or(0);
            let drawn = draw.number(limit(least)..=limit(most.max(least)));
            self.demand.insert(key.clone(), i32::try_from(drawn).unwrap_or(least));
        }
        let wanted = self.demand.get(key).copied().unwrap_or(now).clamp(least, most.max(least));
        if wanted == now {
            return Sync { writes: Vec::new(), again_after };
        }
        // Upstream writes the subresource `scale`, which comes to the same.
        let patch = json!({"spec": {"replicas": wanted}});
        let write = Write::Merge { kind: Kind::Deployment, key: target, subresource: None, patch };
        Sync { writes: vec![write], again_after }
    }

    fn answered(&mut self, _key: &Key, _write: &Write, _answer: Result<Option<&Object>, &Refusal>) -> Next {
        // Refused or not: the next look is in its period.
        Next::Continue
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    fn sizes(replicas: i32) -> Vec<i64> {
        let mut cache = Cache::default();
        let deployment = json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": replicas, "selector": {}, "template": {}},
        });
        let scaler = json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        });
        let deployment: k8s_openapi::api::apps::v1::Deployment = from_value(deployment).unwrap();
        let scaler: k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler = from_value(scaler).unwrap();
        cache.take(&Change { before: None, after: Some(deployment.into()) });
        cache.take(&Change { before: None, after: Some(scaler.into()) });
        let (mut all, mut draw) = (Scaler::default(), Draw::new(1));
        let now = Timestamp::from_second(0).unwrap();
        let looks = (0..200).flat_map(|_| all.sync(&Key::new("shop", "web"), &cache, now, &mut draw).writes);
        looks
            .map(|write| match write {
                Write::Merge { patch, .. } => patch["spec"]["replicas"].as_i64().unwrap(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn sizes_stay_within_the_limits_and_change() {
        let sizes = sizes(9);
        let all: std::collections::BTreeSet<i64> = sizes.into_iter().collect();
        assert_eq!(all, [2, 3, 4, 5].into());
    }

    #[test]
    fn nothing_is_scaled_from_nothing() {
        assert_eq!(sizes(0), [0; 0]);
    }
}
