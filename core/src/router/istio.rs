//! Istio: `VirtualService`, by hosts and by subsets (`networking/v1alpha3/virtual_service.proto` of istio/api).
//!
//! Where a user's destination has a subset, ours have subsets of the same host; else they have hosts of their own.

mod rules;

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, Weighted};
use crate::traffic::{Match, Role, Split, Target, View, is_ours, text};

/// Routes of Istio.
pub(super) struct Istio;

pub(super) const ISTIO: Istio = Istio;

impl Router for Istio {
    fn name(&self) -> &'static str {
        "istio"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &[RouteKind {
            group: "networking.istio.io",
            versions: &["v1", "v1beta1", "v1alpha3"],
            kind: "VirtualService",
            plural: "virtualservices",
        }]
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: true,
            cookie: true,
            mirror: true,
            tested: "Istio 1.31 with Envoy 1.38",
            limits: "the DestinationRules of the Service's own namespace count, and a subset has to have the pods \
                     of both versions; tls and tcp routes stay as they are; a copy needs a version that knows mirrors",
        }
    }

    fn beside(&self) -> &'static [RouteKind] {
        &[RouteKind {
            group: "networking.istio.io",
            versions: &["v1", "v1beta1", "v1alpha3"],
            kind: "DestinationRule",
            plural: "destinationrules",
        }]
    }

    fn reaches_abroad(&self) -> bool {
        true
    }

    fn concerns(&self, object: &Value, service: &str, namespace: &str) -> bool {
        is_host(text(object, "/spec/host"), namespace, service, namespace)
    }

    fn unfit(&self, view: &View<'_>, split: &Split) -> Option<Error> {
        rules::unfit(self, view, split)
    }

    fn own(&self, view: &View<'_>, split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        rules::own(self, view, split)
    }

    fn own_carry(&self) -> bool {
        false
    }

    fn places(&self, _route: &Value) -> Vec<String> {
        vec!["/spec/http".into()]
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        destinations(element).iter().any(|entry| is_root(entry, &home.namespace, service, namespace))
    }

    fn weave(&self, element: &Value, home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let is_root = |entry: &Value| is_root(entry, &home.namespace, &split.service, &split.namespace);
        let entries = destinations(element);
        let roots = || entries.iter().filter(|entry| is_root(entry));
        let rename = |entry: &mut Map<String, Value>, name: &str| {
            if let Some(destination) = entry.get_mut("destination") {
                send(destination, split, name);
            }
        };
        let most = u64::from(i32::MAX.unsigned_abs());
        let weighted = Weighted { is_root: &is_root, rename: &rename, weight: "weight", omitted: 0, most };
        let mut rule = element.clone();
        rule["route"] = Value::Array(weighted.divided(entries, split)?);
        if let (Some(percent), Some(root)) = (split.mirror, roots().next()) {
            rule["mirrors"] = mirrors(element, &root["destination"], split, percent)?;
        }
        let mut rules = Vec::new();
        // The first that matches wins.
        for wanted in &split.matches {
            let mut added = element.clone();
            added.as_object_mut().map(|rule| rule.remove("name"));
            added["match"] = matched(element, wanted)?;
            added["route"] = Value::Array(weighted.canary_alone(entries, split));
            rules.push(added);
        }
        rules.push(rule);
        Ok(rules)
    }

    fn settled(&self, _route: &Value, _service: &str) -> Settled {
        Settled::Silent
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(3)
    }
}

