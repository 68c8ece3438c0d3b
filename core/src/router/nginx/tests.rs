use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::router::tests::{is_mine, made, patch, told};
use crate::router::weave;
use crate::traffic::Traffic;

fn target() -> Target {
    Target {
        api: "/apis/networking.k8s.io/v1".into(),
        kind: "Ingress".into(),
        plural: "ingresses".into(),
        namespace: "shop".into(),
        name: "web".into(),
    }
}

fn path(path: &str, service: &str) -> Value {
    json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}})
}

fn route() -> Value {
    json!({"metadata": {"name": "web", "namespace": "shop", "uid": "i1", "annotations": {"mine": "1"}},
        "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["a.b"], "secretName": "s"}],
            "defaultBackend": {"service": {"name": "web", "port": {"name": "http"}}},
            "rules": [{"host": "x.y", "http": {"paths": [path("/", "x")]}}, {"host": "no.paths"},
                {"host": "a.b", "http": {"paths": [path("/", "web"), path("/old", "old")]}}]}})
}

fn written(route: &Value, split: &Split) -> Value {
    let mut written = route.clone();
    patch(&mut written, &weave(&NGINX, &target(), route, split).unwrap().patch);
    written
}

fn own(route: &Value, split: &Split) -> Vec<(Target, Value)> {
    made(&NGINX, &Traffic::direct("web"), &[(&target(), route)], split).unwrap()
}

fn undone() -> Split {
    Split::undone("web", "shop")
}

fn ten() -> Split {
    undone().with(Some(0), Some(90), Some(10))
}

fn refusal(split: &Split) -> String {
    let refused = weave(&NGINX, &target(), &route(), split).unwrap_err().message;
    let own = made(&NGINX, &Traffic::direct("web"), &[(&target(), &route())], split).unwrap_err().message;
    assert_eq!(refused, format!("ingress/web in namespace shop: {own}"));
    own
}

#[test]
fn the_main_ingress_moves_to_the_stable_service_and_back() {
    let route = route();
    let first = written(&route, &undone().with(Some(100), Some(0), None));
    assert_eq!(first["spec"], route["spec"], "the root has a share: it stays");
    let woven = written(&first, &ten());
    assert_eq!(
        woven["spec"]["rules"][2]["http"]["paths"],
        json!([path("/", "web-rp-stable"), path("/old", "old")])
    );
    assert_eq!(
        woven["spec"]["defaultBackend"]["service"],
        json!({"name": "web-rp-stable", "port": {"name": "http"}})
    );
    assert_eq!(weave(&NGINX, &target(), &woven, &ten()).unwrap().patch, Vec::<Value>::new());
    assert_eq!(written(&woven, &undone()), route);
    let mut lost = woven;
    lost["metadata"]["annotations"] = json!({});
    assert_eq!(written(&lost, &undone())["spec"], route["spec"]);
}

