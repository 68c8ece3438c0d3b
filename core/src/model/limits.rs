//! The limits of a Deployment's stock rolling update, in pods.

use serde_json::Value;

use crate::model::Workload;

/// What an absent limit means (`SetDefaults_Deployment` in kubernetes/pkg/apis/apps/v1).
const DEFAULT: &str = "25%";

impl Workload {
    /// Whether all old pods go before the new ones come.
    pub fn is_recreate(&self) -> bool {
        self.spec.strategy.as_ref().is_some_and(|strategy| strategy["type"] == "Recreate")
    }

    /// Returns `maxSurge` or `maxUnavailable` as it is written, a number or a percentage.
    pub fn limit(&self, field: &str) -> Value {
        let rolling = self.spec.strategy.as_ref().map(|strategy| &strategy["rollingUpdate"][field]);
        rolling.filter(|value| !value.is_null()).cloned().unwrap_or_else(|| DEFAULT.into())
    }

    fn pods(&self, field: &str, round: fn(u64, u64) -> u64) -> u32 {
        let value = self.limit(field);
        let pods = match value.as_str().and_then(|text| text.strip_suffix('%')).map(str::parse::<u64>) {
            Some(Ok(percent)) => round(percent.saturating_mul(u64::from(self.replicas())), 100),
            _ => value.as_u64().unwrap_or(0),
        };
        u32::try_from(pods).unwrap_or(u32::MAX)
    }
}

/// Returns the pods that a rolling update may have above `spec.replicas`. Percentages round up
/// (`ResolveFenceposts` in kubernetes/pkg/controller/deployment/util).
pub(super) fn surge(workload: &Workload) -> u32 {
    workload.pods("maxSurge", u64::div_ceil)
}

/// Returns the pods that may be taken away from `spec.replicas`: all with `Recreate`. Percentages round
/// down, and where both limits come out as 0 this one is 1.
pub(super) fn unavailable(workload: &Workload) -> u32 {
    if workload.is_recreate() {
        return workload.replicas();
    }
    let pods = workload.pods("maxUnavailable", |whole, part| whole / part).min(workload.replicas());
    if pods == 0 && surge(workload) == 0 { 1 } else { pods }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rolling(replicas: i64, surge: &Value, unavailable: &Value) -> Workload {
        let mut workload = Workload::default();
        workload.spec.replicas = Some(replicas);
        workload.spec.strategy =
            Some(json!({"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}));
        workload
    }

    #[test]
    fn percentages_resolve_like_in_the_controller() {
        for (replicas, surge, unavailable, expected) in [
            (3, json!("25%"), json!("25%"), (1, 0)),
            (10, json!("25%"), json!("25%"), (3, 2)),
            (1, json!(0), json!("25%"), (0, 1)),
            (4, json!(2), json!(9), (2, 4)),
            (3, json!(null), json!(null), (1, 0)),
        ] {
            let workload = rolling(replicas, &surge, &unavailable);
            assert_eq!((workload.max_surge(), workload.max_unavailable()), expected, "{replicas}");
        }
        let mut recreate = rolling(3, &Value::Null, &Value::Null);
        recreate.spec.strategy = Some(json!({"type": "Recreate"}));
        assert_eq!(recreate.max_unavailable(), 3);
    }

    proptest! {
        #[test]
        fn a_rolling_update_can_always_move(replicas in 1_i64..500, surge in 0_u32..120, unavailable in 0_u32..120) {
            let workload = rolling(replicas, &json!(format!("{surge}%")), &json!(format!("{unavailable}%")));
            prop_assert!(workload.max_surge() + workload.max_unavailable() > 0);
            prop_assert!(workload.max_unavailable() <= workload.replicas());
        }
    }
}
