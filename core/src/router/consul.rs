//! Consul: `ServiceSplitter`, among subsets of a `ServiceResolver` (`control-plane/api/v1alpha1` of
//! hashicorp/consul-k8s).
//!
//! Both are named as the Service. Consul has no other Service with the same pods, so ours are subsets, told by what
//! the names of their pods begin with: that, and no label, is what it knows of a pod
//! (`connect-inject/controllers/endpoints`).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled};
use crate::traffic::{Role, Split, Target, View, is_ours, made, text};

/// Longer beginnings of pods' names are cut (`maxGeneratedNameLength` in k8s.io/apiserver/pkg/storage/names).
const LONGEST: usize = 58;

/// Splitters of Consul.
pub(super) struct Consul;

pub(super) const CONSUL: Consul = Consul;

const fn kind(kind: &'static str, plural: &'static str) -> RouteKind {
    RouteKind { group: "consul.hashicorp.com", versions: &["v1alpha1"], kind, plural }
}

const SPLITTERS: [RouteKind; 1] = [kind("ServiceSplitter", "servicesplitters")];
const RESOLVERS: [RouteKind; 1] = [kind("ServiceResolver", "serviceresolvers")];

impl Router for Consul {
    fn name(&self) -> &'static str {
        "consul"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &SPLITTERS
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: false,
            cookie: false,
            mirror: false,
            tested: "the rules of its CRDs 2.0 on a real API server",
            limits: "only clients of the mesh; it takes a ServiceSplitter, and so a ServiceDefaults with protocol http, \
                     http2 or grpc; a ServiceRouter that names a subset takes precedence",
        }
    }

    fn beside(&self) -> &'static [RouteKind] {
        &RESOLVERS
    }

    fn concerns(&self, object: &Value, service: &str, _namespace: &str) -> bool {
        object["metadata"]["name"] == service
    }

    /// All of it, not its splits: they add up to 100.
    fn places(&self, _route: &Value) -> Vec<String> {
        vec!["/spec".into()]
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        home.namespace == namespace && splits(element).iter().any(|entry| is_root(entry, home, service))
    }

    fn weave(&self, element: &Value, home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let roots = splits(element).iter().filter(|entry| is_root(entry, home, &split.service)).count();
        if roots != 1 {
            return Err(Error::refused(format!("it names service/{} {roots} times", split.service)));
        }
        let mut parts = Vec::new();
        for entry in splits(element) {
            let weight = entry["weight"].as_f64().unwrap_or_default();
            if !is_root(entry, home, &split.service) {
                parts.push(entry.clone());
                continue;
            }
            for backend in split.backends() {
                let mut part = entry.clone();
                if backend.role.is_some() {
                    part["serviceSubset"] = backend.name.into();
                }
                part["weight"] = number(weight * f64::from(backend.percent) / 100.0);
                parts.push(part);
            }
        }
        if !adds_up(&parts) {
            return Err(Error::refused(
                "its weights cannot be divided so that they are 100 together, as Consul demands",
            ));
        }
        let mut spec = element.clone();
        spec["splits"] = Value::Array(parts);
        Ok(vec![spec])
    }

    /// Where the user has no resolver it is ours.
    fn own(&self, view: &View<'_>, split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        let wanted = subsets(view, split)?;
        let (Some((route, _)), true, false) =
            (view.routes.first(), view.beside.is_empty(), wanted.is_empty())
        else {
            return Ok(Vec::new());
        };
        let target = Target {
            kind: RESOLVERS[0].kind.into(),
            plural: RESOLVERS[0].plural.into(),
            name: split.service.clone(),
            ..(*route).clone()
        };
        let value = made(&target, json!({"subsets": wanted}));
        Ok(vec![(target, value)])
    }

    fn own_carry(&self) -> bool {
        false
    }

    fn amends(&self) -> bool {
        true
    }

    fn amend(&self, object: &Value, view: &View<'_>, split: &Split) -> Result<Vec<Value>, Error> {
        let wanted = subsets(view, split)?;
        let live = object["spec"]["subsets"].as_object();
        let is_gone = |name: &&String| is_ours(name, &split.service) && !wanted.contains_key(name.as_str());
        let gone = live.into_iter().flatten().map(|(name, _)| name).filter(is_gone);
        let mut patch: Vec<Value> =
            gone.map(|name| json!({"op": "remove", "path": format!("/spec/subsets/{name}")})).collect();
        for (name, subset) in &wanted {
            if live.and_then(|live| live.get(name)) != Some(subset) {
                patch.push(json!({"op": "add", "path": format!("/spec/subsets/{name}"), "value": subset}));
            }
        }
        if live.is_none() && !patch.is_empty() {
            patch.insert(0, json!({"op": "add", "path": "/spec/subsets", "value": {}}));
        }
        if !patch.is_empty() {
            patch.insert(
                0,
                json!({"op": "test", "path": "/metadata/uid", "value": object["metadata"]["uid"]}),
            );
        }
        Ok(patch)
    }

    /// `Synced` has no generation: that it is true says nothing of the last change.
    fn settled(&self, route: &Value, _service: &str) -> Settled {
        let conditions = route["status"]["conditions"].as_array();
        let mut refused = conditions
            .into_iter()
            .flatten()
            .filter(|condition| condition["type"] == "Synced" && condition["status"] == "False");
        match refused.next() {
            Some(condition) => Settled::No(format!("not synced: {}", text(condition, "/message"))),
            None => Settled::Silent,
        }
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(5)
    }
}