#[test]
fn the_canary_ingress_is_of_the_roots_paths_alone_whatever_the_main_one_names_now() {
    let route = route();
    assert_eq!(own(&route, &undone().with(Some(0), Some(100), None)), []);
    let first = own(&route, &ten());
    assert_eq!(first, own(&written(&route, &ten()), &ten()));
    let (target, ingress) = &first[0];
    assert_eq!((target.name.as_str(), first.len()), ("web-rp-canary", 1));
    assert_eq!(ingress["apiVersion"], "networking.k8s.io/v1");
    assert_eq!(
        ingress["spec"],
        json!({"ingressClassName": "nginx", "tls": [{"hosts": ["a.b"], "secretName": "s"}],
            "defaultBackend": {"service": {"name": "web-rp-canary", "port": {"name": "http"}}},
            "rules": [{"host": "a.b", "http": {"paths": [path("/", "web-rp-canary")]}}]})
    );
    let wanted = json!({"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "10"});
    assert_eq!(ingress["metadata"]["annotations"], wanted);
    let other = Split { service: "nobody".into(), ..ten() };
    assert_eq!(own(&route, &other), []);
}

#[test]
fn a_header_and_a_cookie_are_annotations() {
    let mut split = undone().with(Some(0), Some(100), Some(0));
    split.matches = vec![
        Match::Header { name: "X-Beta".into(), value: "1".into() },
        Match::Cookie { name: "who".into(), value: "always".into() },
    ];
    let mut route = route();
    route["metadata"]["annotations"][CLASS] = json!("nginx");
    let annotations = own(&route, &split)[0].1["metadata"]["annotations"].clone();
    let wanted = [
        ("", "true"),
        ("-weight", "0"),
        ("-by-header", "X-Beta"),
        ("-by-header-value", "1"),
        ("-by-cookie", "who"),
    ];
    for (key, value) in wanted {
        assert_eq!(annotations[format!("nginx.ingress.kubernetes.io/canary{key}")], value);
    }
    assert_eq!(annotations[CLASS], "nginx");
    assert_eq!(annotations.as_object().unwrap().len(), 6);
}

#[test]
fn another_prefix_is_that_of_all_annotations() {
    let traffic = Traffic { annotation_prefix: Some("inner.example".into()), ..Traffic::direct("web") };
    let mut split = ten();
    split.matches = vec![Match::Header { name: "X-Beta".into(), value: "1".into() }];
    let mut route = route();
    // Another controller's canary is none of this one's.
    route["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"] = json!("true");
    let own = made(&NGINX, &traffic, &[(&target(), &route)], &split).unwrap();
    let wanted = json!({"inner.example/canary": "true", "inner.example/canary-weight": "10",
        "inner.example/canary-by-header": "X-Beta", "inner.example/canary-by-header-value": "1"});
    assert_eq!(own[0].1["metadata"]["annotations"], wanted);
    route["metadata"]["annotations"]["inner.example/canary"] = json!("true");
    assert!(made(&NGINX, &traffic, &[(&target(), &route)], &split).is_err());
}

#[test]
fn what_it_cannot_do_is_refused() {
    let with = |matches: &[Match]| Split { matches: matches.to_vec(), ..ten() };
    let header = Match::Header { name: "a".into(), value: "b".into() };
    let cookie = |value: &str| Match::Cookie { name: "c".into(), value: value.into() };
    assert_snapshot!(refusal(&with(&[cookie("me")])), @"ingress-nginx looks for one value of a canary's cookie, `always`: c=me is not possible");
    assert_snapshot!(refusal(&with(&[header.clone(), header])), @"ingress-nginx knows one header of a canary, not several");
    assert_snapshot!(refusal(&with(&[cookie("always"), cookie("always")])), @"ingress-nginx knows one cookie of a canary, not several");
    let mirror = weave(&NGINX, &target(), &route(), &Split { mirror: Some(5), ..ten() });
    assert_snapshot!(mirror.unwrap_err().message, @"ingress/web in namespace shop: the router nginx cannot give the canary a copy of requests");
    assert_snapshot!(refusal(&undone().with(Some(50), Some(40), Some(10))), @"a path of an Ingress has one backend: service/web and service/web-rp-stable cannot share it");
    let mut canary = route();
    canary["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"] = json!("true");
    let error = made(&NGINX, &Traffic::direct("web"), &[(&target(), &canary)], &ten()).unwrap_err();
    assert_snapshot!(told(&error), @"ingress/web in namespace shop is a canary itself, and a path can have one alone");
}

#[test]
fn what_others_changed_meanwhile_is_kept() {
    let mut woven = written(&route(), &ten());
    let rules = woven["spec"]["rules"].as_array_mut().unwrap();
    rules[2]["http"]["paths"].as_array_mut().unwrap().insert(0, path("/new", "new"));
    rules.remove(0);
    let back = written(&woven, &undone());
    let wanted = json!([path("/new", "new"), path("/", "web"), path("/old", "old")]);
    assert_eq!(back["spec"]["rules"][1]["http"]["paths"], wanted);
}

#[test]
fn an_ingress_is_ours_by_its_class() {
    let class = |name: &str, controller: &str, default: &str| json!({"metadata": {"name": name, "annotations": {"ingressclass.kubernetes.io/is-default-class": default}}, "spec": {"controller": controller}});
    let classes = [
        class("inner", CONTROLLER, "true"),
        class("other", "x/y", "true"),
        class("outer", CONTROLLER, "false"),
    ];
    let named = |name: &str| json!({"spec": {"ingressClassName": name}});
    let legacy = |name: &str| json!({"metadata": {"annotations": {CLASS: name}}});
    assert!(is_mine(&NGINX, &named("outer"), &classes) && is_mine(&NGINX, &legacy("outer"), &classes));
    assert!(is_mine(&NGINX, &legacy("nginx"), &classes) && !is_mine(&NGINX, &named("nginx"), &classes));
    assert!(!is_mine(&NGINX, &named("other"), &classes) && !is_mine(&NGINX, &legacy("other"), &classes));
    assert!(is_mine(&NGINX, &json!({}), &classes) && !is_mine(&NGINX, &json!({}), &classes[1..]));
    assert!(is_mine(&NGINX, &named("nginx"), &[]) && is_mine(&NGINX, &legacy("nginx"), &[]));
    assert!(!is_mine(&NGINX, &json!({}), &[]) && !is_mine(&NGINX, &named("inner"), &[]));
    let second =
        [class("inner", "k8s.io/internal-ingress-nginx", "false"), class("edge", "traefik.io/x", "false")];
    let why = "its class inner is that of the controller k8s.io/internal-ingress-nginx";
    assert_eq!(NGINX.claim(&named("inner"), &second), Claim::Alike(why.into()));
    let why = "its class edge is that of the controller traefik.io/x";
    assert_eq!(NGINX.claim(&named("edge"), &second), Claim::Strange(why.into()));
    assert!(matches!(NGINX.claim(&legacy("internal-nginx"), &second), Claim::Alike(_)));
    assert_eq!(NGINX.claim(&json!({}), &second), Claim::Strange("it names no class".into()));
    assert!(!NGINX.names(&path("/", "web"), &target(), "web", "other"));
}
