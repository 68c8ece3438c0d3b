//! Contour's HTTPProxy (`apis/projectcontour/v1/httpproxy.go` of projectcontour/contour).
//!
//! An HTTPProxy that others include is like any other.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, Weighted};
use crate::traffic::{Match, Split, Target, text};

/// The largest weight; Envoy sums them up in 32 bits.
const MOST: u64 = 100_000_000;

/// Routes of each HTTPProxy.
pub(super) struct Contour;

pub(super) const CONTOUR: Contour = Contour;

impl Router for Contour {
    fn name(&self) -> &'static str {
        "contour"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &[RouteKind {
            group: "projectcontour.io",
            versions: &["v1"],
            kind: "HTTPProxy",
            plural: "httpproxies",
        }]
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: true,
            cookie: true,
            mirror: true,
            tested: "Contour 1.33 with Envoy 1.38",
            limits: "a cookie needs Contour 1.26; a route has one copy of its requests at most; TCP is not split",
        }
    }

    fn places(&self, _route: &Value) -> Vec<String> {
        vec!["/spec/routes".into()]
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        home.namespace == namespace
            && services(element).any(|entry| !is_mirror(entry) && entry["name"] == service)
    }

    fn weave(&self, element: &Value, _home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        // A mirror's weight is no share.
        let (mirrors, mut entries): (Vec<Value>, Vec<Value>) =
            services(element).cloned().partition(is_mirror);
        if entries.iter().all(|entry| entry["weight"].as_u64().unwrap_or_default() == 0) {
            // Then Contour takes all for equal (`weightedClusters`).
            for entry in &mut entries {
                entry["weight"] = json!(1);
            }
        }
        let is_root = |entry: &Value| entry["name"] == split.service;
        let rename = |entry: &mut Map<String, Value>, name: &str| {
            entry.insert("name".into(), name.into());
        };
        let weighted =
            Weighted { is_root: &is_root, rename: &rename, weight: "weight", omitted: 0, most: MOST };
        let mut routes = Vec::new();
        for wanted in &split.matches {
            let mut added = element.clone();
            added["conditions"] = narrowed(element, wanted)?;
            let alone = weighted.canary_alone(&entries, split);
            added["services"] = alone.into_iter().chain(mirrors.iter().cloned()).collect();
            routes.push(added);
        }
        let mut list = weighted.divided(&entries, split)?;
        // A weight of 0 would be taken for no weight, which means all of them.
        if let Some(percent) = split.mirror.filter(|percent| *percent > 0) {
            if let Some(mirror) = mirrors.first() {
                return Err(Error::refused(format!(
                    "a route has one copy of its requests at most, and service/{} has it",
                    text(mirror, "/name")
                )));
            }
            let mut copy = weighted.canary_alone(&entries, split);
            for entry in &mut copy {
                entry["mirror"] = true.into();
                entry["weight"] = percent.into();
            }
            list.extend(copy);
        }
        list.extend(mirrors);
        let mut route = element.clone();
        route["services"] = list.into();
        routes.push(route);
        Ok(routes)
    }

    fn settled(&self, route: &Value, _service: &str) -> Settled {
        let conditions = route["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(valid) = conditions.iter().find(|condition| condition["type"] == "Valid") else {
            return Settled::No("Contour does not say Valid yet".into());
        };
        if valid["observedGeneration"] != route["metadata"]["generation"] {
            return Settled::No("Contour has not seen it yet".into());
        }
        if valid["status"] == "True" {
            return Settled::Yes;
        }
        let errors = valid["errors"].as_array().into_iter().flatten();
        let errors: Vec<&str> = errors.map(|error| text(error, "/message")).collect();
        let (reason, message) = (text(valid, "/reason"), text(valid, "/message"));
        Settled::No(format!("Valid is not true: {reason}: {message}: {}", errors.join(", ")))
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(2)
    }
}

fn services(route: &Value) -> impl Iterator<Item = &Value> {
    route["services"].as_array().into_iter().flatten()
}

fn is_mirror(entry: &Value) -> bool {
    entry["mirror"] == true
}

