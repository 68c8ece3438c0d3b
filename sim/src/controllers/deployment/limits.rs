//! How many pods a rolling update may have, and how many it has to keep.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::controllers::deployment::annotations::max_replicas;

/// The replicas that a Deployment asks for; the server defaults them to 1.
pub(crate) fn wanted(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// The replicas that a `ReplicaSet` asks for.
pub(crate) fn size(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// `IsRollingUpdate`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn is_rolling(deployment: &Deployment) -> bool {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.strategy.as_ref())
        .is_some_and(|strategy| strategy.type_.as_deref() == Some("RollingUpdate"))
}

/// `GetScaledValueFromIntOrPercent`, `k8s.io/apimachinery/pkg/util/intstr/intstr.go`. Nothing is 0.
fn scaled(value: Option<&IntOrString>, total: i32, up: bool) -> i32 {
    match value {
        None => 0,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let product = percent * i64::from(total);
            let whole = if up { (product + 99).div_euclid(100) } else { product.div_euclid(100) };
            i32::try_from(whole).unwrap_or(i32::MAX)
        }
    }
}

/// `ResolveFenceposts`, `pkg/controller/deployment/util/deployment_util.go`: both at once, because two zeros would
/// stand still.
pub(crate) fn fenceposts(
    surge: Option<&IntOrString>,
    unavailable: Option<&IntOrString>,
    total: i32,
) -> (i32, i32) {
    match (scaled(surge, total, true), scaled(unavailable, total, false)) {
        (0, 0) => (0, 1),
        both => both,
    }
}

fn both(deployment: &Deployment) -> (i32, i32) {
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    fenceposts(
        rolling.and_then(|r| r.max_surge.as_ref()),
        rolling.and_then(|r| r.max_unavailable.as_ref()),
        wanted(deployment),
    )
}

/// `MaxSurge`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn max_surge(deployment: &Deployment) -> i32 {
    if is_rolling(deployment) { both(deployment).0 } else { 0 }
}

/// `MaxUnavailable`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn max_unavailable(deployment: &Deployment) -> i32 {
    if !is_rolling(deployment) || wanted(deployment) == 0 {
        return 0;
    }
    both(deployment).1.min(wanted(deployment))
}

/// `NewRSNewReplicas`, `pkg/controller/deployment/util/deployment_util.go`: as many as the surge leaves room for.
pub(crate) fn new_replicas(deployment: &Deployment, present: i32, new: i32) -> i32 {
    let wanted = wanted(deployment);
    if !is_rolling(deployment) {
        return wanted;
    }
    // Not `MaxSurge`: the value alone, as upstream takes it here.
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    let surge = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let most = wanted + scaled(surge.and_then(|r| r.max_surge.as_ref()), wanted, true);
    if present >= most { new } else { new + (most - present).min(wanted - new) }
}

/// `GetReplicaSetProportion`, `pkg/controller/deployment/util/deployment_util.go`: the part of `to_add` that this set
/// takes when the Deployment is scaled during a rollout.
pub(crate) fn proportion(set: &ReplicaSet, deployment: &Deployment, to_add: i32, added: i32) -> i32 {
    if size(set) == 0 || to_add == 0 || to_add == added {
        return 0;
    }
    let part = fraction(set, deployment);
    let allowed = to_add - added;
    if to_add > 0 { part.min(allowed) } else { part.max(allowed) }
}

/// `getReplicaSetFraction`, `pkg/controller/deployment/util/deployment_util.go`.
fn fraction(set: &ReplicaSet, deployment: &Deployment) -> i32 {
    let size = size(set);
    if wanted(deployment) == 0 {
        return -size;
    }
    let most = wanted(deployment) + max_surge(deployment);
    let before = match max_replicas(set) {
        None | Some(0) => deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or(0),
        Some(number) => number,
    };
    if before == 0 {
        return 0;
    }
    rounded(i64::from(size) * i64::from(most), i64::from(before)) - size
}

/// `integer.RoundToInt32`, `k8s.io/utils/integer`: half away from zero.
fn rounded(dividend: i64, divisor: i64) -> i32 {
    i32::try_from((2 * dividend + divisor).div_euclid(2 * divisor)).unwrap_or(i32::MAX)
}
