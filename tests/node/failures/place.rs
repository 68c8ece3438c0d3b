//! A namespace with the shop in it, Ready, and whether it is again as it was.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{get, namespace, within, write};
use crate::seats::Exclusive;
use crate::shop::{Shop, deployment};

/// Pods of the sample Deployment.
pub const REPLICAS: u64 = 3;

pub struct Place {
    pub shop: Shop,
    /// The Deployment's `spec` before anything was done to it.
    before: Value,
    /// The `pod-template-hash` of the version that has to survive.
    pub stable: String,
    folder: TempDir,
}

impl Place {
    /// Makes a namespace, prepares it, and deploys the shop with this change to its `spec`.
    pub fn new(prepare: impl FnOnce(&str), change: impl FnOnce(&mut Value)) -> Self {
        let shop = namespace("fail");
        prepare(&shop.namespace);
        let mut deployment = deployment();
        change(&mut deployment["spec"]);
        write("POST", &format!("/apis/apps/v1/namespaces/{}/deployments", shop.namespace), &deployment);
        Self::around(shop)
    }

    /// For the test that has the cluster for itself.
    pub fn alone(cluster: &Exclusive) -> Self {
        Self::around(Shop::alone(cluster, 3))
    }

    fn around(shop: Shop) -> Self {
        let mut place =
            Self { shop, before: Value::Null, stable: String::new(), folder: tempfile::tempdir().unwrap() };
        // Available, not only Ready: before that the controller counts none of them, and keeps all others.
        let is_ready = || place.deployment()["status"]["availableReplicas"] == REPLICAS;
        assert!(within(120, is_ready), "the shop is not Ready: {}", place.deployment()["status"]);
        place.before = place.deployment()["spec"].take();
        hash(&place.sets()[0]).clone_into(&mut place.stable);
        place
    }

    pub fn deployment(&self) -> Value {
        get(&format!("/apis/apps/v1/namespaces/{}/deployments/frontend", self.shop.namespace))
    }

    fn sets(&self) -> Vec<Value> {
        let list = get(&format!("/apis/apps/v1/namespaces/{}/replicasets", self.shop.namespace));
        list["items"].as_array().unwrap().clone()
    }

    pub fn pods(&self) -> Vec<Value> {
        let list = get(&format!("/api/v1/namespaces/{}/pods", self.shop.namespace));
        list["items"].as_array().unwrap().clone()
    }

    /// The pods of the version that is rolled out.
    pub fn new_pods(&self) -> Vec<Value> {
        self.pods().into_iter().filter(|pod| hash(pod) != self.stable).collect()
    }

    /// Writes the manifest of the next version, with this change to the pod's `spec`; returns its path.
    pub fn next_version(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut deployment = deployment();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop/web:v2");
        change(&mut deployment["spec"]["template"]["spec"]);
        let path = self.folder.path().join("next.json");
        std::fs::write(&path, deployment.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Waits until all is as it was before; says what is not.
    pub fn is_as_before(&self) -> Result<(), String> {
        let mut wrong = String::new();
        let so = within(60, || {
            wrong = self.differences();
            wrong.is_empty()
        });
        if so { Ok(()) } else { Err(wrong) }
    }

    fn differences(&self) -> String {
        let deployment = self.deployment();
        if deployment["spec"] != self.before {
            return format!("spec {} instead of {}", deployment["spec"], self.before);
        }
        if deployment["metadata"]["annotations"]["rollout-plus/held"].is_string() {
            return "the record of a hold is still there".to_owned();
        }
        let whole = json!([REPLICAS, REPLICAS, REPLICAS]);
        let wrong = self.sets().into_iter().find_map(|set| {
            let status = &set["status"];
            let counts = json!([set["spec"]["replicas"], status["replicas"], status["readyReplicas"]]);
            let wanted = if hash(&set) == self.stable { &whole } else { &json!([0, 0, null]) };
            (counts != *wanted).then(|| format!("ReplicaSet {}: {counts}", set["metadata"]["name"]))
        });
        wrong.unwrap_or_default()
    }
}

/// The hash that says which version a pod or a ReplicaSet belongs to.
pub fn hash(object: &Value) -> &str {
    object["metadata"]["labels"]["pod-template-hash"].as_str().unwrap_or_default()
}

/// Whether the pod counts as one that serves.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let ready = conditions.is_some_and(|all| {
        all.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    });
    ready && pod["metadata"]["deletionTimestamp"].is_null()
}
