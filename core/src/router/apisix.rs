//! APISIX: `ApisixRoute` (`api/v2/apisixroute_types.go` of apache/apisix-ingress-controller).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, Weighted};
use crate::traffic::{Match, Split, Target, text};

/// Routes of APISIX.
pub(super) struct Apisix;

pub(super) const APISIX: Apisix = Apisix;

impl Router for Apisix {
    fn name(&self) -> &'static str {
        "apisix"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &[RouteKind {
            group: "apisix.apache.org",
            versions: &["v2"],
            kind: "ApisixRoute",
            plural: "apisixroutes",
        }]
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: true,
            cookie: true,
            mirror: false,
            tested: "the rules of its CRD 2.2 on a real API server",
            limits: "an ApisixUpstream of the Service (timeouts, retries, health checks, scheme) does not apply to \
                     ours, no subsets; stream routes stay as they are",
        }
    }

    fn places(&self, _route: &Value) -> Vec<String> {
        vec!["/spec/http".into()]
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        home.namespace == namespace && backends(element).iter().any(|entry| entry["serviceName"] == service)
    }

    fn weave(&self, element: &Value, _home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let entries = backends(element);
        let name = text(element, "/name");
        // They have weights too, beside those of the backends.
        if element["upstreams"].as_array().is_some_and(|upstreams| !upstreams.is_empty()) {
            return Err(Error::refused(format!(
                "rule {name} has upstreams beside its backends: their weights are not ours to divide"
            )));
        }
        let is_root = |entry: &Value| entry["serviceName"] == split.service.as_str();
        let subset = |entry: &Value| is_root(entry) && !text(entry, "/subset").is_empty();
        if let Some(root) = entries.iter().find(|entry| subset(entry)) {
            return Err(Error::refused(format!(
                "rule {name} sends requests to subset {} of service/{}: Services of ours have no subsets, so its pods \
                 would be lost",
                text(root, "/subset"),
                split.service
            )));
        }
        let rename = |entry: &mut Map<String, Value>, name: &str| {
            entry.insert("serviceName".into(), name.into());
        };
        let most = u64::from(i32::MAX.unsigned_abs());
        let weighted = Weighted { is_root: &is_root, rename: &rename, weight: "weight", omitted: 100, most };
        let mut rule = element.clone();
        rule["backends"] = Value::Array(weighted.divided(entries, split)?);
        // A rule is known by its number, and its priority decides: ours come after it, so that it keeps its own.
        let mut rules = vec![rule];
        for (index, wanted) in split.matches.iter().enumerate() {
            let mut added = element.clone();
            added["name"] = format!("{name}-rp-canary-{}", index + 1).into();
            added["priority"] = json!(element["priority"].as_i64().unwrap_or_default() + 1);
            added["match"] = matched(&element["match"], wanted);
            added["backends"] = Value::Array(weighted.canary_alone(entries, split));
            rules.push(added);
        }
        Ok(rules)
    }

    /// What its conditions say is that it was read.
    fn settled(&self, _route: &Value, _service: &str) -> Settled {
        Settled::Silent
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(5)
    }
}

fn backends(rule: &Value) -> &[Value] {
    rule["backends"].as_array().map_or(&[], Vec::as_slice)
}

