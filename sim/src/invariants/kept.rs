//! While a version is held, the stable pods keep their part, however the Deployment is scaled.

use serde_json::Value;

use super::Invariant;
use super::ending::is_held;
use crate::object::{Key, Kind};
use crate::scenario::shop::{FORMER, NAME, NAMESPACE, image};
use crate::server::resources::of_kind;
use crate::server::store::{Entry, Store};

/// What the stable set has to ask for.
///
/// Scaled to a few pods and up again, the parts are those of the few, by upstream's own rule (`GetReplicaSetProportion` in
/// `pkg/controller/deployment/util/deployment_util.go`): nothing on a Deployment can change that, so nothing is asked then.
#[derive(Clone, Debug)]
pub struct Kept {
    image: String,
    weight: u64,
    was_few: bool,
}

impl Kept {
    /// Of the new version, and its greatest share in percent.
    pub const fn new(image: String, weight: u64) -> Self {
        Self { image, weight, was_few: false }
    }
}

/// With so many pods a part of one pod is more than any share can be wrong.
const FEW: u64 = 5;

/// Pods that rounding may cost, of the share and of the parts of a scaling.
const ROUNDING: u64 = 2;

impl Invariant for Kept {
    fn name(&self) -> &'static str {
        "stable share"
    }

    fn look(&mut self, store: &Store, entry: &Entry) -> Result<(), String> {
        let (Some(deployments), Some(sets)) = (of_kind(Kind::Deployment), of_kind(Kind::ReplicaSet)) else {
            return Ok(());
        };
        if entry.resource != sets {
            return Ok(());
        }
        let key = Key::new(NAMESPACE, NAME);
        let Some(deployment) =
            store.get(deployments, &key).filter(|one| is_held(one) && image(one) == self.image)
        else {
            return Ok(());
        };
        let replicas = deployment["spec"]["replicas"].as_u64().unwrap_or(0);
        self.was_few |= replicas <= FEW;
        if self.was_few {
            return Ok(());
        }
        let own: Vec<&Value> = store.all(sets).map(|(_, set)| set.as_ref()).collect();
        let size = |set: &Value| set["spec"]["replicas"].as_u64().unwrap_or(0);
        let noted = |set: &&Value| {
            set["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"]
                .as_str()
                .map(str::to_owned)
        };
        // Until the controller has scaled all sets, they are sized for another number.
        let active = own.iter().filter(|set| size(set) > 0);
        if active.clone().any(|set| noted(set) != Some(replicas.to_string())) {
            return Ok(());
        }
        let stable: u64 = own.iter().filter(|set| image(set) == FORMER).map(|set| size(set)).sum();
        let least = ((100 - self.weight.min(100)) * replicas / 100).saturating_sub(ROUNDING);
        if stable >= least {
            Ok(())
        } else {
            Err(format!("{stable} stable pods of {replicas} are left beside a share of {} %", self.weight))
        }
    }
}
