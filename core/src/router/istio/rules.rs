//! What `DestinationRule`s say of a Service, said of the hosts and subsets of ours, too
//! (`networking/v1alpha3/destination_rule.proto` of istio/api).
//!
//! Nothing is written into the user's. Pilot makes one rule of all that are for one host, in one namespace and for the
//! same clients: it adds the subsets up, and takes the traffic policy of the oldest (`mergeDestinationRule` in
//! `pilot/pkg/model/destination_rule.go` of istio/istio).

use serde_json::{Value, json};

use super::{Istio, destinations, host, is_root};
use crate::error::Error;
use crate::keys::POD_TEMPLATE_HASH;
use crate::router::as_written;
use crate::traffic::{Role, Split, Target, View, made, own_name, text};

/// How the user's routes name the root.
#[derive(Default)]
struct Named {
    /// By its host alone.
    plainly: bool,
    /// By these subsets.
    subsets: Vec<String>,
}

fn named(istio: &Istio, view: &View<'_>, split: &Split) -> Result<Named, Error> {
    let mut named = Named::default();
    for (target, route) in &view.routes {
        let user = as_written(istio, target, route, split)?;
        let rules = user["spec"]["http"].as_array().into_iter().flatten();
        let entries = rules.flat_map(destinations);
        for root in entries.filter(|one| is_root(one, &target.namespace, &split.service, &split.namespace)) {
            match root["destination"]["subset"].as_str() {
                Some(subset) => named.subsets.push(subset.to_owned()),
                None => named.plainly = true,
            }
        }
    }
    named.subsets.sort_unstable();
    named.subsets.dedup();
    Ok(named)
}

/// Returns the user's rules, the oldest first.
fn rules<'v>(view: &View<'v>) -> Vec<&'v Value> {
    let mut rules = view.beside.clone();
    rules.sort_by_key(|rule| (text(rule, "/metadata/creationTimestamp"), text(rule, "/metadata/name")));
    rules
}

fn subset<'v>(rule: &'v Value, name: &str) -> Option<&'v Value> {
    rule["spec"]["subsets"].as_array()?.iter().find(|subset| subset["name"] == name)
}

/// Why subsets of ours cannot take the place of the user's.
pub(super) fn unfit(istio: &Istio, view: &View<'_>, split: &Split) -> Option<Error> {
    let named = match named(istio, view, split) {
        Ok(named) => named,
        Err(error) => return Some(error),
    };
    let [name] = named.subsets.as_slice() else {
        return (named.subsets.len() > 1).then(|| {
            Error::refused(format!(
                "the routes send requests to several subsets of service/{} ({}): what is rolled out can be in the \
                 place of one alone",
                split.service,
                named.subsets.join(", ")
            ))
        });
    };
    let of = format!("subset {name} of service/{}", split.service);
    let look = format!("kubectl get destinationrules -n {} -o yaml", split.namespace);
    let rules = rules(view);
    let defined: Vec<&Value> = rules.iter().filter_map(|rule| subset(rule, name)).collect();
    let [subset] = defined.as_slice() else {
        let number = if defined.is_empty() { "no" } else { "more than one" };
        let why = format!("{number} DestinationRule of namespace {} defines {of}", split.namespace);
        return Some(Error::refused(why).next(look));
    };
    let labels = subset["labels"].as_object();
    let stranger = labels.into_iter().flatten().find(|(key, value)| {
        // A label of one version alone can only be put there by hand.
        view.pods.iter().any(|pod| pod.get(key.as_str()) != Some(value))
    });
    stranger.map(|(key, value)| {
        Error::refused(format!(
            "{of} has pods with {key}={} alone, which not all versions have: it would have none in the end",
            value.as_str().unwrap_or_default()
        ))
        .next(look)
    })
}

/// Returns the rules of ours: the user's for hosts of ours, and one with the subsets of ours.
pub(super) fn own(istio: &Istio, view: &View<'_>, split: &Split) -> Result<Vec<(Target, Value)>, Error> {
    let Some((route, _)) = view.routes.first() else { return Ok(Vec::new()) };
    let named = named(istio, view, split)?;
    let roles = view.roles(split);
    let object = |name: String, spec: Value| {
        let target = Target {
            kind: "DestinationRule".into(),
            plural: "destinationrules".into(),
            namespace: split.namespace.clone(),
            name,
            ..(*route).clone()
        };
        let value = made(&target, spec);
        (target, value)
    };
    let mut own = Vec::new();
    let policies =
        rules(view).into_iter().filter(|rule| named.plainly && rule["spec"]["trafficPolicy"].is_object());
    for (index, rule) in policies.enumerate() {
        for role in &roles {
            let service = split.name(Some(*role));
            let mut spec = rule["spec"].clone();
            spec.as_object_mut().map(|spec| spec.remove("subsets"));
            spec["host"] = host(text(rule, "/spec/host"), split, &service).into();
            let name = if index == 0 { service } else { format!("{service}-{index}") };
            own.push(object(name, spec));
        }
    }
    if let (Some(name), false) = (named.subsets.first(), roles.is_empty())
        && let Some(spec) = subsets(view, split, &roles, name)
    {
        own.push(object(subsets_of(split), spec));
    }
    Ok(own)
}

