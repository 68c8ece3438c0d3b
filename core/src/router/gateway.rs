//! Gateway API: `HTTPRoute` and `GRPCRoute` (`apis/v1/httproute_types.go`, `grpcroute_types.go` of
//! kubernetes-sigs/gateway-api).

mod copies;
mod parents;

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, Weighted, unable};
use crate::traffic::{Match, Role, Split, Target, text};

/// The largest weight (`BackendRef.weight`).
const MOST: u64 = 1_000_000;

/// Routes of the Gateway API.
pub(super) struct Gateway {
    pub(super) name: &'static str,
    pub(super) kinds: &'static [RouteKind],
    pub(super) abilities: Abilities,
}

const ABILITIES: Abilities = Abilities {
    weight: true,
    header: true,
    cookie: true,
    mirror: true,
    tested: "Contour 1.33 with Envoy 1.38, Traefik 3.7",
    limits: "a cookie needs regular expressions of headers; a copy needs RequestMirror, and a share of it \
             RequestPercentageMirror",
};

pub(super) const HTTP: Gateway = Gateway {
    name: "httproute",
    kinds: &[RouteKind {
        group: "gateway.networking.k8s.io",
        versions: &["v1", "v1beta1"],
        kind: "HTTPRoute",
        plural: "httproutes",
    }],
    abilities: ABILITIES,
};

pub(super) const GRPC: Gateway = Gateway {
    name: "grpcroute",
    kinds: &[RouteKind {
        group: "gateway.networking.k8s.io",
        versions: &["v1"],
        kind: "GRPCRoute",
        plural: "grpcroutes",
    }],
    abilities: ABILITIES,
};

impl Router for Gateway {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kinds(&self) -> &'static [RouteKind] {
        self.kinds
    }

    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn places(&self, _route: &Value) -> Vec<String> {
        vec!["/spec/rules".into()]
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        backends(element).iter().any(|entry| is_service(entry, &home.namespace, service, namespace))
    }

    fn weave(&self, element: &Value, home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let is_root = |entry: &Value| is_service(entry, &home.namespace, &split.service, &split.namespace);
        let rename = |entry: &mut Map<String, Value>, name: &str| {
            entry.insert("name".into(), name.into());
        };
        let weighted =
            Weighted { is_root: &is_root, rename: &rename, weight: "weight", omitted: 1, most: MOST };
        let entries = backends(element);
        let mut rule = element.clone();
        rule["backendRefs"] = Value::Array(weighted.divided(entries, split)?);
        if let Some(percent) = split.mirror {
            mirror(&mut rule, entries, &home.namespace, split, percent);
        }
        let mut rules = Vec::new();
        for wanted in &split.matches {
            let mut added = element.clone();
            // Two rules of one name are refused.
            added.as_object_mut().map(|rule| rule.remove("name"));
            added["matches"] = matched(element, wanted);
            added["backendRefs"] = Value::Array(weighted.canary_alone(entries, split));
            rules.push(added);
        }
        rules.push(rule);
        Ok(rules)
    }

    fn refuses(&self, route: &Value, split: &Split) -> Option<Error> {
        unable(self, split).or_else(|| copies::refused(route, split.mirror?))
    }

    fn settled(&self, route: &Value, service: &str) -> Settled {
        parents::settled(route, service)
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(2)
    }
}

fn backends(rule: &Value) -> &[Value] {
    rule["backendRefs"].as_array().map_or(&[], Vec::as_slice)
}

fn is_service(entry: &Value, home: &str, service: &str, namespace: &str) -> bool {
    entry["name"] == service
        && entry["namespace"].as_str().unwrap_or(home) == namespace
        && matches!(text(entry, "/kind"), "" | "Service")
        // What Linkerd calls it, in parents too.
        && matches!(text(entry, "/group"), "" | "core")
}

/// Returns a rule's matches, each with one condition more. A rule without any matches everything.
fn matched(rule: &Value, wanted: &Match) -> Value {
    let condition = match wanted {
        Match::Header { name, value } => json!({"type": "Exact", "name": name, "value": value}),
        Match::Cookie { name, value } => {
            json!({"type": "RegularExpression", "name": "Cookie", "value": Match::cookie_pattern(name, value)})
        }
    };
    let everything = vec![json!({})];
    let matches = rule["matches"].as_array().filter(|matches| !matches.is_empty()).unwrap_or(&everything);
    let narrowed = matches.iter().map(|one| {
        let mut one = one.clone();
        let mut headers = one["headers"].as_array().cloned().unwrap_or_default();
        headers.push(condition.clone());
        one["headers"] = Value::Array(headers);
        one
    });
    Value::Array(narrowed.collect())
}

