//! The user's Service and route, and what of ours may not be left on them.

use rollout_plus::keys::{ROUTE_ANNOTATION, SELECTOR_ANNOTATION};
use serde_json::{Value, json};

use super::acts::Foreign;
use crate::controllers::gateway::{EDGE, INTERNAL, Words};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::object::{Key, Kind};
use crate::scenario::shop::{NAME, NAMESPACE, Settings};
use crate::server::resources::of_kind;

/// How the user's route is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Whether it has a second rule for the same Service.
    pub(super) two: bool,
    /// Whether it names a Gateway that takes no such route, too.
    pub(super) internal: bool,
    /// Whether its backend's weight is written.
    pub(super) weight: bool,
    /// Who serves it.
    pub(super) words: Words,
}

impl Shape {
    pub(super) fn draw(draw: &mut Draw) -> Self {
        Self {
            two: draw.chance(300),
            internal: draw.chance(150),
            weight: draw.chance(300),
            words: if draw.chance(500) { Words::Contour } else { Words::Envoy },
        }
    }

    pub(super) fn route(self) -> Value {
        let mut backend = json!({"name": NAME, "port": 80});
        if self.weight {
            backend["weight"] = json!(7);
        }
        let mut rules = vec![json!({"backendRefs": [backend]})];
        if self.two {
            let matches = json!([{"path": {"type": "PathPrefix", "value": "/api"}}]);
            rules.insert(0, json!({"matches": matches, "backendRefs": [{"name": NAME, "port": 80}]}));
        }
        let mut parents = vec![json!({"name": EDGE})];
        parents.extend(self.internal.then(|| json!({"name": INTERNAL})));
        json!({"metadata": {"name": NAME}, "spec": {"parentRefs": parents, "hostnames": ["shop.example"], "rules": rules}})
    }
}

/// The Deployment as its user applies it.
pub(super) fn deployment(settings: &Settings) -> Value {
    let mut deployment = settings.deployment();
    deployment["spec"]["template"]["metadata"]["labels"]["tier"] = json!("front");
    deployment
}

/// The Service as its user applies it.
pub(super) fn service() -> Value {
    json!({"metadata": {"name": NAME}, "spec": {"selector": {"app": NAME}, "ports": [{"port": 80}]}})
}

/// What users and others want the route and the Service to be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The rules; nothing where the route is gone.
    rules: Option<Value>,
    selector: Value,
}

fn object(driver: &Driver, kind: Kind) -> Value {
    let found = of_kind(kind).and_then(|kind| driver.server.store.get(kind, &Key::new(NAMESPACE, NAME)));
    found.map_or(Value::Null, |object| object.as_ref().clone())
}

impl Wanted {
    /// As they are now.
    pub(super) fn of(driver: &Driver) -> Self {
        let rules = object(driver, Kind::Route)["spec"]["rules"].clone();
        let selector = object(driver, Kind::Service)["spec"]["selector"].clone();
        Self { rules: (!rules.is_null()).then_some(rules), selector }
    }

    /// Somebody did something.
    pub(super) fn wrote(&mut self, act: &Foreign, driver: &Driver) {
        match act {
            Foreign::Rule => {
                let now = object(driver, Kind::Route)["spec"]["rules"]
                    .as_array()
                    .and_then(|rules| rules.last().cloned());
                if let (Some(Value::Array(rules)), Some(rule)) = (&mut self.rules, now) {
                    rules.push(rule);
                }
            }
            Foreign::NoRoute => self.rules = None,
            Foreign::Selector => self.selector["tier"] = json!("front"),
            Foreign::Shop(_) | Foreign::Weights | Foreign::Complaint(_) | Foreign::NoService => {}
        }
    }

    /// Names what of ours is left, and what of others' is lost.
    pub(super) fn lost(&self, driver: &Driver) -> Vec<String> {
        let (route, service) = (object(driver, Kind::Route), object(driver, Kind::Service));
        let mut lost = Vec::new();
        let rules = &route["spec"]["rules"];
        if *rules != self.rules.clone().unwrap_or_default() {
            lost.push(format!("the route's rules are {rules}, and {:?} were written last", self.rules));
        }
        if service["spec"]["selector"] != self.selector {
            lost.push(format!(
                "service/{NAME} selects {}, and not {}",
                service["spec"]["selector"], self.selector
            ));
        }
        for (what, object, annotation) in
            [("the route", &route, ROUTE_ANNOTATION), ("the Service", &service, SELECTOR_ANNOTATION)]
        {
            if object["metadata"]["annotations"][annotation].is_string() {
                lost.push(format!("the annotation {annotation} of {what} is left"));
            }
        }
        let services = of_kind(Kind::Service).into_iter().flat_map(|kind| driver.server.store.all(kind));
        let others = services.filter(|(key, _)| **key != Key::new(NAMESPACE, NAME));
        lost.extend(others.map(|(key, _)| format!("service/{} is left", key.name)));
        lost
    }
}
