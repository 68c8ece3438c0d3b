//! Deployments: a version is a ReplicaSet, and a hold makes new pods beside the stable ones that never count as Available.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::keys::{HELD, NO_DEADLINE, is_held};
use crate::model::kind::{Marks, Names, WorkloadKind};
use crate::model::{Originals, Revision, Workload, limits, resource};
use crate::share::{Bounds, Sizing, Stable, Unavailable};

/// The kind of Deployments.
pub static DEPLOYMENT: &dyn WorkloadKind = &Deployments;

static NAMES: Names = Names {
    kind: "Deployment",
    word: "deployment",
    resource: &resource::DEPLOYMENTS,
    revision: "ReplicaSet",
    strategy: "strategy",
};

/// See [`DEPLOYMENT`].
#[derive(Debug)]
struct Deployments;

impl WorkloadKind for Deployments {
    fn names(&self) -> &'static Names {
        &NAMES
    }

    fn refuses_hold(&self, workload: &Workload) -> Option<Error> {
        let id = workload.id();
        let refused = || {
            Error::refused(format!(
                "{id} has the strategy Recreate, which says that two versions must never run at once"
            ))
            .next(format!(
                "kubectl patch deployment {} -n {} --type=merge -p '{{\"spec\":{{\"strategy\":{{\"type\":\"RollingUpdate\"}}}}}}'",
                id.name, id.namespace
            ))
        };
        workload.is_recreate().then(refused)
    }

    fn is_held(&self, workload: &Workload) -> bool {
        is_held(workload.spec.min_ready_seconds)
    }

    fn marks(&self) -> Marks {
        Marks { min_ready_seconds: Some(HELD), progress_deadline_seconds: Some(NO_DEADLINE) }
    }

    fn strategy(&self, _: &Workload, limits: Bounds) -> Value {
        limits.strategy()
    }

    fn defaults(&self) -> Originals {
        let quarter =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        Originals { min_ready_seconds: None, progress_deadline_seconds: Some(600), strategy: Some(quarter) }
    }

    fn limits(&self, workload: &Workload) -> Option<Bounds> {
        let rolling = workload.spec.strategy.as_ref()?.get("rollingUpdate")?;
        let surge = u32::try_from(rolling.get("maxSurge")?.as_u64()?).ok()?;
        let unavailable = Unavailable::try_from(rolling.get("maxUnavailable")?.clone()).ok()?;
        Some(Bounds { surge, unavailable })
    }

    fn limits_sentence(&self, workload: &Workload) -> String {
        let text = |field: &str| {
            let value = workload.limit(field);
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        format!("maxSurge {}, maxUnavailable {}", text("maxSurge"), text("maxUnavailable"))
    }

    fn stable(&self, asked: Stable) -> Stable {
        asked
    }

    fn bounds(&self, sizing: &Sizing, stable: Stable) -> Bounds {
        sizing.bounds(stable)
    }

    fn stopping(&self, workload: &Workload) -> Bounds {
        Bounds { surge: workload.max_surge().max(1), unavailable: Unavailable::Pods(0) }
    }

    fn target(&self, workload: &Workload, limits: Bounds, beside: u32) -> u32 {
        let replicas = workload.replicas();
        (replicas + limits.surge).saturating_sub(beside).min(replicas)
    }

    fn max_surge(&self, workload: &Workload) -> u32 {
        limits::surge(workload)
    }

    fn max_unavailable(&self, workload: &Workload) -> u32 {
        limits::unavailable(workload)
    }

    fn scales_revisions(&self) -> bool {
        true
    }
}

/// An `apps/v1` Deployment, as lists and watches bring it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Deployment(pub Workload);

/// An `apps/v1` ReplicaSet, as lists and watches bring it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplicaSet(pub Revision);

impl Deref for Deployment {
    type Target = Workload;

    fn deref(&self) -> &Workload {
        &self.0
    }
}

impl DerefMut for Deployment {
    fn deref_mut(&mut self) -> &mut Workload {
        &mut self.0
    }
}

impl Deref for ReplicaSet {
    type Target = Revision;

    fn deref(&self) -> &Revision {
        &self.0
    }
}

impl DerefMut for ReplicaSet {
    fn deref_mut(&mut self) -> &mut Revision {
        &mut self.0
    }
}