fn mirror(rule: &mut Value, entries: &[Value], home: &str, split: &Split, percent: u8) {
    let root = entries.iter().find(|entry| is_service(entry, home, &split.service, &split.namespace));
    let mut backend = json!({"group": "", "kind": "Service", "name": split.name(Some(Role::Canary))});
    for member in ["namespace", "port"] {
        if let Some(value) = root.and_then(|root| root.get(member)) {
            backend[member] = value.clone();
        }
    }
    let mut filter = json!({"type": "RequestMirror", "requestMirror": {"backendRef": backend}});
    // All of them is the default, and older CRDs know no percentage: they would drop the field in silence.
    if percent < 100 {
        filter["requestMirror"]["percent"] = json!(percent);
    }
    let mut filters = rule["filters"].as_array().cloned().unwrap_or_default();
    filters.push(filter);
    rule["filters"] = Value::Array(filters);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::weave;
    use crate::traffic::Target;

    fn target() -> Target {
        Target {
            api: "/apis/gateway.networking.k8s.io/v1".into(),
            kind: "HTTPRoute".into(),
            plural: "httproutes".into(),
            namespace: "shop".into(),
            name: "web".into(),
        }
    }

    fn route(rules: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1", "generation": 3}, "spec": {"rules": rules}})
    }

    fn simple() -> Value {
        json!([{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"group": "", "kind": "Service", "name": "web", "port": 80, "weight": 1}]}])
    }

    /// What the API server does with a patch.
    fn written(route: &Value, split: &Split) -> Value {
        let woven = weave(&HTTP, &target(), route, split).unwrap();
        let mut written = route.clone();
        crate::router::tests::patch(&mut written, &woven.patch);
        written
    }

    fn ten() -> Split {
        Split::undone("web", "shop").with(Some(0), Some(90), Some(10))
    }

    fn weights(rule: &Value) -> Vec<(String, u64)> {
        backends(rule)
            .iter()
            .map(|one| (text(one, "/name").to_owned(), one["weight"].as_u64().unwrap()))
            .collect()
    }

    #[test]
    fn a_share_is_written_and_the_way_back_with_it() {
        let route = route(&simple());
        let woven = written(&route, &ten());
        let wanted = [("web", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)]
            .map(|(name, weight)| (name.to_owned(), weight));
        assert_eq!(weights(&woven["spec"]["rules"][0]), wanted);
        assert_eq!(
            weave(&HTTP, &target(), &woven, &ten()).unwrap().patch,
            Vec::<Value>::new(),
            "it is there"
        );
        let back = written(&woven, &Split::undone("web", "shop"));
        assert_eq!(back["spec"], route["spec"]);
        assert_eq!(back["metadata"]["annotations"], json!({}));
    }

    #[test]
    fn the_shares_of_other_backends_stay() {
        let mut rules = simple();
        rules[0]["backendRefs"] =
            json!([{"name": "web", "port": 80, "weight": 3}, {"name": "old", "port": 80}]);
        let route = route(&rules);
        let woven = written(&route, &ten());
        let wanted = [("web", 0), ("web-rp-stable", 270), ("web-rp-canary", 30), ("old", 100)];
        assert_eq!(
            weights(&woven["spec"]["rules"][0]),
            wanted.map(|(name, weight)| (name.to_owned(), weight))
        );
        assert_eq!(written(&woven, &Split::undone("web", "shop"))["spec"], route["spec"]);
    }

    #[test]
    fn a_header_a_cookie_and_a_mirror_come_and_go() {
        let route = route(&simple());
        let mut split = ten();
        split.matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Cookie { name: "who".into(), value: "me".into() },
        ];
        split.mirror = Some(50);
        let woven = written(&route, &split);
        let rules = woven["spec"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 3);
        assert_eq!(rules[0]["matches"][0]["headers"][0]["value"], "1");
        assert_eq!(rules[0]["matches"][0]["path"]["value"], "/");
        assert_eq!(weights(&rules[0]), [("web-rp-canary".to_owned(), 1)]);
        assert_eq!(rules[1]["matches"][0]["headers"][0]["type"], "RegularExpression");
        assert_eq!(rules[2]["filters"][0]["requestMirror"]["percent"], 50);
        for mirror in [None, Some(100)] {
            let other = written(&woven, &Split { mirror, ..split.clone() });
            assert_eq!(
                other["spec"],
                written(&route, &Split { mirror, ..split.clone() })["spec"],
                "{mirror:?}"
            );
        }
        // Other weights leave the rules for matched requests where they are.
        let lower = written(&woven, &Split { matches: split.matches.clone(), ..ten() });
        assert_eq!(lower["spec"]["rules"].as_array().unwrap().len(), 3);
        assert_eq!(written(&lower, &Split::undone("web", "shop"))["spec"], route["spec"]);
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let mut woven = written(&route(&simple()), &ten());
        let other = json!({"matches": [{"path": {"type": "Exact", "value": "/x"}}], "backendRefs": [{"name": "x", "port": 1}]});
        let rules = woven["spec"]["rules"].as_array_mut().unwrap();
        rules.insert(0, other.clone());
        rules[1]["timeouts"] = json!({"request": "5s"});
        rules[1]["backendRefs"][1]["weight"] = json!(55);
        rules[1]["backendRefs"].as_array_mut().unwrap().push(json!({"name": "new", "port": 80, "weight": 7}));
        let change = weave(&HTTP, &target(), &woven, &Split::undone("web", "shop")).unwrap();
        assert_eq!(change.notes.len(), 1, "{:?}", change.notes);
        crate::router::tests::patch(&mut woven, &change.patch);
        let rules = &woven["spec"]["rules"];
        assert_eq!(rules[0], other);
        assert_eq!(rules[1]["timeouts"]["request"], "5s");
        let wanted = [("web".to_owned(), 1), ("new".to_owned(), 7)];
        assert_eq!(weights(&rules[1]), wanted);
    }

    #[test]
    fn without_a_record_the_root_takes_our_place() {
        let mut woven = written(&route(&simple()), &ten());
        woven["metadata"]["annotations"] = Value::Null;
        let back = written(&woven, &Split::undone("web", "shop"));
        let wanted = json!([{"group": "", "kind": "Service", "name": "web", "port": 80}]);
        assert_eq!(back["spec"]["rules"][0]["backendRefs"], wanted);
    }

    #[test]
    fn a_service_of_another_namespace_is_another() {
        let mut rules = simple();
        rules[0]["backendRefs"][0]["namespace"] = json!("other");
        assert_eq!(weave(&HTTP, &target(), &route(&rules), &ten()).unwrap().patch, Vec::<Value>::new());
    }
}