fn subsets_of(split: &Split) -> String {
    own_name(&split.service, "subsets")
}

/// Returns the spec of the rule with a subset for each version. Where somebody took the user's away meanwhile, it is
/// what it was.
fn subsets(view: &View<'_>, split: &Split, roles: &[Role], name: &str) -> Option<Value> {
    let former = view.traffic_objects.objects.iter().find(|(target, _)| {
        target.kind == "DestinationRule"
            && target.name == subsets_of(split)
            && target.namespace == split.namespace
    });
    let user = rules(view).into_iter().find_map(|rule| Some((rule, subset(rule, name)?)));
    let (rule, like) = user.or_else(|| former.map(|(_, rule)| (rule, &rule["spec"]["subsets"][0])))?;
    let one = |role: &Role| {
        let mut subset = like.clone();
        subset["name"] = split.name(Some(*role)).into();
        subset["labels"] = json!({POD_TEMPLATE_HASH: view.hash(*role, &split.service)});
        subset
    };
    let mut spec = rule["spec"].clone();
    spec.as_object_mut().map(|spec| spec.remove("trafficPolicy"));
    spec["subsets"] = roles.iter().map(one).collect();
    Some(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Router as _;
    use crate::router::istio::ISTIO;
    use crate::traffic::{Traffic, TrafficObjects};
    use insta::assert_snapshot;

    fn target(kind: &str, name: &str) -> Target {
        let plural = format!("{}s", kind.to_lowercase());
        let api = "/apis/networking.istio.io/v1".into();
        Target { api, kind: kind.into(), plural, namespace: "shop".into(), name: name.into() }
    }

    /// A route of these destinations, rules for the Service, and Services of ours for the pods h1 and h2.
    fn traffic_objects(destinations: &[&Value], rules: &[(&str, Value)]) -> (TrafficObjects, Traffic) {
        let http: Vec<Value> =
            destinations.iter().map(|one| json!({"route": [{"destination": one}]})).collect();
        let route = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": http}});
        let mut traffic_objects = TrafficObjects::default();
        traffic_objects.objects.insert(target("VirtualService", "web"), route);
        for (name, hash) in [("web-rp-stable", "h1"), ("web-rp-canary", "h2")] {
            let service = json!({"spec": {"selector": {"app": "web", POD_TEMPLATE_HASH: hash}}});
            traffic_objects.objects.insert(Target::service("shop", name), service);
        }
        for (name, spec) in rules {
            let rule = json!({"metadata": {"name": name}, "spec": spec});
            assert!(ISTIO.concerns(&rule, "web", "shop") && !ISTIO.concerns(&rule, "api", "shop"));
            traffic_objects.objects.insert(target("DestinationRule", name), rule);
        }
        let traffic = Traffic {
            router: "istio".into(),
            routes: vec![target("VirtualService", "web")],
            beside: rules.iter().map(|(name, _)| target("DestinationRule", name)).collect(),
            ..Traffic::direct("web")
        };
        (traffic_objects, traffic)
    }

    fn made(traffic_objects: &(TrafficObjects, Traffic), split: &Split) -> Vec<(String, Value)> {
        let own = ISTIO.own(&traffic_objects.0.view(&traffic_objects.1, Vec::new()), split).unwrap();
        let one = |(target, value): (Target, Value)| {
            assert_eq!(
                (target.kind.as_str(), target.plural.as_str()),
                ("DestinationRule", "destinationrules")
            );
            assert_eq!(value["apiVersion"], "networking.istio.io/v1");
            (target.name, value["spec"].clone())
        };
        own.into_iter().map(one).collect()
    }

    fn split(stable: Option<u8>, canary: Option<u8>) -> Split {
        Split::undone("web", "shop").with(Some(0), stable, canary)
    }

    fn tls() -> Value {
        json!({"tls": {"mode": "ISTIO_MUTUAL"}})
    }

    #[test]
    fn a_policy_of_the_service_is_that_of_ours() {
        let rule = json!({"host": "web.shop.svc.cluster.local", "exportTo": ["."], "trafficPolicy": tls(),
            "subsets": [{"name": "v1", "labels": {"version": "v1"}}]});
        let mut traffic_objects = traffic_objects(&[&json!({"host": "web"})], &[("rule", rule)]);
        let copy = |role: &str| {
            let host = format!("web-rp-{role}.shop.svc.cluster.local");
            (format!("web-rp-{role}"), json!({"host": host, "exportTo": ["."], "trafficPolicy": tls()}))
        };
        assert_eq!(made(&traffic_objects, &split(Some(90), Some(10))), [copy("stable"), copy("canary")]);
        assert_eq!(
            made(&traffic_objects, &split(None, Some(10))),
            [copy("stable"), copy("canary")],
            "as the Services"
        );
        assert_eq!(made(&traffic_objects, &Split::undone("web", "shop")), []);
        let named = json!({"http": [{"route": [{"destination": {"host": "web-rp-canary"}}, {"destination": {"host": "web"}}]}]});
        traffic_objects.0.objects.get_mut(&target("VirtualService", "web")).unwrap()["spec"] = named;
        assert_eq!(made(&traffic_objects, &Split::undone("web", "shop")).len(), 2, "a route names one still");
        traffic_objects.0.objects.remove(&Target::service("shop", "web-rp-canary"));
        assert_eq!(made(&traffic_objects, &split(Some(100), None)), [copy("stable")]);
        let none = json!({"host": "web", "subsets": []});
        assert_eq!(
            made(
                &self::traffic_objects(&[&json!({"host": "web"})], &[("rule", none)]),
                &split(Some(1), None)
            ),
            []
        );
    }

    fn subset_rule() -> Value {
        json!({"host": "web", "trafficPolicy": tls(), "workloadSelector": {"matchLabels": {"app": "gate"}}, "subsets": [
            {"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}]})
    }

    #[test]
    fn subsets_of_ours_are_like_the_users_with_the_pods_of_one_version() {
        let destination = json!({"host": "web.shop", "subset": "v1"});
        let mut traffic_objects = traffic_objects(&[&destination], &[("rule", subset_rule())]);
        let subset = |role: &str, hash: &str| {
            json!({"name": format!("web-rp-{role}"), "labels": {POD_TEMPLATE_HASH: hash},
                "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}})
        };
        let wanted = json!({"host": "web", "workloadSelector": {"matchLabels": {"app": "gate"}},
            "subsets": [subset("stable", "h1"), subset("canary", "h2")]});
        let own = made(&traffic_objects, &split(Some(90), Some(10)));
        assert_eq!(own, [("web-rp-subsets".to_owned(), wanted.clone())]);
        // Somebody takes the user's away: requests still go by ours.
        traffic_objects.0.objects.remove(&target("DestinationRule", "rule"));
        assert_eq!(made(&traffic_objects, &split(Some(90), Some(10))), []);
        traffic_objects
            .0
            .objects
            .insert(target("DestinationRule", "web-rp-subsets"), json!({"spec": wanted}));
        assert_eq!(made(&traffic_objects, &split(Some(90), Some(10))), own);
        // No pod has an empty hash; no labels would be all pods.
        traffic_objects.0.objects.remove(&Target::service("shop", "web-rp-canary"));
        let own = made(&traffic_objects, &split(Some(90), Some(10)));
        assert_eq!(own[0].1["subsets"][1]["labels"], json!({POD_TEMPLATE_HASH: ""}));
    }

    #[test]
    fn subsets_that_ours_cannot_replace_are_refused() {
        let refusal = |destinations: &[&Value], rules: &[(&str, Value)], pods: &[Value]| {
            let (traffic_objects, traffic) = traffic_objects(destinations, rules);
            let view = traffic_objects.view(&traffic, pods.iter().collect());
            ISTIO.unfit(&view, &split(Some(100), Some(0))).map(|error| error.message)
        };
        let v1 = json!({"host": "web", "subset": "v1"});
        let v2 = json!({"host": "web", "subset": "v2"});
        let pods = [json!({"app": "web", "version": "v1"}), json!({"version": "v1"})];
        let rule = || ("rule", subset_rule());
        assert_eq!(refusal(&[&v1, &v1, &json!({"host": "web"})], &[rule()], &pods), None);
        assert_eq!(refusal(&[&json!({"host": "web"})], &[], &pods), None);
        assert_snapshot!(refusal(&[&v1, &v2], &[rule()], &pods).unwrap(), @"the routes send requests to several subsets of service/web (v1, v2): what is rolled out can be in the place of one alone");
        assert_snapshot!(refusal(&[&v2], &[rule()], &pods).unwrap(), @"no DestinationRule of namespace shop defines subset v2 of service/web");
        assert_snapshot!(refusal(&[&v1], &[rule(), ("twin", subset_rule())], &pods).unwrap(), @"more than one DestinationRule of namespace shop defines subset v1 of service/web");
        let both = [pods[0].clone(), json!({"version": "v2"})];
        assert_snapshot!(refusal(&[&v1], &[rule()], &both).unwrap(), @"subset v1 of service/web has pods with version=v1 alone, which not all versions have: it would have none in the end");
    }
}