fn splits(spec: &Value) -> &[Value] {
    spec["splits"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether an entry is the user's own share of the Service; without a name it is that of the splitter's Service.
fn is_root(entry: &Value, home: &Target, service: &str) -> bool {
    let named = Some(text(entry, "/service")).filter(|name| !name.is_empty()).unwrap_or(&home.name);
    named == service
        && ["namespace", "partition"].iter().all(|key| entry[key].as_str().unwrap_or_default().is_empty())
        && !is_ours(text(entry, "/serviceSubset"), service)
}

/// Returns a percentage, without a fraction where there is none.
fn number(percent: f64) -> Value {
    let whole = (0_u8..=100).find(|whole| (f64::from(*whole) - percent).abs() < 1e-9);
    whole.map_or(json!(percent), |whole| json!(whole))
}

/// Whether the weights are 100 together in the very arithmetic of the webhook (`ServiceSplits.validate` in
/// `servicesplitter_types.go`), and none is too small for it.
fn adds_up(entries: &[Value]) -> bool {
    #[allow(clippy::cast_possible_truncation, reason = "Consul reads them so")]
    let single = |entry: &Value| entry["weight"].as_f64().unwrap_or_default() as f32;
    let is_small = |entry: &Value| single(entry) > 0.0 && single(entry) < 0.01;
    let sum = entries.iter().map(single).fold(0.0_f32, |sum, weight| sum + weight);
    sum.to_bits() == 100.0_f32.to_bits() && !entries.iter().any(is_small)
}

/// Returns the subsets of ours. A filter is never empty: that would be all instances.
fn subsets(view: &View<'_>, split: &Split) -> Result<Map<String, Value>, Error> {
    let mut subsets = Map::new();
    for role in view.roles(split) {
        let filter = format!("Service.Meta[\"pod-name\"] matches \"{}\"", pattern(view, split, role)?);
        subsets.insert(split.name(Some(role)), json!({"filter": filter}));
    }
    Ok(subsets)
}

/// Returns what matches the names of a version's pods. None begins with a dash: without a Service there are no pods.
fn pattern(view: &View<'_>, split: &Split, role: Role) -> Result<String, Error> {
    let service = view.traffic_objects.service(&split.name(Some(role)));
    let deployment = service.map_or("", |service| text(service, "/metadata/ownerReferences/0/name"));
    let prefix = format!("{deployment}-{}-", view.hash(role, &split.service));
    if prefix.len() > LONGEST {
        return Err(Error::refused(format!(
            "the names of the pods of {deployment} are cut, and Consul tells versions by them"
        )));
    }
    Ok(format!("^{}", prefix.replace('.', "[.]")))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::{refusal, ten, there_and_back, told, written};
    use crate::traffic::{Match, Traffic, TrafficObjects};

    fn route(splits: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1"}, "spec": {"splits": splits}})
    }

    fn shares(route: &Value) -> Vec<String> {
        let one = |entry: &Value| {
            format!("{}{} {}", text(entry, "/serviceSubset"), text(entry, "/service"), entry["weight"])
        };
        splits(&route["spec"]).iter().map(one).collect()
    }

    #[test]
    fn a_share_is_written_and_the_way_back_with_it() {
        for root in [json!({"weight": 100}), json!({"weight": 100, "service": "web"})] {
            let woven = there_and_back(&CONSUL, &route(&json!([root])), &ten());
            let name = text(&root, "/service");
            let wanted = [("", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)];
            assert_eq!(shares(&woven), wanted.map(|(subset, weight)| format!("{subset}{name} {weight}")));
        }
        let subset = json!([{"weight": 100, "serviceSubset": "v1", "requestHeaders": {"remove": ["x"]}}]);
        let woven = there_and_back(&CONSUL, &route(&subset), &ten());
        assert_eq!(shares(&woven), ["v1 0", "web-rp-stable 90", "web-rp-canary 10"]);
        assert_eq!(woven["spec"]["splits"][2]["requestHeaders"], subset[0]["requestHeaders"]);
    }

    #[test]
    fn the_shares_of_others_stay_and_the_sum_is_exact() {
        let both = |web: f64, old: f64| route(&json!([{"weight": web}, {"weight": old, "service": "old"}]));
        let woven = there_and_back(&CONSUL, &both(75.0, 25.0), &ten());
        assert_eq!(shares(&woven), [" 0", "web-rp-stable 67.5", "web-rp-canary 7.5", "old 25.0"]);
        assert_snapshot!(refusal(&CONSUL, &both(33.33, 66.66), &ten()), @"servicesplitter/web in namespace shop: its weights cannot be divided so that they are 100 together, as Consul demands");
        let small = refusal(&CONSUL, &both(0.25, 99.75), &ten().with(Some(0), Some(99), Some(1)));
        insta::assert_snapshot!(small, @"servicesplitter/web in namespace shop: its weights cannot be divided so that they are 100 together, as Consul demands");
        let web = Target::service("shop", "web");
        for other in [
            json!([{"weight": 100, "service": "api"}]),
            json!([{"weight": 100, "namespace": "other"}]),
            json!([{"weight": 100, "serviceSubset": "web-rp-stable"}]),
        ] {
            assert!(!CONSUL.names(&json!({"splits": other}), &web, "web", "shop"));
        }
        let spec = &both(75.0, 25.0)["spec"];
        assert!(CONSUL.names(spec, &web, "web", "shop") && !CONSUL.names(spec, &web, "web", "other"));
        assert!(!CONSUL.names(spec, &Target::service("shop", "api"), "web", "shop"));
        let twice = route(&json!([{"weight": 50}, {"weight": 50, "serviceSubset": "v1"}]));
        assert_snapshot!(refusal(&CONSUL, &twice, &ten()), @"servicesplitter/web in namespace shop: it names service/web 2 times");
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let (mut woven, _) = written(&CONSUL, &route(&json!([{"weight": 100}])), &ten());
        let new = json!({"weight": 0, "service": "new"});
        woven["spec"]["splits"].as_array_mut().unwrap().push(new.clone());
        let (back, notes) = written(&CONSUL, &woven, &Split::undone("web", "shop"));
        assert_eq!((notes.len(), &back["spec"]["splits"]), (1, &json!([{"weight": 100}, new])));
    }

    /// A splitter, Services of ours of a Deployment of that name, and the user's resolver.
    fn traffic_objects(name: &str, resolver: Option<Value>) -> (TrafficObjects, Traffic) {
        let target = |kind: &str| Target {
            api: "/apis/consul.hashicorp.com/v1alpha1".into(),
            kind: kind.into(),
            plural: format!("{}s", kind.to_lowercase()),
            ..Target::service("shop", "web")
        };
        let mut traffic_objects = TrafficObjects::default();
        traffic_objects.objects.insert(target("ServiceSplitter"), route(&json!([{"weight": 100}])));
        for (role, hash) in [(Role::Stable, "h1"), (Role::Canary, "h2")] {
            let service = json!({"metadata": {"ownerReferences": [{"name": name}]},
                "spec": {"selector": {"pod-template-hash": hash}}});
            traffic_objects.objects.insert(Target::service("shop", &role.service("web")), service);
        }
        let mut traffic = Traffic { routes: vec![target("ServiceSplitter")], ..Traffic::direct("web") };
        if let Some(resolver) = resolver {
            traffic_objects.objects.insert(target("ServiceResolver"), resolver);
            traffic.beside.push(target("ServiceResolver"));
        }
        (traffic_objects, traffic)
    }

    fn filters() -> Value {
        let filter = |hash: &str| json!({"filter": format!(r#"Service.Meta["pod-name"] matches "^my[.]web-{hash}-""#)});
        json!({"web-rp-stable": filter("h1"), "web-rp-canary": filter("h2")})
    }

    #[test]
    fn the_subsets_have_the_pods_of_one_version() {
        let (traffic_objects, traffic) = traffic_objects("my.web", None);
        let view = traffic_objects.view(&traffic, Vec::new());
        let own = CONSUL.own(&view, &ten()).unwrap();
        assert_eq!(own[0].0.to_string(), "serviceresolver/web in namespace shop");
        assert_eq!(own[0].1["spec"], json!({"subsets": filters()}));
        assert_eq!(CONSUL.own(&view, &Split::undone("web", "shop")).unwrap(), []);
        let (traffic_objects, traffic) = self::traffic_objects(&"w".repeat(60), None);
        let error = CONSUL.own(&traffic_objects.view(&traffic, Vec::new()), &ten()).unwrap_err();
        assert_snapshot!(told(&error), @"the names of the pods of wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww are cut, and Consul tells versions by them");
    }

    #[test]
    fn they_come_into_the_users_resolver_and_leave_it_as_it_was() {
        let v1 = json!({"filter": "Service.Meta.version == v1"});
        for spec in [json!({"defaultSubset": "v1", "subsets": {"v1": v1}}), json!({"connectTimeout": "5s"})] {
            let mut resolver = json!({"metadata": {"name": "web", "uid": "u"}, "spec": spec});
            assert!(CONSUL.concerns(&resolver, "web", "shop") && !CONSUL.concerns(&resolver, "api", "shop"));
            let (traffic_objects, traffic) = traffic_objects("my.web", Some(resolver.clone()));
            let view = traffic_objects.view(&traffic, Vec::new());
            assert_eq!(CONSUL.own(&view, &ten()).unwrap(), []);
            let mut amend = |split: &Split| {
                let patch = CONSUL.amend(&resolver, &view, split).unwrap();
                crate::router::tests::patch(&mut resolver, &patch);
                assert_eq!(CONSUL.amend(&resolver, &view, split).unwrap(), Vec::<Value>::new());
                resolver["spec"].clone()
            };
            let amended = amend(&ten());
            assert_eq!(amended["subsets"]["web-rp-canary"], filters()["web-rp-canary"]);
            assert_eq!(amended["subsets"].get("v1"), spec["subsets"].get("v1"));
            let mut back = amend(&Split::undone("web", "shop"));
            if spec["subsets"].is_null() {
                assert_eq!(
                    back.as_object_mut().unwrap().remove("subsets"),
                    Some(json!({})),
                    "as good as none"
                );
            }
            assert_eq!(back, spec);
        }
    }

    #[test]
    fn its_status_tells_what_consul_refused_and_no_more() {
        let status = |status: &str| json!({"status": {"conditions": [{"type": "Synced", "status": status, "message": "no such subset"}]}});
        assert_eq!(CONSUL.settled(&status("False"), "web"), Settled::No("not synced: no such subset".into()));
        assert_eq!(CONSUL.settled(&status("True"), "web"), Settled::Silent);
        let header = Match::Header { name: "a".into(), value: "b".into() };
        let split = Split { matches: vec![header], ..ten() };
        assert_snapshot!(refusal(&CONSUL, &route(&json!([{"weight": 100}])), &split), @"servicesplitter/web in namespace shop: the router consul cannot tell requests by a header");
    }
}
