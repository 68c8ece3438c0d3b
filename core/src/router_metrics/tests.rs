use serde_json::json;

use super::*;
use crate::analysis::Count;
use crate::error::Kind;
use crate::fixtures::{analyze, idle, routed_by, template};
use crate::metric::{CounterName, Scraped};
use crate::plan::Analyze;
use crate::prometheus::{Data, read};
use crate::reading::MetricSource;
use crate::situation::Observed;
use crate::strategy::{CanaryRequest, Wanted, canary};

fn target(kind: &str, name: &str) -> Target {
    Target { kind: kind.into(), plural: "routes".into(), name: name.into(), ..Target::service("shop", name) }
}

/// A Service `frontend` whose route a router serves.
fn routed(router: &str, kind: &str, route: Value) -> (Traffic, TrafficObjects) {
    let route_target = target(kind, "web.a");
    let traffic =
        Traffic { router: router.into(), routes: vec![route_target.clone()], ..Traffic::direct("frontend") };
    let service = json!({"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 8443}]}});
    let objects = [(route_target, route), (Target::service("shop", "frontend"), service)];
    (traffic, TrafficObjects { objects: objects.into(), ..TrafficObjects::default() })
}

fn controlled(controllers: &[&str]) -> Value {
    let parents: Vec<Value> = controllers.iter().map(|name| json!({"controllerName": name})).collect();
    json!({"status": {"parents": parents}})
}

fn versions(router: &str, kind: &str, route: Value) -> Result<Backends, String> {
    let (traffic, objects) = routed(router, kind, route);
    Backends::of_versions(Some(&traffic), &objects, "shop")
}

fn simple(router: &str) -> Backends {
    versions(router, "Route", json!({})).unwrap()
}

/// An answer of Prometheus with the series of a text, scraped from a target with these labels.
fn answer(scrapes: &[(&str, &[(&str, &str)])]) -> Data {
    let mut result = Vec::new();
    for (text, labels) in scrapes {
        for sample in crate::exposition::samples(text).unwrap() {
            let mut metric: serde_json::Map<String, Value> =
                [("__name__".to_owned(), json!(sample.name))].into_iter().collect();
            for (label, value) in &sample.labels {
                // As Prometheus does it without `honor_labels`; what is empty is not there.
                let clash = labels.iter().any(|(target, _)| target == label);
                let label = if clash { format!("exported_{label}") } else { label.to_string() };
                if !value.is_empty() {
                    metric.insert(label, json!(value));
                }
            }
            metric.extend(labels.iter().map(|(label, value)| ((*label).to_owned(), json!(value))));
            result.push(json!({"metric": metric, "value": [1, sample.value.to_string()]}));
        }
    }
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": result}});
    read(200, &body.to_string()).unwrap().data
}

fn counted(told: &Result<Scraped, String>) -> (u64, u64) {
    let Count { requests, bad } = told.as_ref().unwrap().totals(&[]).errors.unwrap();
    (requests, bad)
}

/// What is counted of the canary and of the stable version.
fn both(backends: &Backends, answers: Vec<Data>) -> [(u64, u64); 2] {
    let told = of_backends(backends, Ok(answers), None);
    assert_eq!((&*told[0].0, &*told[1].0), ("frontend-rp-canary", "frontend-rp-stable"));
    [counted(&told[0].1), counted(&told[1].1)]
}

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../tests/analysis/exposition/", $name, ".txt"))
    };
}

const POD: &[(&str, &str)] =
    &[("job", "pods"), ("namespace", "edge"), ("pod", "router-1"), ("instance", "10.0.0.1:8002")];
const OTHER: &[(&str, &str)] =
    &[("job", "pods"), ("namespace", "edge"), ("pod", "router-2"), ("instance", "10.0.0.2:8002")];

