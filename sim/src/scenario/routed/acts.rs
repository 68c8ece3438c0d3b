//! What others do to routes and Services while a run is under way.

use std::time::Duration;

use rollout_plus::traffic::Role;
use serde_json::{Value, json};

use crate::acts::{Act, Sight};
use crate::controllers::gateway::EDGE;
use crate::controllers::kubelet::script::Behaviour;
use crate::draw::Draw;
use crate::object::{Key, Kind};
use crate::scenario::shop::NAME;
use crate::server::request::Request;
use crate::server::resources::of_kind;

const MERGE: &str = "application/merge-patch+json";
const PATCH: &str = "application/json-patch+json";
/// A Service that is not there.
const MISSING: &str = "old";

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// One that is about the Deployment.
    Shop(Act),
    /// Somebody changes a weight of ours.
    Weights,
    /// Somebody adds a rule, whose backend is not there yet.
    Rule,
    /// Somebody's status says something that has nothing to do with us.
    Complaint(Complaint),
    /// Somebody deletes the canary's Service.
    NoService,
    /// Somebody deletes the route.
    NoRoute,
    /// Somebody has the Service ask for one label more, which all pods have.
    Selector,
}

/// Who complains of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// A controller of a Gateway that the route had before (envoyproxy/gateway#9023).
    FormerParent,
    /// The controller that the Gateway had before.
    FormerController,
    /// A controller of policies, about its own condition.
    Policy,
}

impl Foreign {
    /// Draws one, for a Deployment of so many replicas.
    pub(super) fn draw(draw: &mut Draw, replicas: u32) -> Self {
        let size = |draw: &mut Draw| u32::try_from(draw.number(1..=u64::from(2 * replicas))).unwrap_or(1);
        match draw.number(0..=13) {
            0 | 1 => Self::Shop(Act::Scale(size(draw))),
            2..=4 => {
                let behaviours = [Behaviour::Good, Behaviour::Crash, Behaviour::Unready];
                Self::Shop(Act::ThirdVersion(draw.one(&behaviours).copied().unwrap_or(Behaviour::Good)))
            }
            5 => Self::Shop(Act::Undo),
            6 => Self::Shop(Act::Restart),
            7 if draw.chance(500) => Self::Shop(Act::Revert),
            7 => Self::Weights,
            8 => Self::Rule,
            9 => Self::NoService,
            10 => Self::NoRoute,
            11 => Self::Selector,
            _ => {
                let all = [Complaint::FormerParent, Complaint::FormerController, Complaint::Policy];
                Self::Complaint(draw.one(&all).copied().unwrap_or(Complaint::FormerParent))
            }
        }
    }

    /// Draws some, each within the time in which a run is likely to be under way, in their order.
    pub(super) fn some(draw: &mut Draw, replicas: u32) -> Vec<(Duration, Self)> {
        let count = if draw.chance(500) { 0 } else { draw.number(1..=2) };
        let mut all: Vec<(Duration, Self)> =
            (0..count).map(|_| (draw.millis(0..=90_000), Self::draw(draw, replicas))).collect();
        all.sort_by_key(|(after, _)| *after);
        all
    }

    /// Whether a run goes on as if nothing had happened.
    pub(super) const fn is_harmless(&self) -> bool {
        match self {
            Self::Complaint(_) | Self::Rule | Self::Selector => true,
            Self::Shop(_) | Self::Weights | Self::NoService | Self::NoRoute => false,
        }
    }

    /// What is sent when its time has come; nothing where there is nothing to do it to.
    pub(super) fn requests(&self, sight: &Sight<'_>, draw: &mut Draw) -> Vec<Request> {
        let namespace = &sight.target.namespace;
        let object = |kind: Kind, name: &str| sight.store.get(of_kind(kind)?, &Key::new(namespace, name));
        let route = object(Kind::Route, NAME);
        let send = |method: &str, kind: Kind, name: &str, content: &str, body: Value| {
            let (group, plural) = kind.resource();
            let api = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
            let uri = format!("{api}/v1/namespaces/{namespace}/{plural}/{name}");
            Request::new("somebody", method, &uri, content, body)
        };
        let canary = Role::Canary.service(NAME);
        let request = match self {
            Self::Shop(act) => return act.requests(sight, draw),
            Self::Weights => route.and_then(|route| {
                let backends = route["spec"]["rules"][0]["backendRefs"].as_array()?;
                let at = backends.iter().position(|backend| backend["name"] == *canary)?;
                let path = format!("/spec/rules/0/backendRefs/{at}/weight");
                let patch = json!([{"op": "replace", "path": path, "value": 33}]);
                Some(send("PATCH", Kind::Route, NAME, PATCH, patch))
            }),
            Self::Rule => route.map(|_| {
                let rule = json!({"matches": [{"path": {"type": "PathPrefix", "value": "/old"}}],
                    "backendRefs": [{"name": MISSING, "port": 80}]});
                let patch = json!([{"op": "add", "path": "/spec/rules/-", "value": rule}]);
                send("PATCH", Kind::Route, NAME, PATCH, patch)
            }),
            Self::Complaint(complaint) => route.map(|route| {
                let parents = route["status"]["parents"].as_array().cloned().unwrap_or_default();
                let parents: Vec<Value> =
                    parents.into_iter().chain([complaint.entry(route, sight)]).collect();
                send(
                    "PATCH",
                    Kind::Route,
                    &format!("{NAME}/status"),
                    MERGE,
                    json!({"status": {"parents": parents}}),
                )
            }),
            Self::NoService => object(Kind::Service, &canary)
                .map(|_| send("DELETE", Kind::Service, &canary, "", Value::Null)),
            Self::NoRoute => route.map(|_| send("DELETE", Kind::Route, NAME, "", Value::Null)),
            Self::Selector => object(Kind::Service, NAME).map(|_| {
                let patch = json!([{"op": "add", "path": "/spec/selector/tier", "value": "front"}]);
                send("PATCH", Kind::Service, NAME, PATCH, patch)
            }),
        };
        request.into_iter().collect()
    }
}

impl Complaint {
    fn entry(self, route: &Value, sight: &Sight<'_>) -> Value {
        let generation = route["metadata"]["generation"].as_i64().unwrap_or(1);
        let condition = |type_: &str, seen: i64| {
            json!({"type": type_, "status": "False", "reason": "Gone", "message": "nobody is there",
                "observedGeneration": seen, "lastTransitionTime": sight.now.to_string()})
        };
        let (controller, parent, conditions) = match self {
            Self::FormerParent => ("example.com/former", "old-edge", vec![condition("Accepted", 1)]),
            // Its last word was that all is well.
            Self::FormerController => {
                let mut told = ["Accepted", "ResolvedRefs"].map(|type_| condition(type_, generation - 1));
                for one in &mut told {
                    one["status"] = json!("True");
                }
                ("example.com/former", EDGE, told.to_vec())
            }
            Self::Policy => {
                ("example.com/policies", EDGE, vec![condition("example.com/PolicyAffected", generation)])
            }
        };
        let parent = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": parent});
        json!({"parentRef": parent, "controllerName": controller, "conditions": conditions})
    }
}
