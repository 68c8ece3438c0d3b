//! Routes as clusters have them: several Deployments behind one Service, parents that are gone, second controllers, and
//! third versions. The status of a `GRPCRoute` is written by a test: nobody else here writes one.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::shop::{Ended, Shop, finish, run};

const V2: [&str; 5] = ["canary", "frontend", "--image", "frontend=shop/web:v2", "--weight=10"];

fn grpc_route() -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute", "metadata": {"name": "web"},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "frontend", "port": 80}]}]}})
}

/// An Ingress of this class. Without an IngressClass only the annotation says so.
fn ingress(class: &str) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "web", "annotations": {"kubernetes.io/ingress.class": class}},
        "spec": {"rules": [{"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": "frontend", "port": {"name": "http"}}}}]}}]}})
}

/// Follows every change of the route as its controller does, until it is dropped. Of a former parent an entry is left.
struct Controller(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Controller {
    fn start(namespace: &str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, namespace) = (is_over.clone(), namespace.to_owned());
        let entry = |name: &str, generation: i64| {
            let condition = |kind: &str| {
                json!({"type": kind, "status": "True", "reason": kind, "message": "", "observedGeneration": generation,
                    "lastTransitionTime": "2026-01-01T00:00:00Z"})
            };
            json!({"controllerName": "istio.io/gateway-controller", "parentRef": {"name": name},
                "conditions": [condition("Accepted"), condition("ResolvedRefs")]})
        };
        let follow = move || {
            let kubectl =
                |args: &[&str]| run(Command::new("kubectl").args(["-n", &namespace]).args(args)).stdout;
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                let generation = kubectl(&["get", "grpcroute/web", "-o", "jsonpath={.metadata.generation}"]);
                let generation = generation.parse().unwrap_or_default();
                if generation > seen {
                    let entries = [entry("edge", generation), entry("former", 1)];
                    let patch = json!({"status": {"parents": entries}}).to_string();
                    let patch = ["--subresource=status", "--type=merge", "-p", &patch];
                    kubectl(&[&["patch", "grpcroute/web"], &patch[..]].concat());
                    seen = generation;
                }
                thread::sleep(Duration::from_millis(100));
            }
        };
        Self(is_over, Some(thread::spawn(follow)))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        drop(self.1.take().map(JoinHandle::join));
    }
}

#[track_caller]
fn expect_untouched(shop: &Shop, route: &str, spec: &Value) {
    assert_eq!(shop.deployment()["metadata"]["generation"], 1, "the Deployment");
    assert_eq!(shop.get(route)["spec"], *spec);
    let made = shop.kubectl(&["get", "services,ingresses,leases", "-o", "name"]);
    assert!(!made.contains("-rp-") && !made.contains("preview") && !made.contains("lease"), "{made}");
}

/// How many lines tell of the route.
fn told(ended: &Ended) -> Vec<&str> {
    let lines = ended.stderr.lines().filter_map(|line| line.split_once(" route: "));
    lines.map(|(_, text)| text).collect()
}

#[test]
fn a_service_that_several_deployments_share_is_not_split() {
    let shop = Shop::new(3);
    let mut spot = shop.deployment();
    let metadata = json!({"name": "frontend-spot"});
    spot["metadata"] = metadata;
    spot["spec"]["selector"]["matchLabels"]["pool"] = json!("spot");
    spot["spec"]["template"]["metadata"]["labels"]["pool"] = json!("spot");
    shop.apply(&spot);
    shop.kubectl(&["rollout", "status", "deployment/frontend-spot", "--timeout=180s"]);
    shop.apply(&ingress("nginx"));
    let spec = shop.get("ingress/web")["spec"].clone();
    shop.until("the Service has all pods", |shop| {
        let slices = shop.kubectl(&[
            "get",
            "endpointslices",
            "-l",
            "kubernetes.io/service-name=frontend",
            "-o",
            "json",
        ]);
        slices.matches("\"name\": \"frontend-spot-").count() == 3
    });
    let blue_green = ["blue-green", "frontend", "--image", "frontend=shop/web:v2"];
    for args in [&V2[..], &[&V2[..], &["--isolate"]].concat(), &blue_green] {
        let ended = shop.tool(args).expect(8);
        assert!(ended.stderr.contains("(frontend-spot-"), "{args:?}: {}", ended.stderr);
        expect_untouched(&shop, "ingress/web", &spec);
    }
    shop.tool(&[&V2[..], &["--router", "none"]].concat()).expect(0);
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!(shop.get("ingress/web")["spec"], spec);
}

