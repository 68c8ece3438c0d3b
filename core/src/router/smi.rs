//! Service Mesh Interface: `TrafficSplit` (`apis/traffic-split` of servicemeshinterface/smi-spec).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, Weighted};
use crate::traffic::{Split, Target};

/// Splits of the Service Mesh Interface.
pub(super) struct Smi;

pub(super) const SMI: Smi = Smi;

impl Router for Smi {
    fn name(&self) -> &'static str {
        "smi"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &[RouteKind {
            group: "split.smi-spec.io",
            versions: &["v1alpha4", "v1alpha2", "v1alpha1"],
            kind: "TrafficSplit",
            plural: "trafficsplits",
        }]
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: false,
            cookie: false,
            mirror: false,
            tested: "the rules of its CRDs on a real API server",
            limits: "only clients of the mesh, by the name in spec.service; whole numbers as weights",
        }
    }

    /// All of it, not its backends: the shares of the others are scaled with the root's.
    fn places(&self, _route: &Value) -> Vec<String> {
        vec!["/spec".into()]
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        home.namespace == namespace && backends(element).iter().any(|entry| entry["service"] == service)
    }

    fn weave(&self, element: &Value, _home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let entries = backends(element);
        // The first version had quantities: `500m` is a half.
        if let Some(weight) = entries.iter().find_map(|entry| entry["weight"].as_str()) {
            return Err(Error::refused(format!("the weight {weight:?} is not a whole number")));
        }
        let is_root = |entry: &Value| entry["service"] == split.service.as_str();
        let rename = |entry: &mut Map<String, Value>, name: &str| {
            entry.insert("service".into(), name.into());
        };
        let most = u64::from(i32::MAX.unsigned_abs());
        let weighted = Weighted { is_root: &is_root, rename: &rename, weight: "weight", omitted: 0, most };
        let mut spec = element.clone();
        spec["backends"] = Value::Array(weighted.divided(entries, split)?);
        Ok(vec![spec])
    }

    fn settled(&self, _route: &Value, _service: &str) -> Settled {
        Settled::Silent
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(3)
    }
}

fn backends(spec: &Value) -> &[Value] {
    spec["backends"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::{refusal, ten, there_and_back, written};
    use crate::traffic::Match;

    fn route(backends: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1"},
            "spec": {"service": "web", "backends": backends}})
    }

    fn list(backends: &[(&str, u64)]) -> Value {
        backends.iter().map(|(service, weight)| json!({"service": service, "weight": weight})).collect()
    }

    #[test]
    fn a_share_is_written_and_the_way_back_with_it() {
        let woven = there_and_back(&SMI, &route(&list(&[("web", 100)])), &ten());
        let wanted = list(&[("web", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)]);
        assert_eq!(woven["spec"], json!({"service": "web", "backends": wanted}));
    }

    #[test]
    fn the_shares_of_other_backends_stay() {
        let woven = there_and_back(&SMI, &route(&list(&[("old", 1), ("web", 3)])), &ten());
        let wanted = list(&[("old", 100), ("web", 0), ("web-rp-stable", 270), ("web-rp-canary", 30)]);
        assert_eq!(woven["spec"]["backends"], wanted);
        let other = route(&list(&[("old", 1), ("new", 3)]));
        assert_eq!(written(&SMI, &other, &ten()).0, other);
    }

    /// What Linkerd's adaptor takes a split for: each backend's weight is read without a question
    /// (`pkg/adaptor/controller.go` of linkerd/linkerd-smi), as an authority that stands there once.
    #[test]
    fn whatever_is_asked_has_whole_weights_for_each_service_once() {
        for (root, stable, canary) in
            [(100, Some(0), None), (0, Some(100), Some(0)), (0, Some(1), Some(99)), (0, None, Some(100))]
        {
            let split = ten().with(Some(root), stable, canary);
            let woven = there_and_back(&SMI, &route(&list(&[("old", 0), ("web", 7)])), &split);
            let backends = backends(&woven["spec"]);
            let mut services: Vec<&str> =
                backends.iter().map(|entry| entry["service"].as_str().unwrap()).collect();
            services.sort_unstable();
            services.dedup();
            assert_eq!(services.len(), backends.len(), "{woven}");
            let all: u64 = backends.iter().map(|entry| entry["weight"].as_u64().unwrap()).sum();
            assert!(all > 0, "{woven}");
        }
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let (mut woven, _) = written(&SMI, &route(&list(&[("web", 1)])), &ten());
        woven["spec"]["matches"] = json!([{"kind": "HTTPRouteGroup", "name": "all"}]);
        woven["spec"]["backends"].as_array_mut().unwrap().push(json!({"service": "new", "weight": 7}));
        let (back, notes) = written(&SMI, &woven, &Split::undone("web", "shop"));
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_eq!(back["spec"]["backends"], list(&[("web", 1), ("new", 7)]));
        assert_eq!(back["spec"]["matches"], woven["spec"]["matches"]);
        woven["metadata"]["annotations"] = Value::Null;
        woven["spec"]["backends"].as_array_mut().unwrap().pop();
        let (back, _) = written(&SMI, &woven, &Split::undone("web", "shop"));
        assert_eq!(back["spec"]["backends"], json!([{"service": "web"}]), "without a record");
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let cookie = Match::Cookie { name: "who".into(), value: "me".into() };
        let header = Match::Header { name: "X-Beta".into(), value: "1".into() };
        let route = route(&list(&[("web", 1)]));
        for (split, what) in [
            (Split { matches: vec![header], ..ten() }, "tell requests by a header"),
            (Split { matches: vec![cookie], ..ten() }, "tell requests by a cookie"),
            (Split { mirror: Some(100), ..ten() }, "give the canary a copy of requests"),
        ] {
            let wanted = format!("trafficsplit/web in namespace shop: the router smi cannot {what}");
            assert_eq!(refusal(&SMI, &route, &split), wanted);
        }
        let quantity = self::route(&json!([{"service": "web", "weight": "500m"}]));
        assert_snapshot!(refusal(&SMI, &quantity, &ten()), @r#"trafficsplit/web in namespace shop: the weight "500m" is not a whole number"#);
    }
}