fn destinations(rule: &Value) -> &[Value] {
    rule["route"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether requests go to the user's own Service: a subset of ours has its host, too.
fn is_root(entry: &Value, home: &str, service: &str, namespace: &str) -> bool {
    is_host(text(entry, "/destination/host"), home, service, namespace)
        && !is_ours(text(entry, "/destination/subset"), service)
}

/// Whether the host is `web`, `web.shop`, `web.shop.svc` or `web.shop.svc.` with any cluster domain.
fn is_host(host: &str, home: &str, service: &str, namespace: &str) -> bool {
    let Some(rest) = host.strip_prefix(service) else { return false };
    if rest.is_empty() {
        return home == namespace;
    }
    let domain = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(namespace));
    domain.is_some_and(|domain| domain.is_empty() || domain == ".svc" || domain.starts_with(".svc."))
}

/// Gives a destination of the root the subset of that name, or the host.
fn send(destination: &mut Value, split: &Split, name: &str) {
    if destination["subset"].is_string() {
        destination["subset"] = name.into();
    } else {
        destination["host"] = host(text(destination, "/host"), split, name).into();
    }
}

/// Returns the host of another Service, in the form that the root's has.
fn host(root: &str, split: &Split, name: &str) -> String {
    format!("{name}{}", root.strip_prefix(&split.service).unwrap_or_default())
}

/// Returns a rule's matches, each with one condition more. A rule without any matches everything.
fn matched(rule: &Value, wanted: &Match) -> Result<Value, Error> {
    let (name, condition) = match wanted {
        // A name with capitals is refused.
        Match::Header { name, value } => (name.to_ascii_lowercase(), json!({"exact": value})),
        Match::Cookie { name, value } => {
            ("cookie".to_owned(), json!({"regex": Match::cookie_pattern(name, value)}))
        }
    };
    let everything = vec![json!({})];
    let matches = rule["match"].as_array().filter(|matches| !matches.is_empty()).unwrap_or(&everything);
    let narrowed = matches.iter().map(|one| {
        let mut one = one.clone();
        let mut headers = one["headers"].as_object().cloned().unwrap_or_default();
        if headers.insert(name.clone(), condition.clone()).is_some() {
            return Err(Error::refused(format!(
                "a rule asks for header {name} already, and a match has one condition for each header"
            )));
        }
        one["headers"] = Value::Object(headers);
        Ok(one)
    });
    Ok(Value::Array(narrowed.collect::<Result<_, _>>()?))
}

fn mirrors(rule: &Value, root: &Value, split: &Split, percent: u8) -> Result<Value, Error> {
    // The two are exclusive, and what takes the place of the one cannot be taken back by name.
    if !rule["mirror"].is_null() {
        return Err(Error::refused("a rule has mirror already, and another copy needs mirrors in its place"));
    }
    let mut destination = root.clone();
    send(&mut destination, split, &split.name(Some(Role::Canary)));
    let mut mirrors = rule["mirrors"].as_array().cloned().unwrap_or_default();
    mirrors.push(json!({"destination": destination, "percentage": {"value": percent}}));
    Ok(Value::Array(mirrors))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::{refusal, ten, there_and_back, written};

    fn route(http: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1"}, "spec": {"hosts": ["web.example"],
            "http": http, "tcp": [{"route": [{"destination": {"host": "web"}}]}]}})
    }

    fn simple(host: &str) -> Value {
        json!([{"name": "main", "match": [{"uri": {"prefix": "/"}}], "timeout": "5s",
            "route": [{"destination": {"host": host, "port": {"number": 80}}}]}])
    }

    fn weights(rule: &Value) -> Vec<(&str, u64)> {
        let one = |entry| (text(entry, "/destination/host"), entry["weight"].as_u64().unwrap());
        destinations(rule).iter().map(one).collect()
    }

    #[test]
    fn a_share_is_written_and_the_way_back_with_it() {
        for (host, rest) in [
            ("web", ""),
            ("web.shop", ".shop"),
            ("web.shop.svc", ".shop.svc"),
            ("web.shop.svc.cluster.local", ".shop.svc.cluster.local"),
        ] {
            let woven = there_and_back(&ISTIO, &route(&simple(host)), &ten());
            let rule = &woven["spec"]["http"][0];
            let hosts = [("", 0), ("-rp-stable", 90), ("-rp-canary", 10)];
            let hosts = hosts.map(|(name, weight)| (format!("web{name}{rest}"), weight));
            let hosts: Vec<_> = hosts.iter().map(|(host, weight)| (host.as_str(), *weight)).collect();
            assert_eq!(weights(rule), hosts);
            assert_eq!(rule["route"][2]["destination"]["port"]["number"], 80);
            assert_eq!(woven["spec"]["tcp"], route(&json!([]))["spec"]["tcp"]);
        }
    }

    #[test]
    fn other_hosts_are_others() {
        for host in ["web.other", "web.other.svc.cluster.local", "web2", "web.shop.example", "api"] {
            let route = route(&simple(host));
            assert_eq!(written(&ISTIO, &route, &ten()).0, route, "{host}");
        }
        let mut abroad = route(&simple("web"));
        abroad["metadata"]["namespace"] = json!("edge");
        assert_eq!(written(&ISTIO, &abroad, &ten()).0, abroad);
        let abroad = abroad.to_string().replace(r#""web""#, r#""web.shop.svc""#);
        let woven = there_and_back(&ISTIO, &serde_json::from_str(&abroad).unwrap(), &ten());
        assert_eq!(weights(&woven["spec"]["http"][0])[2], ("web-rp-canary.shop.svc", 10));
    }

    #[test]
    fn the_shares_of_other_destinations_stay() {
        let mut http = simple("web");
        http[0]["route"][0]["weight"] = json!(75);
        let old = json!({"destination": {"host": "old"}, "weight": 25});
        http[0]["route"].as_array_mut().unwrap().push(old);
        let woven = there_and_back(&ISTIO, &route(&http), &ten());
        let wanted = [("web", 0), ("web-rp-stable", 6750), ("web-rp-canary", 750), ("old", 2500)];
        assert_eq!(weights(&woven["spec"]["http"][0]), wanted);
    }

    #[test]
    fn a_header_a_cookie_and_a_mirror_come_and_go() {
        let mut http = simple("web");
        http[0]["mirrors"] = json!([{"destination": {"host": "log"}}]);
        let mut split = ten();
        split.matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Cookie { name: "who".into(), value: "me".into() },
        ];
        split.mirror = Some(50);
        let woven = there_and_back(&ISTIO, &route(&http), &split);
        let rules = &woven["spec"]["http"];
        assert_eq!(
            rules[0]["match"],
            json!([{"uri": {"prefix": "/"}, "headers": {"x-beta": {"exact": "1"}}}])
        );
        assert_eq!(weights(&rules[0]), [("web-rp-canary", 1)]);
        assert_eq!(rules[0]["timeout"], "5s");
        assert!(rules[0]["name"].is_null());
        assert!(rules[1]["match"][0]["headers"]["cookie"]["regex"].is_string());
        let copy = json!({"destination": {"host": "web-rp-canary", "port": {"number": 80}}, "percentage": {"value": 50}});
        assert_eq!(rules[2]["mirrors"], json!([{"destination": {"host": "log"}}, copy]));
        assert_eq!(rules[2]["name"], "main");
        // A rule that matches everything: so does ours, but for the header.
        http[0].as_object_mut().unwrap().remove("match");
        let woven = there_and_back(&ISTIO, &route(&http), &split);
        assert_eq!(woven["spec"]["http"][0]["match"], json!([{"headers": {"x-beta": {"exact": "1"}}}]));
    }

    #[test]
    fn a_subset_is_split_into_subsets_of_the_same_host() {
        let mut http = simple("web.shop.svc.cluster.local");
        http[0]["route"][0]["destination"]["subset"] = json!("main");
        let mut split = ten();
        split.matches = vec![Match::Header { name: "X-Beta".into(), value: "1".into() }];
        split.mirror = Some(50);
        let woven = there_and_back(&ISTIO, &route(&http), &split);
        let subsets = |rule: &Value| -> Vec<(String, u64)> {
            let one = |entry: &Value| {
                assert_eq!(entry["destination"]["host"], "web.shop.svc.cluster.local");
                (text(entry, "/destination/subset").to_owned(), entry["weight"].as_u64().unwrap())
            };
            destinations(rule).iter().map(one).collect()
        };
        let rules = &woven["spec"]["http"];
        assert_eq!(subsets(&rules[0]), [("web-rp-canary".to_owned(), 1)]);
        let wanted = [("main", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)];
        assert_eq!(subsets(&rules[1]), wanted.map(|(name, weight)| (name.to_owned(), weight)));
        assert_eq!(rules[1]["mirrors"][0]["destination"]["subset"], "web-rp-canary");
        let (mut lost, _) = written(&ISTIO, &route(&http), &ten());
        lost["metadata"]["annotations"] = Value::Null;
        let (back, _) = written(&ISTIO, &lost, &Split::undone("web", "shop"));
        assert_eq!(back["spec"]["http"], http, "without a record");
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let mut http = simple("web");
        http[0]["mirror"] = json!({"host": "log"});
        let mut split = ten();
        split.mirror = Some(100);
        assert_snapshot!(refusal(&ISTIO, &route(&http), &split), @"virtualservice/web in namespace shop: a rule has mirror already, and another copy needs mirrors in its place");
        http[0]["match"][0]["headers"] = json!({"x-beta": {"prefix": ""}});
        let mut split = ten();
        split.matches = vec![Match::Header { name: "X-Beta".into(), value: "1".into() }];
        assert_snapshot!(refusal(&ISTIO, &route(&http), &split), @"virtualservice/web in namespace shop: a rule asks for header x-beta already, and a match has one condition for each header");
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let (mut woven, _) = written(&ISTIO, &route(&simple("web")), &ten());
        let other = json!({"match": [{"uri": {"exact": "/x"}}], "route": [{"destination": {"host": "x"}}]});
        let rules = woven["spec"]["http"].as_array_mut().unwrap();
        rules.insert(0, other.clone());
        rules[1]["retries"] = json!({"attempts": 2});
        let new = json!({"destination": {"host": "new"}, "weight": 7});
        rules[1]["route"].as_array_mut().unwrap().push(new.clone());
        let (back, notes) = written(&ISTIO, &woven, &Split::undone("web", "shop"));
        assert_eq!(notes.len(), 1, "{notes:?}");
        let mut wanted = simple("web")[0].clone();
        wanted["retries"] = json!({"attempts": 2});
        wanted["route"].as_array_mut().unwrap().push(new);
        assert_eq!(back["spec"]["http"], json!([other, wanted]));
    }

    #[test]
    fn without_a_record_the_root_takes_our_place() {
        let (mut woven, _) = written(&ISTIO, &route(&simple("web.shop.svc.cluster.local")), &ten());
        woven["metadata"]["annotations"] = Value::Null;
        let (back, _) = written(&ISTIO, &woven, &Split::undone("web", "shop"));
        assert_eq!(back["spec"]["http"], simple("web.shop.svc.cluster.local"));
    }
}