#[test]
fn a_route_that_no_controller_answers_for_is_left_alone() {
    let shop = Shop::new(3);
    shop.apply(&grpc_route());
    let spec = shop.get("grpcroute/web")["spec"].clone();
    let begin = Instant::now();
    let ended = shop.tool(&V2).expect(8);
    assert!(ended.stderr.contains("no controller of gateway/edge answered"), "{}", ended.stderr);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    expect_untouched(&shop, "grpcroute/web", &spec);
}

#[test]
fn a_former_parent_keeps_nobody_waiting_and_a_controller_that_is_gone_no_abort() {
    let shop = Shop::new(3);
    shop.apply(&grpc_route());
    let own = shop.get("grpcroute/web")["spec"].clone();
    let controller = Controller::start(&shop.namespace);
    let ended =
        shop.tool(&[&V2[..], &["--mirror=20", "--timeout=2m", "--router-grace=0s"]].concat()).expect(0);
    assert_eq!(told(&ended), ["100 % stable", "90 % stable, 10 % canary, a copy of 20 % to the canary"]);
    assert!(!ended.stderr.contains("share 25 %"), "the pods decide nothing: {}", ended.stderr);
    let ended = shop.tool(&["status", "frontend"]).expect(0);
    assert!(ended.stdout.contains(", a copy of 20 % to frontend-rp-canary"), "{}", ended.stdout);
    // What was asked of the copies and is not any more is gone.
    for (asked, filters) in [("100", 1), ("20", 1), ("0", 0)] {
        shop.tool(&["canary", "frontend", "--weight=10", "--mirror", asked, "--timeout=2m"]).expect(0);
        let rule = shop.get("grpcroute/web")["spec"]["rules"][0].clone();
        assert_eq!(rule["filters"].as_array().map_or(0, Vec::len), filters, "{asked}: {rule}");
        let percent = &rule["filters"][0]["requestMirror"]["percent"];
        assert_eq!(*percent, if asked == "20" { json!(20) } else { Value::Null }, "{rule}");
    }
    drop(controller);
    let begin = Instant::now();
    let ended = shop.tool(&["abort", "frontend", "--timeout=2m"]).expect(0);
    assert!(begin.elapsed() < Duration::from_secs(90), "{:?}", begin.elapsed());
    assert_eq!(told(&ended), ["100 % stable", "back to service/frontend alone"]);
    assert!(ended.stderr.contains("going back without its answer"), "{}", ended.stderr);
    assert_eq!(shop.get("grpcroute/web")["spec"], own);
    shop.expect_own_fields("shop/web:v1");
    assert!(!shop.kubectl(&["get", "services", "-o", "name"]).contains("-rp-"));
}