#[test]
fn contour_counts_by_cluster() {
    let backends = simple("contour");
    let queries = backends.queries(None, &Matchers::new());
    insta::assert_snapshot!(queries.join("\n"), @r#"{__name__=~"envoy_cluster_upstream_rq_xx|envoy_cluster_upstream_rq|envoy_cluster_upstream_rq_time_bucket",envoy_cluster_name=~"shop_frontend-rp-canary_(80|8443)|shop_frontend-rp-stable_(80|8443)"}"#);
    assert_eq!(both(&backends, vec![answer(&[(file!("contour-envoy"), POD)])]), [(980, 30), (8914, 9)]);
    // Where classes are not kept, the codes count.
    let codes: Vec<&str> = file!("contour-envoy").lines().filter(|line| !line.contains("_xx")).collect();
    assert_eq!(both(&backends, vec![answer(&[(&codes.join("\n"), POD)])]), [(980, 30), (8914, 9)]);
    let gateway = versions("httproute", "HTTPRoute", controlled(&["projectcontour.io/gateway-controller"]));
    assert_eq!(gateway.unwrap().plane, DataPlane::Contour);
}

#[test]
fn traefik_counts_by_service_whatever_a_scrape_calls_that() {
    let backends = simple("traefik");
    let queries = backends.queries(None, &[("job".to_owned(), "traefik".to_owned())].into());
    insta::assert_snapshot!(queries.join("\n"), @r#"
    {__name__=~"traefik_service_requests_total|traefik_service_request_duration_seconds_bucket",service=~"shop-frontend-rp-canary-(80|8443|http)@kubernetescrd|shop-frontend-rp-stable-(80|8443|http)@kubernetescrd",job="traefik"}
    {__name__=~"traefik_service_requests_total|traefik_service_request_duration_seconds_bucket",exported_service=~"shop-frontend-rp-canary-(80|8443|http)@kubernetescrd|shop-frontend-rp-stable-(80|8443|http)@kubernetescrd",job="traefik"}
    "#);
    let text = format!("{}\n", file!("traefik").replace("@kubernetes\"", "@kubernetescrd\""));
    assert_eq!(both(&backends, vec![answer(&[(&text, POD)]), answer(&[])]), [(103, 4), (892, 2)]);
    let monitored: Vec<_> = POD.iter().copied().chain([("service", "traefik")]).collect();
    assert_eq!(both(&backends, vec![answer(&[]), answer(&[(&text, &monitored)])]), [(103, 4), (892, 2)]);
}

#[test]
fn traefik_names_backends_of_gateway_api_by_their_route() {
    let backends =
        versions("httproute", "HTTPRoute", controlled(&["traefik.io/gateway-controller"])).unwrap();
    let older = "traefik_service_requests_total{code=\"500\",service=\"shop-frontend-rp-stable-80@kubernetesgateway\"} 7\n\
        traefik_service_requests_total{code=\"200\",service=\"shop-frontend-rp-stable-2-80@kubernetesgateway\"} 90\n";
    let text = format!("{}\n{older}", file!("traefik"));
    assert_eq!(both(&backends, vec![answer(&[(&text, POD)])]), [(50, 0), (7, 7)]);
}

#[test]
fn ingress_nginx_counts_the_canary_beside_the_path() {
    let backends = simple("nginx");
    assert_eq!(backends.queries(None, &Matchers::new()).len(), 4);
    insta::assert_snapshot!(backends.queries(None, &Matchers::new())[0], @r#"{__name__=~"nginx_ingress_controller_requests|nginx_ingress_controller_response_duration_seconds_bucket",canary=~"shop-frontend-rp-canary-(80|8443|http)|",namespace=~"shop",service=~"frontend-rp-stable"}"#);
    let honored: &[(&str, &str)] = &[("pod", "c-1"), ("job", "nginx")];
    assert_eq!(both(&backends, vec![answer(&[(file!("ingress-nginx"), honored)])]), [(100, 3), (900, 10)]);
    let monitored: Vec<_> = POD.iter().copied().chain([("service", "metrics")]).collect();
    assert_eq!(both(&backends, vec![answer(&[(file!("ingress-nginx"), &monitored)])]), [(100, 3), (900, 10)]);
    let classes =
        file!("ingress-nginx").replace("status=\"502\"", "status=\"5xx\"").replace("\"200\"", "\"2xx\"");
    assert_eq!(both(&backends, vec![answer(&[(&classes, honored)])]), [(100, 3), (900, 10)]);
}

#[test]
fn meshes_count_by_the_service_that_is_called() {
    let text = |failed: &str, labels: &str| {
        format!(
            "istio_requests_total{{reporter=\"source\",destination_service_namespace=\"shop\",destination_service_name=\"{labels}\",{failed}}} "
        )
    };
    let ok = "response_code=\"200\"";
    let istio = [
        text(ok, "frontend-rp-canary") + "90",
        text("response_code=\"0\",response_flags=\"UF\"", "frontend-rp-canary") + "2",
        text("response_code=\"200\",grpc_response_status=\"14\"", "frontend-rp-canary") + "3",
        text("response_code=\"200\",grpc_response_status=\"5\"", "frontend-rp-canary") + "5",
        text(ok, "frontend-rp-stable") + "50",
        text(ok, "frontend-rp-stable").replace("source", "destination") + "50",
    ];
    assert_eq!(both(&simple("istio"), vec![answer(&[(&istio.join("\n"), POD)])]), [(100, 5), (50, 0)]);
    let text = |backend: &str, more: &str| {
        format!(
            "outbound_http_route_backend_response_statuses_total{{backend_namespace=\"shop\",backend_name=\"{backend}\",{more}}} "
        )
    };
    let linkerd = [
        text("frontend-rp-canary", "http_status=\"200\",error=\"\"") + "7",
        text("frontend-rp-canary", "http_status=\"\",error=\"RESPONSE_HEADERS_TIMEOUT\"") + "2",
        text("frontend-rp-stable", "http_status=\"503\",error=\"\"") + "1",
    ];
    assert_eq!(both(&simple("linkerd"), vec![answer(&[(&linkerd.join("\n"), POD)])]), [(9, 2), (1, 1)]);
    let text = |subset: &str, code: &str| {
        format!(
            "envoy_cluster_upstream_rq{{consul_destination_service=\"frontend\",consul_destination_service_subset=\"{subset}\",envoy_response_code=\"{code}\"}} "
        )
    };
    let consul = [text("frontend-rp-canary", "500") + "4", text("frontend-rp-stable", "200") + "6"];
    assert_eq!(both(&simple("consul"), vec![answer(&[(&consul.join("\n"), POD)])]), [(4, 4), (6, 0)]);
}

#[test]
fn replicas_are_added_up_and_a_second_scrape_is_not() {
    let backends = simple("contour");
    let text = file!("contour-envoy");
    assert_eq!(both(&backends, vec![answer(&[(text, POD), (text, OTHER)])]), [(1960, 60), (17828, 18)]);
    let server = |name: &'static str| -> Vec<_> {
        POD.iter().copied().chain([("prometheus_replica", name)]).collect()
    };
    assert_eq!(
        both(&backends, vec![answer(&[(text, &server("a")), (text, &server("b"))])]),
        [(980, 30), (8914, 9)]
    );
    let why = |other: &[(&str, &str)]| {
        let told = of_backends(&backends, Ok(vec![answer(&[(text, POD), (text, other)])]), None);
        told[0].1.clone().unwrap_err()
    };
    let again = [("job", "envoy"), ("namespace", "edge"), ("pod", "router-1"), ("instance", "10.0.0.1:8002")];
    insta::assert_snapshot!(why(&again), @"the router is scraped twice, with job=pods and job=envoy: --prometheus-match job=pods");
    let by_address = [("job", "static"), ("instance", "10.0.0.1:8002")];
    insta::assert_snapshot!(why(&by_address), @"the router is scraped twice, with job=pods and job=static: --prometheus-match job=pods");
    let port = [("job", "pods"), ("namespace", "edge"), ("pod", "router-1"), ("instance", "10.0.0.1:9")];
    insta::assert_snapshot!(why(&port), @"the router is scraped twice, with instance=10.0.0.1:8002 and instance=10.0.0.1:9: let one job of Prometheus scrape it");
}

#[test]
fn before_a_canary_the_users_own_service_is_tried() {
    let stable = |router: &str, kind: &str| {
        let (traffic, objects) = routed(router, kind, json!({}));
        Backends::of_stable(Some(&traffic), &objects, "shop").unwrap()
    };
    let text = "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"shop_frontend_80\"} 5";
    let told = of_backends(&stable("contour", "HTTPProxy"), Ok(vec![answer(&[(text, POD)])]), None);
    assert_eq!((&*told[0].0, counted(&told[0].1)), ("service/frontend", (5, 0)));
    let ours = text.replace("frontend", "frontend-rp-stable");
    let told = of_backends(&stable("contour", "HTTPProxy"), Ok(vec![answer(&[(&ours, POD)])]), None);
    assert_eq!(counted(&told[0].1), (5, 0));
    let text = "traefik_service_requests_total{code=\"200\",service=\"shop-web-a-6b204d94623b3df4370c@kubernetescrd\"} 6";
    let told = of_backends(&stable("traefik", "IngressRoute"), Ok(vec![answer(&[(text, POD)])]), None);
    assert_eq!(counted(&told[0].1), (6, 0));
    let text = "nginx_ingress_controller_requests{canary=\"\",namespace=\"shop\",service=\"frontend\",status=\"200\"} 8";
    let told = of_backends(&stable("nginx", "Ingress"), Ok(vec![answer(&[(text, &[("pod", "a")])])]), None);
    assert_eq!(counted(&told[0].1), (8, 0));
    let text =
        "envoy_cluster_upstream_rq{consul_destination_service=\"frontend\",envoy_response_code=\"200\"} 9";
    let told = of_backends(&stable("consul", "ServiceSplitter"), Ok(vec![answer(&[(text, POD)])]), None);
    assert_eq!(counted(&told[0].1), (9, 0));
    let told = of_backends(&stable("traefik", "IngressRoute"), Ok(vec![answer(&[]), answer(&[])]), None);
    insta::assert_snapshot!(told[0].1.clone().unwrap_err(), @"Prometheus has no traefik_service_requests_total or traefik_service_request_duration_seconds_bucket of it");
    let told = of_backends(&stable("contour", "HTTPProxy"), Err("it is slow".into()), None);
    assert_eq!(told[0].1, Err("it is slow".into()));
}

#[test]
fn a_file_may_name_another_counter() {
    let bad = [("envoy_response_code".to_owned(), "4..".to_owned())].into();
    let ignore = Labels::new();
    let name = "envoy_cluster_upstream_rq".to_owned();
    let named = |bad| {
        let counter = CounterName { name: name.clone(), bad, ignore: ignore.clone() };
        Named { counter: Some(counter), histogram: None }
    };
    let backends = simple("contour");
    let text = file!("contour-envoy").replace("\"500\"", "\"429\"");
    let told = |named: &Named| {
        let query = backends.queries(Some(named), &Matchers::new()).remove(0);
        assert!(query.contains("{__name__=~\"envoy_cluster_upstream_rq\","), "{query}");
        counted(&of_backends(&backends, Ok(vec![answer(&[(&text, POD)])]), Some(named))[0].1)
    };
    assert_eq!(told(&named(bad)), (980, 30));
    assert_eq!(told(&named(Labels::new())), (980, 0), "what fails is the data plane's own rule");
}

#[test]
fn what_does_not_tell_the_versions_apart_is_refused_with_why() {
    let why = |router: &str, controllers: &[&str]| {
        versions(router, "HTTPRoute", controlled(controllers)).unwrap_err()
    };
    insta::assert_snapshot!(why("httproute", &["gateway.envoyproxy.io/gatewayclass-controller"]), @"Envoy Gateway counts all backends of a rule together (one cluster for each rule), both versions in one");
    insta::assert_snapshot!(why("haproxy", &[]), @r#"HAProxy counts by places in its configuration (server="srv001"), which say nothing of the version"#);
    insta::assert_snapshot!(why("apisix", &[]), @"APISIX counts by the addresses of pods, and an address may have been another pod's before");
    insta::assert_snapshot!(why("alb", &[]), @"a load balancer of AWS has its counters in CloudWatch, which is not read");
    insta::assert_snapshot!(why("smi", &[]), @"what a router of kind smi counts does not tell the versions apart");
    insta::assert_snapshot!(why("httproute", &[]), @"no controller says in the status of the routes that it serves them");
    insta::assert_snapshot!(why("httproute", &["example.com/a\u{1b}"]), @r"it is not known what example.com/a\u{1b} counts of each backend");
    insta::assert_snapshot!(why("httproute", &["traefik.io/gateway-controller", "projectcontour.io/gateway-controller"]), @"several controllers serve the routes (projectcontour.io/gateway-controller, traefik.io/gateway-controller), and each counts its own requests");
    insta::assert_snapshot!(why("grpcroute", &["projectcontour.io/gateway-controller"]), @"Contour counts a request of gRPC that failed as one of status 200");
    assert!(versions("grpcroute", "GRPCRoute", controlled(&["istio.io/gateway-controller"])).is_ok());
    let subset = json!({"spec": {"http": [{"route": [{"destination": {"host": "frontend.shop.svc", "subset": "main"}}]}]}});
    insta::assert_snapshot!(versions("istio", "VirtualService", subset).unwrap_err(), @"Istio's counters have no label for a subset, and the route has one: without, each version has a host");
    let none = Backends::of_versions(None, &TrafficObjects::default(), "shop").unwrap_err();
    insta::assert_snapshot!(none, @"no router splits the traffic, so none counts the versions apart: the share is that of the pods");
    let direct = Traffic::direct("frontend");
    assert_eq!(Backends::of_versions(Some(&direct), &TrafficObjects::default(), "shop"), Err(none));
}

#[test]
fn a_canary_that_cannot_be_compared_by_its_router_is_not_begun() {
    let server = "service:monitoring/prometheus:9090".parse().unwrap();
    let from = MetricSource::Router { server, matchers: Matchers::new() };
    let refused = |observed: &Observed| {
        let request = CanaryRequest {
            template: Some(template("web:2")),
            wanted: Wanted { weights: vec![10], ..Wanted::default() },
            analyze: Some(Analyze { from: from.clone(), ..analyze() }),
            ..CanaryRequest::default()
        };
        canary(&request, observed).unwrap_err()
    };
    let mut observed = idle();
    let error = refused(&observed);
    assert_eq!(error.kind, Kind::Refused);
    insta::assert_snapshot!(error.message, @"deployment/web in namespace shop: the router's metrics cannot be compared: no router splits the traffic, so none counts the versions apart: the share is that of the pods");
    routed_by("haproxy", &mut observed);
    insta::assert_snapshot!(refused(&observed).message, @r#"deployment/web in namespace shop: the router's metrics cannot be compared: HAProxy counts by places in its configuration (server="srv001"), which say nothing of the version"#);
    let route = controlled(&["gateway.envoyproxy.io/gatewayclass-controller"]);
    (observed.traffic, observed.traffic_objects) = {
        let (traffic, objects) = routed("httproute", "HTTPRoute", route);
        (Some(traffic), objects)
    };
    assert!(refused(&observed).message.contains("Envoy Gateway"), "{}", refused(&observed).message);
}

/// Every router that there is has an answer of its own, and no two data planes one table.
#[test]
fn every_router_has_a_data_plane_or_a_reason() {
    let known = |router: &str| {
        let told = versions(router, "Route", controlled(&["istio.io/gateway-controller"]));
        !told.is_err_and(|why| why.starts_with("what a router of kind"))
    };
    let unknown: Vec<&str> =
        crate::router::ROUTERS.iter().map(|router| router.name()).filter(|router| !known(router)).collect();
    assert_eq!(unknown, ["smi"]);
    for plane in DataPlane::ALL {
        let (traffic, objects) = routed("contour", "Route", json!({}));
        let of = |role: Role| {
            let all = Backends::of_versions(Some(&traffic), &objects, "shop").unwrap().all;
            plane.labels(all.iter().find(|backend| backend.role == role).unwrap())
        };
        assert_ne!(of(Role::Canary), of(Role::Stable), "{}", plane.title());
    }
}
