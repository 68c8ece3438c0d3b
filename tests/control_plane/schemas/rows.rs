//! Routes as their users write them, and as we are to leave them.

use serde_json::{Value, json};

/// Services that a route names, each with its weight if it has one.
pub type Backends<'b> = &'b [(&'b str, Option<u64>)];

/// A kind of routes.
pub struct Row {
    /// As `--router` takes it.
    pub router: &'static str,
    /// As kubectl names it, in this version.
    pub route: &'static str,
    pub api: &'static str,
    kind: &'static str,
    /// The weight in the user's own route.
    pub own: Option<u64>,
    /// Whether requests can be told by a header and a cookie.
    pub matches: bool,
    /// Annotations and spec; `true`: with rules for a header and a cookie.
    words: fn(Backends<'_>, bool) -> (Value, Value),
    /// Who reports that the route is followed.
    controller: Option<&'static str>,
}

impl Row {
    pub fn object(&self, backends: Backends<'_>, matched: bool) -> Value {
        let (annotations, spec) = (self.words)(backends, matched);
        json!({"apiVersion": self.api, "kind": self.kind,
            "metadata": {"name": "web", "labels": {"team": "shop"}, "annotations": annotations}, "spec": spec})
    }

    /// Linkerd writes it once and names no generation.
    pub fn status(&self) -> Option<Value> {
        let condition = |kind: &str| {
            json!({"type": kind, "status": "True", "reason": kind, "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let parent = json!({"group": "core", "kind": "Service", "name": "frontend", "port": 80});
        let conditions = [condition("Accepted"), condition("ResolvedRefs")];
        self.controller.map(|controller| {
            json!({"status": {"parents": [{"parentRef": parent, "controllerName": controller, "conditions": conditions}]}})
        })
    }
}

/// Every version that is in use, the best first.
pub const SMI: [Row; 3] = [
    Row {
        router: "smi",
        route: "trafficsplits.v1alpha4.split.smi-spec.io/web",
        api: "split.smi-spec.io/v1alpha4",
        kind: "TrafficSplit",
        own: Some(100),
        matches: false,
        words: |backends, _| {
            let (note, mut spec) = traffic_split(backends);
            spec["matches"] = json!([{"kind": "HTTPRouteGroup", "name": "all"}]);
            (note, spec)
        },
        controller: None,
    },
    Row {
        route: "trafficsplits.v1alpha2.split.smi-spec.io/web",
        api: "split.smi-spec.io/v1alpha2",
        words: |backends, _| traffic_split(backends),
        ..OLDEST_SPLIT
    },
    OLDEST_SPLIT,
];

const OLDEST_SPLIT: Row = Row {
    router: "smi",
    route: "trafficsplits.v1alpha1.split.smi-spec.io/web",
    api: "split.smi-spec.io/v1alpha1",
    kind: "TrafficSplit",
    own: Some(1),
    matches: false,
    words: |backends, _| traffic_split(backends),
    controller: None,
};

fn traffic_split(backends: Backends<'_>) -> (Value, Value) {
    let one = |(name, weight): &(&str, Option<u64>)| json!({"service": name, "weight": weight.unwrap()});
    let backends: Vec<Value> = backends.iter().map(one).collect();
    (json!({"shop.test/note": "kept"}), json!({"service": "frontend", "backends": backends}))
}

pub const LINKERD: Row = Row {
    router: "linkerd",
    route: "httproutes.v1beta3.policy.linkerd.io/web",
    api: "policy.linkerd.io/v1beta3",
    kind: "HTTPRoute",
    own: Some(1),
    matches: true,
    words: mesh_route,
    controller: Some("linkerd.io/policy-controller"),
};

/// The same of the Gateway API.
pub const LINKERD_GATEWAY: Row = Row {
    router: "httproute",
    route: "httproutes.v1.gateway.networking.k8s.io/web",
    api: "gateway.networking.k8s.io/v1",
    ..LINKERD
};

/// A Service's own route: to itself.
fn mesh_route(backends: Backends<'_>, matched: bool) -> (Value, Value) {
    let backend = |(name, weight): &(&str, Option<u64>)| json!({"group": "", "kind": "Service", "name": name, "port": 80, "weight": weight.unwrap()});
    let set = json!([{"name": "X-From", "value": "mesh"}]);
    let rule = |headers: &[Value], backends: Backends<'_>| {
        let mut headers = headers.to_vec();
        headers.insert(0, json!({"type": "Exact", "name": "X-Shop", "value": "1"}));
        json!({"matches": [{"path": {"type": "PathPrefix", "value": "/cart"}, "method": "GET", "headers": headers}],
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": set}}],
            "timeouts": {"request": "10s"},
            "backendRefs": backends.iter().map(backend).collect::<Vec<_>>()})
    };
    let mut rules = vec![rule(&[], backends)];
    if matched {
        let header = json!({"type": "Exact", "name": "X-Beta", "value": "1"});
        let cookie =
            json!({"type": "RegularExpression", "name": "Cookie", "value": "^(.*; ?)?who=me(;.*)?$"});
        let canary: Backends<'_> = &[("frontend-rp-canary", Some(1))];
        rules.splice(0..0, [rule(&[header], canary), rule(&[cookie], canary)]);
    }
    let parent = json!({"group": "core", "kind": "Service", "name": "frontend", "port": 80});
    (json!({"shop.test/note": "kept"}), json!({"parentRefs": [parent], "rules": rules}))
}

pub const ALB: Row = Row {
    router: "alb",
    route: "ingresses.v1.networking.k8s.io/web",
    api: "networking.k8s.io/v1",
    kind: "Ingress",
    own: None,
    matches: false,
    words: |backends, _| {
        let group = |(name, weight): &(&str, Option<u64>)| {
            let mut group = json!({"serviceName": name, "servicePort": "80"});
            if let Some(weight) = weight {
                group["weight"] = json!(weight);
            }
            group
        };
        let groups: Vec<Value> = backends.iter().map(group).collect();
        let action = json!({"type": "forward", "forwardConfig": {"targetGroups": groups,
            "targetGroupStickinessConfig": {"enabled": false}}});
        // The user's own has line breaks, and gets them back.
        let action = if backends.len() == 1 { format!("{action:#}") } else { action.to_string() };
        let annotations = json!({"alb.ingress.kubernetes.io/actions.shop": action,
            "alb.ingress.kubernetes.io/target-type": "ip", "alb.ingress.kubernetes.io/scheme": "internet-facing"});
        let backend = json!({"service": {"name": "shop", "port": {"name": "use-annotation"}}});
        let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
        let rules = json!([{"host": "shop.test", "http": {"paths": paths}}]);
        (annotations, json!({"ingressClassName": "alb", "rules": rules}))
    },
    controller: None,
};

pub const APISIX: Row = Row {
    router: "apisix",
    route: "apisixroutes.v2.apisix.apache.org/web",
    api: "apisix.apache.org/v2",
    kind: "ApisixRoute",
    own: None,
    matches: true,
    words: |backends, matched| {
        let backend = |(name, weight): &(&str, Option<u64>)| {
            let mut backend =
                json!({"serviceName": name, "servicePort": 80, "resolveGranularity": "endpoints"});
            if let Some(weight) = weight {
                backend["weight"] = json!(weight);
            }
            backend
        };
        let expression = |scope: &str, name: &str, value: &str| json!({"subject": {"scope": scope, "name": name}, "op": "Equal", "value": value});
        let rule = |name: &str, priority: u8, more: &[Value], backends: Backends<'_>| {
            let mut expressions = vec![expression("Query", "beta", "0")];
            expressions.extend_from_slice(more);
            json!({"name": name, "priority": priority, "websocket": true, "timeout": {"read": "5s"},
                "match": {"hosts": ["shop.test"], "paths": ["/*"], "methods": ["GET"], "exprs": expressions},
                "plugins": [{"name": "cors", "enable": true, "config": {"max_age": 5}}],
                "backends": backends.iter().map(backend).collect::<Vec<_>>()})
        };
        let mut rules = vec![rule("shop", 3, &[], backends)];
        if matched {
            let canary: Backends<'_> = &[("frontend-rp-canary", Some(1))];
            rules.push(rule("shop-rp-canary-1", 4, &[expression("Header", "X-Beta", "1")], canary));
            rules.push(rule("shop-rp-canary-2", 4, &[expression("Cookie", "who", "me")], canary));
        }
        (json!({"shop.test/note": "kept"}), json!({"ingressClassName": "apisix", "http": rules}))
    },
    controller: None,
};