#[test]
fn a_third_version_loses_the_share_at_once_and_from_a_cold_start() {
    let shop = Shop::new(3);
    shop.apply(&ingress("nginx"));
    let own = shop.get("ingress/web")["spec"].clone();
    let weight = |shop: &Shop| {
        let annotations = shop.get("ingress/web-rp-canary")["metadata"]["annotations"].clone();
        annotations["nginx.ingress.kubernetes.io/canary-weight"].as_str().unwrap_or("none").to_owned()
    };
    let third = |shop: &Shop, image: &str| shop.kubectl(&["set", "image", "deployment/frontend", image]);
    let quick = ["--router-grace", "0s"];
    let mut soak = V2[..4].to_vec();
    soak.extend(["--steps=10,50", "--step-wait=2m"]);
    let run = shop.start(&shop.kubeconfig, &[&soak[..], &quick].concat());
    shop.until("it has its share", |shop| weight(shop) == "10");
    third(&shop, "frontend=shop/web:v3");
    let begin = Instant::now();
    shop.until("it lost its share", |shop| weight(shop) == "0");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let ended = finish(run).expect(1);
    assert!(ended.stderr.contains("replaced the canary"), "{}", ended.stderr);
    // Nobody was there to see it.
    let again = [&V2[..], &quick].concat();
    for (image, command) in
        [("v4", &["promote", "frontend"][..]), ("v5", &["canary", "frontend", "--weight=20"])]
    {
        shop.tool(&again).expect(0);
        assert_eq!(weight(&shop), "10");
        third(&shop, &format!("frontend=shop/web:{image}"));
        shop.until("status tells of it", |shop| {
            shop.status()["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "no-pods")
        });
        let ended = shop.tool(command).expect(8);
        assert_eq!(weight(&shop), "0", "{command:?}: {ended:?}");
    }
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!(shop.get("ingress/web")["spec"], own);
    shop.expect_own_fields("shop/web:v1");
}

#[test]
fn an_ingress_of_a_second_controller_is_told_and_taken_at_the_users_word() {
    let shop = Shop::new(3);
    shop.apply(&ingress("internal-nginx"));
    let own = shop.get("ingress/web")["spec"].clone();
    let ended = shop.tool(&V2).expect(0);
    let wanted = "sends requests to service/frontend and is left as it is, so these go by the pods: no IngressClass tells \
                  the controller of its class internal-nginx; --router nginx takes it";
    assert!(ended.stderr.contains(wanted), "{}", ended.stderr);
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.tool(&[&V2[..], &["--router", "nginx", "--router-grace", "0s"]].concat()).expect(0);
    let backend = "/rules/0/http/paths/0/backend/service/name";
    assert_eq!(shop.get("ingress/web")["spec"].pointer(backend), Some(&json!("frontend-rp-stable")));
    // Even where every record of it is lost.
    shop.kubectl(&["delete", "lease", "--all"]);
    shop.kubectl(&["annotate", "deployment/frontend", "rollout-plus/held-"]);
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!(shop.get("ingress/web")["spec"], own);
}

#[test]
fn a_route_of_another_namespace_that_could_not_name_our_services_is_told() {
    let (shop, edge) = (Shop::new(3), Shop::empty());
    let mut route = grpc_route();
    route["spec"]["rules"][0]["backendRefs"][0]["namespace"] = json!(shop.namespace);
    edge.apply(&route);
    let grant = |to: Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": "edge"},
            "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "GRPCRoute", "namespace": edge.namespace}],
                "to": [to]}})
    };
    shop.apply(&grant(json!({"group": "", "kind": "Service", "name": "frontend"})));
    let plan = ["--dry-run", "--router-grace", "0s"];
    let told = format!("grpcroute/web in namespace {} sends requests to service/frontend", edge.namespace);
    let ended = shop.tool(&[&V2[..], &["--dry-run"]].concat()).expect(0);
    let why = "referencegrant/edge lets it name some Services alone";
    assert!(ended.stderr.contains(&told) && ended.stderr.contains(why), "{}", ended.stderr);
    let named = [&V2[..], &plan, &["--router", "grpcroute"]].concat();
    let ended = shop.tool(&named).expect(8);
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    // One that may name any Service is written, once somebody serves it.
    shop.apply(&grant(json!({"group": "", "kind": "Service"})));
    let ended = shop.tool(&named).expect(8);
    assert!(ended.stderr.contains("no controller of gateway/edge answered"), "{}", ended.stderr);
    let controller = Controller::start(&edge.namespace);
    shop.tool(&named).expect(0);
    drop(controller);
}