/// Returns a rule's match with one expression more: all of them have to be true.
fn matched(rule: &Value, wanted: &Match) -> Value {
    let (scope, name, value) = match wanted {
        Match::Header { name, value } => ("Header", name, value),
        Match::Cookie { name, value } => ("Cookie", name, value),
    };
    let mut narrowed = rule.clone();
    let mut all = rule["exprs"].as_array().cloned().unwrap_or_default();
    all.push(json!({"subject": {"scope": scope, "name": name}, "op": "Equal", "value": value}));
    narrowed["exprs"] = Value::Array(all);
    narrowed
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::{refusal, ten, there_and_back, written};

    fn route(http: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1"}, "spec": {"http": http}})
    }

    fn simple() -> Value {
        json!([{"name": "web", "match": {"paths": ["/*"], "hosts": ["web.example"]}, "websocket": true,
            "backends": [{"serviceName": "web", "servicePort": "http"}]}])
    }

    fn weights(rule: &Value) -> Vec<(&str, u64)> {
        let one = |entry| (text(entry, "/serviceName"), entry["weight"].as_u64().unwrap());
        backends(rule).iter().map(one).collect()
    }

    #[test]
    fn a_share_is_written_and_the_way_back_with_it() {
        let woven = there_and_back(&APISIX, &route(&simple()), &ten());
        let rule = &woven["spec"]["http"][0];
        assert_eq!(weights(rule), [("web", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)]);
        assert_eq!(rule["backends"][2]["servicePort"], "http");
    }

    #[test]
    fn the_shares_of_other_backends_stay() {
        let mut http = simple();
        let old = json!({"serviceName": "old", "servicePort": 80});
        http[0]["backends"].as_array_mut().unwrap().push(old);
        let woven = there_and_back(&APISIX, &route(&http), &ten());
        let wanted = [("web", 0), ("web-rp-stable", 9000), ("web-rp-canary", 1000), ("old", 10000)];
        assert_eq!(weights(&woven["spec"]["http"][0]), wanted, "no weight is 100");
        let mut abroad = route(&http);
        abroad["metadata"]["namespace"] = json!("other");
        assert_eq!(written(&APISIX, &abroad, &ten()).0, abroad);
    }

    #[test]
    fn a_header_and_a_cookie_come_and_go() {
        let mut http = simple();
        http[0]["priority"] = json!(3);
        http[0]["match"]["exprs"] = json!([{"subject": {"scope": "Path"}, "op": "NotEqual", "value": "/x"}]);
        let mut split = ten();
        split.matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Cookie { name: "who".into(), value: "me".into() },
        ];
        let woven = there_and_back(&APISIX, &route(&http), &split);
        let rules = woven["spec"]["http"].as_array().unwrap();
        let names: Vec<&str> = rules.iter().map(|rule| text(rule, "/name")).collect();
        assert_eq!(names, ["web", "web-rp-canary-1", "web-rp-canary-2"]);
        assert_eq!(rules[1]["priority"], 4);
        assert_eq!(rules[1]["match"]["paths"], json!(["/*"]));
        assert_eq!(rules[1]["match"]["exprs"][0]["subject"]["scope"], "Path");
        let header = json!({"subject": {"scope": "Header", "name": "X-Beta"}, "op": "Equal", "value": "1"});
        assert_eq!(rules[1]["match"]["exprs"][1], header);
        assert_eq!(rules[2]["match"]["exprs"][1]["subject"], json!({"scope": "Cookie", "name": "who"}));
        assert_eq!(weights(&rules[2]), [("web-rp-canary", 1)]);
        // Other weights leave the rules for matched requests where they are.
        let lower = Split { matches: split.matches, ..ten() }.with(Some(0), Some(100), Some(0));
        let (lower, _) = written(&APISIX, &woven, &lower);
        assert_eq!(lower["spec"]["http"].as_array().unwrap()[1..], rules[1..]);
    }

    /// What its webhook translates before it lets a route in: `ToVars` in `api/v2/apisixroute_types.go`, and the weights of
    /// the plugin traffic-split (`apisix/plugins/traffic-split.lua` of apache/apisix).
    fn validate(route: &Value) -> Result<(), String> {
        let mut names = Vec::new();
        for rule in route["spec"]["http"].as_array().unwrap() {
            let name = text(rule, "/name");
            if name.is_empty() || names.contains(&name) {
                return Err(format!("name {name:?}"));
            }
            names.push(name);
            for expression in rule["match"]["exprs"].as_array().into_iter().flatten() {
                let (scope, subject) =
                    (text(expression, "/subject/scope"), text(expression, "/subject/name"));
                if scope != "Path" && subject.is_empty() {
                    return Err("empty subject.name".into());
                }
                if !["Query", "Header", "Cookie", "Path", "Variable", "Body"].contains(&scope) {
                    return Err(format!("invalid http match expr: {scope}"));
                }
                if text(expression, "/op") != "Equal" || !expression["value"].is_string() {
                    return Err("unknown operator".into());
                }
            }
            let backends = backends(rule);
            let weight = |entry: &Value| entry["weight"].as_u64().unwrap_or(100);
            if backends.is_empty() || backends.iter().all(|entry| weight(entry) == 0) {
                return Err("nobody gets requests".into());
            }
            if backends.iter().any(|entry| !entry["weight"].is_null() && entry["weight"].as_u64().is_none()) {
                return Err("weight".into());
            }
        }
        Ok(())
    }

    #[test]
    fn whatever_is_asked_passes_the_rules_of_the_webhook() {
        let matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Header { name: "X-Beta".into(), value: "2".into() },
            Match::Cookie { name: "who".into(), value: "me".into() },
        ];
        for (root, stable, canary) in
            [(100, Some(0), None), (0, Some(100), Some(0)), (0, Some(1), Some(99)), (0, None, Some(100))]
        {
            for matches in [vec![], matches.clone()] {
                let split = Split { matches, ..ten() }.with(Some(root), stable, canary);
                let woven = written(&APISIX, &route(&simple()), &split).0;
                assert_eq!(validate(&woven), Ok(()), "{woven}");
            }
        }
        let twice = json!([simple()[0], simple()[0]]);
        assert_eq!(validate(&route(&twice)).unwrap_err(), "name \"web\"", "the rules themselves");
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let (mut woven, _) = written(&APISIX, &route(&simple()), &ten());
        let other = json!({"name": "x", "backends": [{"serviceName": "x", "servicePort": 1}]});
        let rules = woven["spec"]["http"].as_array_mut().unwrap();
        rules.insert(0, other.clone());
        rules[1]["timeout"] = json!({"read": "5s"});
        let (back, _) = written(&APISIX, &woven, &Split::undone("web", "shop"));
        let mut wanted = simple()[0].clone();
        wanted["timeout"] = json!({"read": "5s"});
        assert_eq!(back["spec"]["http"], json!([other, wanted]));
        woven["metadata"]["annotations"] = Value::Null;
        let (back, _) = written(&APISIX, &woven, &Split::undone("web", "shop"));
        assert_eq!(back["spec"]["http"], json!([other, wanted]), "without a record");
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let mut http = simple();
        let split = Split { mirror: Some(100), ..ten() };
        assert_snapshot!(refusal(&APISIX, &route(&http), &split), @"apisixroute/web in namespace shop: the router apisix cannot give the canary a copy of requests");
        http[0]["backends"][0]["subset"] = json!("v1");
        assert_snapshot!(refusal(&APISIX, &route(&http), &ten()), @"apisixroute/web in namespace shop: rule web sends requests to subset v1 of service/web: Services of ours have no subsets, so its pods would be lost");
        http[0]["upstreams"] = json!([{"name": "far"}]);
        assert_snapshot!(refusal(&APISIX, &route(&http), &ten()), @"apisixroute/web in namespace shop: rule web has upstreams beside its backends: their weights are not ours to divide");
    }
}