/// Returns a route's conditions and one more. The route with more conditions on headers goes first.
fn narrowed(route: &Value, wanted: &Match) -> Result<Value, Error> {
    let mut conditions = route["conditions"].as_array().cloned().unwrap_or_default();
    conditions.push(match wanted {
        Match::Header { name, value } => {
            let exact = |one: &&Value| !text(one, "/header/exact").is_empty();
            if conditions.iter().filter(exact).any(|one| text(one, "/header/name").eq_ignore_ascii_case(name))
            {
                return Err(Error::refused(format!(
                    "a route has one value of a header at most, and one has a value of {name} already"
                )));
            }
            json!({"header": {"name": name, "exact": value}})
        }
        Match::Cookie { name, value } => {
            json!({"header": {"name": "Cookie", "regex": Match::cookie_pattern(name, value)}})
        }
    });
    Ok(conditions.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::patch;
    use crate::router::weave;
    use crate::traffic::Target;

    fn target() -> Target {
        Target {
            api: "/apis/projectcontour.io/v1".into(),
            kind: "HTTPProxy".into(),
            plural: "httpproxies".into(),
            namespace: "shop".into(),
            name: "web".into(),
        }
    }

    fn route(services: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "p1", "generation": 3, "annotations": {}},
            "spec": {"virtualhost": {"fqdn": "a.b"}, "routes": [{"conditions": [{"prefix": "/"}],
                "timeoutPolicy": {"response": "5s"}, "services": services}]}})
    }

    fn simple() -> Value {
        route(&json!([{"name": "web", "port": 80, "protocol": "h2c"}]))
    }

    fn written(route: &Value, split: &Split) -> Value {
        let mut written = route.clone();
        patch(&mut written, &weave(&CONTOUR, &target(), route, split).unwrap().patch);
        assert_eq!(weave(&CONTOUR, &target(), &written, split).unwrap().patch, Vec::<Value>::new());
        written
    }

    fn undone() -> Split {
        Split::undone("web", "shop")
    }

    fn ten() -> Split {
        undone().with(Some(0), Some(90), Some(10))
    }

    fn weights(route: &Value, index: usize) -> Vec<(&str, u64)> {
        let entries = services(&route["spec"]["routes"][index]);
        entries.map(|one| (text(one, "/name"), one["weight"].as_u64().unwrap_or_default())).collect()
    }

    #[test]
    fn a_share_is_written_and_undone_beside_others_too() {
        let woven = written(&simple(), &ten());
        assert_eq!(weights(&woven, 0), [("web", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)]);
        assert_eq!(written(&woven, &undone()), simple());

        // No weights at all are equal ones; beside others none is 0; a mirror is no share.
        let entries = [
            (json!([{"name": "web"}, {"name": "old"}]), [0, 90, 10, 100]),
            (json!([{"name": "web", "weight": 3}, {"name": "old"}]), [0, 270, 30, 0]),
            (json!([{"name": "web"}, {"name": "old", "weight": 1}]), [0, 0, 0, 100]),
            (json!([{"name": "web"}, {"name": "old", "weight": 5, "mirror": true}]), [0, 90, 10, 5]),
        ];
        for (entries, wanted) in entries {
            let woven = written(&route(&entries), &ten());
            let shares: Vec<u64> = weights(&woven, 0).into_iter().map(|(_, weight)| weight).collect();
            assert_eq!(shares, wanted, "{entries}");
            assert_eq!(written(&woven, &undone()), route(&entries));
        }
    }

    #[test]
    fn a_header_a_cookie_and_a_mirror_come_and_go() {
        let mut split = Split { mirror: Some(100), ..ten() };
        split.matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Cookie { name: "who".into(), value: "me".into() },
        ];
        let woven = written(&simple(), &split);
        let routes = woven["spec"]["routes"].as_array().unwrap();
        let wanted = json!([{"prefix": "/"}, {"header": {"name": "X-Beta", "exact": "1"}}]);
        assert_eq!(routes[0]["conditions"], wanted);
        assert_eq!(routes[0]["timeoutPolicy"]["response"], "5s");
        assert_eq!(routes[1]["conditions"][1]["header"]["regex"], "^(.*; ?)?who=me(;.*)?$");
        assert_eq!(weights(&woven, 1), [("web-rp-canary", 1)]);
        let copy =
            json!({"name": "web-rp-canary", "port": 80, "protocol": "h2c", "mirror": true, "weight": 100});
        assert_eq!(routes[2]["services"][3], copy);
        let none = written(&woven, &Split { mirror: Some(0), ..ten() });
        assert_eq!(none["spec"], written(&simple(), &ten())["spec"]);
        assert_eq!(written(&woven, &undone()), simple());
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let refusal =
            |route: &Value, split: &Split| weave(&CONTOUR, &target(), route, split).unwrap_err().message;
        let both = route(&json!([{"name": "web", "port": 80}, {"name": "spy", "port": 80, "mirror": true}]));
        assert_snapshot!(refusal(&both, &Split { mirror: Some(5), ..ten() }), @"httpproxy/web in namespace shop: a route has one copy of its requests at most, and service/spy has it");
        let mut header = simple();
        header["spec"]["routes"][0]["conditions"] = json!([{"header": {"name": "x-a", "exact": "1"}}]);
        let matches = vec![Match::Header { name: "X-A".into(), value: "2".into() }];
        assert_snapshot!(refusal(&header, &Split { matches, ..ten() }), @"httpproxy/web in namespace shop: a route has one value of a header at most, and one has a value of X-A already");
        let huge = route(&json!([{"name": "web", "weight": 1}, {"name": "old", "weight": 1_u64 << 62}]));
        assert_snapshot!(refusal(&huge, &ten()), @"httpproxy/web in namespace shop: a weight of 3689348814741910323 is too large: the most is 100000000");
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let mut woven = written(&simple(), &ten());
        let routes = woven["spec"]["routes"].as_array_mut().unwrap();
        routes[0]["timeoutPolicy"] = json!({"idle": "1s"});
        routes[0]["services"][1]["weight"] = json!(55);
        routes[0]["services"].as_array_mut().unwrap().push(json!({"name": "spy", "port": 1, "mirror": true}));
        let other = json!({"conditions": [{"prefix": "/x"}], "services": [{"name": "x", "port": 1}]});
        routes.insert(0, other.clone());
        let back = written(&woven, &undone());
        let wanted = json!([other, {"conditions": [{"prefix": "/"}], "timeoutPolicy": {"idle": "1s"}, "services":
            [{"name": "web", "port": 80, "protocol": "h2c"}, {"name": "spy", "port": 1, "mirror": true}]}]);
        assert_eq!(back["spec"]["routes"], wanted);
    }

    #[test]
    fn a_service_is_one_of_the_same_namespace_and_more_than_a_mirror() {
        let named = |service: &Value| {
            CONTOUR.names(&json!({"services": [service]}), &Target::service("shop", "web"), "web", "shop")
        };
        assert!(named(&json!({"name": "web"})) && !named(&json!({"name": "web", "mirror": true})));
        assert!(!CONTOUR.names(
            &simple()["spec"]["routes"][0],
            &Target::service("shop", "web"),
            "web",
            "other"
        ));
    }

    #[test]
    fn a_proxy_is_followed_when_it_is_valid_for_this_generation() {
        let mut proxy = simple();
        assert!(matches!(CONTOUR.settled(&proxy, "web"), Settled::No(_)));
        let valid = |status: &str, generation: i64| {
            json!({"conditions": [{"type": "Valid", "status": status, "observedGeneration": generation,
            "reason": "ErrorPresent", "message": "see Errors", "errors": [{"message": "no such Service"}]}]})
        };
        proxy["status"] = valid("True", 2);
        assert_eq!(CONTOUR.settled(&proxy, "web"), Settled::No("Contour has not seen it yet".into()));
        proxy["status"] = valid("False", 3);
        let text = "Valid is not true: ErrorPresent: see Errors: no such Service";
        assert_eq!(CONTOUR.settled(&proxy, "web"), Settled::No(text.into()));
        proxy["status"] = valid("True", 3);
        assert_eq!(CONTOUR.settled(&proxy, "web"), Settled::Yes);
    }

    proptest! {
        /// Whatever the weights: the share of others stays, ours is in proportion, and the way back is exact.
        #[test]
        fn shares_add_up(root in 0_u64..50, other in proptest::option::of(0_u64..50), canary in 0_u8..=100) {
            let mut entries = json!([{"name": "web", "port": 80, "weight": root}, {"name": "old", "port": 80}]);
            if let Some(other) = other {
                entries[1]["weight"] = json!(other);
            }
            let (mut root, mut other) = (root, other.unwrap_or_default());
            if root + other == 0 {
                (root, other) = (1, 1);
            }
            let woven = written(&route(&entries), &undone().with(Some(0), Some(100 - canary), Some(canary)));
            let shares = [0, root * u64::from(100 - canary), root * u64::from(canary), other * 100];
            prop_assert_eq!(weights(&woven, 0).into_iter().map(|(_, weight)| weight).collect::<Vec<_>>(), shares);
            prop_assert_eq!(written(&woven, &undone()), route(&entries));
        }
    }
}
