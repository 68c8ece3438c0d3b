//! The shop that scenarios roll out: one Deployment behind one Service.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::driver::Driver;
use crate::object::{Key, Kind};
use crate::server::request::Request;
use crate::server::resources::of_kind;
use crate::shrink::{Shrink, lower};

/// The namespace.
pub const NAMESPACE: &str = "shop";
/// The Deployment and its Service.
pub const NAME: &str = "web";
/// The version that is there first.
pub const FORMER: &str = "shop:v1-good";

/// What the user has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `spec.replicas`.
    pub replicas: u32,
    /// `maxSurge`.
    pub surge: Value,
    /// `maxUnavailable`.
    pub unavailable: Value,
    /// `minReadySeconds`.
    pub ready_seconds: u32,
}

impl Settings {
    /// How many pods may be missing (`ResolveFenceposts` in `pkg/controller/deployment/util/deployment_util.go`).
    pub fn missing(&self) -> u32 {
        let surge = scaled(&self.surge, self.replicas, true);
        let missing = scaled(&self.unavailable, self.replicas, false);
        if surge == 0 && missing == 0 { 1 } else { missing.min(self.replicas) }
    }

    /// The Deployment as the user applies it.
    pub fn deployment(&self) -> Value {
        let template = json!({"metadata": {"labels": {"app": NAME}},
            "spec": {"containers": [{"name": "web", "image": FORMER}], "terminationGracePeriodSeconds": 30, "restartPolicy": "Always"}});
        json!({"metadata": {"name": NAME, "labels": {"app": NAME}}, "spec": {
            "replicas": self.replicas, "minReadySeconds": self.ready_seconds, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": NAME}}, "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": self.surge, "maxUnavailable": self.unavailable}}}})
    }
}

impl Shrink for Settings {
    fn smaller(&self) -> Vec<Self> {
        let mut all: Vec<Self> =
            lower(self.replicas, 1).into_iter().map(|replicas| Self { replicas, ..self.clone() }).collect();
        all.extend((self.ready_seconds > 0).then(|| Self { ready_seconds: 0, ..self.clone() }));
        all
    }
}

/// A number or a percentage of all (`GetScaledValueFromIntOrPercent`).
fn scaled(value: &Value, of: u32, up: bool) -> u32 {
    match value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<u32>().ok()) {
        Some(percent) if up => (percent * of).div_ceil(100),
        Some(percent) => percent * of / 100,
        None => value.as_u64().and_then(|value| value.try_into().ok()).unwrap_or_default(),
    }
}

/// Has somebody create an object of a kind in the shop.
pub fn create(driver: &mut Driver, kind: Kind, object: Value) {
    let Some(resource) = of_kind(kind) else { return };
    let api = if resource.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", resource.group) };
    let uri = format!("{api}/{}/namespaces/{NAMESPACE}/{}", resource.version, resource.plural);
    let request = Request::new("user", "POST", &uri, "application/json", object);
    if let Err(refusal) = driver.serve(&request) {
        driver.server.unknown.push(format!("{uri}: {}", refusal.message));
    }
}

/// New versions to draw from, by how they behave.
pub const VERSIONS: [&str; 8] = [
    "shop:v2-good",
    "shop:v2-good",
    "shop:v2-good",
    "shop:v2-good",
    "shop:v2-crash",
    "shop:v2-unready",
    "shop:v2-slow",
    "shop:v2-late",
];

/// A lock runs out within this time.
pub const LOCK: Duration = Duration::from_secs(35);

/// Within this time a cluster comes to rest, whatever was done to it.
const REST: Duration = Duration::from_secs(3600);

/// Makes the shop, and waits until it has its pods. Returns whether it does.
pub async fn open(driver: &mut Driver, settings: &Settings) -> bool {
    create(driver, Kind::Deployment, settings.deployment());
    let service =
        json!({"metadata": {"name": NAME}, "spec": {"selector": {"app": NAME}, "ports": [{"port": 80}]}});
    create(driver, Kind::Service, service);
    let is_open = settled(driver).await;
    if !is_open {
        driver.breaks("ends", "the shop does not open".into());
    }
    is_open
}

/// Waits until the cluster comes to rest, as it does by itself.
pub async fn rest(driver: &mut Driver) {
    if !settled(driver).await {
        driver.breaks("ends", "the cluster does not come to rest".into());
    }
}

async fn settled(driver: &mut Driver) -> bool {
    let mut seen = 0;
    let reached = |driver: &Driver| {
        let version = driver.server.store.version();
        std::mem::replace(&mut seen, version) != version && is_settled(driver)
    };
    driver.until(REST, reached).await
}

/// The Deployment as it is.
pub fn deployment(driver: &Driver) -> Value {
    found(driver).map_or(Value::Null, |object| object.as_ref().clone())
}

fn found(driver: &Driver) -> Option<&Arc<Value>> {
    driver.server.store.get(of_kind(Kind::Deployment)?, &Key::new(NAMESPACE, NAME))
}

/// Whether the Deployment has what it wants, and its controller has seen it.
pub fn is_settled(driver: &Driver) -> bool {
    let Some(deployment) = found(driver) else { return true };
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    let all = |member: &str| {
        status[member].as_u64().unwrap_or_default() == spec["replicas"].as_u64().unwrap_or_default()
    };
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"].into_iter().all(all)
}

/// The image of its template.
pub fn image(deployment: &Value) -> &str {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default()
}
