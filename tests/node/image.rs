//! The image of the pipeline step as a pod on a real node: the Dockerfile's final stage with the binary of `make build`,
//! nothing but settings in its environment, and the credential that `bootstrap` made.
//!
//! The node has the images `shop/web:v1`, `shop/web:v2`, `shop/web:broken` (exits at once), and the step's own.

mod process;
mod resolver;

use std::collections::BTreeMap;

use crate::shop::Shop;
use process::Process;
use resolver::Resolver;
use serde_json::{Value, json};

const STEP: &str = "rollout-plus/step:tested";
const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
const BROKEN: &str = "shop/web:broken";

/// Makes the account of the pipeline; its credential goes into the Secret `pipeline`.
fn bootstrapped() -> Shop {
    let shop = Shop::new(3);
    let made = ["bootstrap", "ci", "--strategy", "canary", "--deployment", "frontend"];
    shop.tool(&[&made[..], &["--deliver", "secret=pipeline"]].concat()).expect(0);
    shop
}

/// How a pod ended, and what was seen of its process while it ran.
struct Step {
    code: i64,
    log: String,
    process: Option<Process>,
}

/// Runs the image to its end as an agent on Kubernetes does: settings as variables, secrets by reference.
fn step(shop: &Shop, name: &str, name_server: &str, settings: &[(&str, &str)]) -> Step {
    let own = settings.iter().map(|(name, value)| json!({"name": format!("PLUGIN_{name}"), "value": value}));
    let mut variables: Vec<Value> = own.collect();
    variables.push(json!({"name": "PLUGIN_NAMESPACE", "value": shop.namespace}));
    for (variable, key) in [("SERVER", "server"), ("CERT", "cert"), ("TOKEN", "token")] {
        let variable = format!("PLUGIN_KUBERNETES_{variable}");
        if !variables.iter().any(|other| other["name"] == variable) {
            let secret = json!({"secretKeyRef": {"name": "pipeline", "key": key}});
            variables.push(json!({"name": variable, "valueFrom": secret}));
        }
    }
    shop.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
        "dnsPolicy": "None", "dnsConfig": {"nameservers": [name_server]},
        "securityContext": {"runAsNonRoot": true},
        "containers": [{"name": "step", "image": STEP, "imagePullPolicy": "Never", "env": variables,
            "securityContext": {"readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]}}}]}}));
    let begun = std::time::Instant::now();
    let (mut process, mut pod) = (None, Value::Null);
    let over = |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    while !over(&pod) {
        assert!(
            begun.elapsed().as_secs() < 120,
            "the step does not end: {}\n{}",
            pod["status"],
            log(shop, name)
        );
        process = process.or_else(|| Process::with_variable(&format!("PLUGIN_NAMESPACE={}", shop.namespace)));
        std::thread::sleep(std::time::Duration::from_millis(200));
        pod = shop.get(&format!("pod/{name}"));
    }
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let code = ended["exitCode"].as_i64().unwrap_or_else(|| panic!("it did not run: {}", pod["status"]));
    println!("{name}: exit code {code} after {:.1} s", begun.elapsed().as_secs_f64());
    Step { code, log: log(shop, name), process }
}

fn log(shop: &Shop, pod: &str) -> String {
    shop.kubectl(&["logs", pod])
}

fn image(shop: &Shop) -> Value {
    shop.deployment()["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

/// The pods that serve, and how often each was started again.
fn serving(shop: &Shop) -> BTreeMap<String, u64> {
    let list: Value =
        serde_json::from_str(&shop.kubectl(&["get", "pods", "-l", "app=frontend", "-o", "json"])).unwrap();
    let pods = list["items"].as_array().unwrap().iter();
    let pods = pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    pods.map(|pod| {
        let restarts = pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
        (pod["metadata"]["name"].as_str().unwrap().to_owned(), restarts.unwrap_or(99))
    })
    .collect()
}

#[test]
fn the_image_deploys_the_shop_by_canary_and_finds_the_server_by_name() {
    let shop = bootstrapped();
    let resolver = Resolver::start("kubernetes.default.svc", &shop);
    let deploy = [
        ("KUBERNETES_SERVER", "https://kubernetes.default.svc"),
        ("DEPLOYMENT", "frontend"),
        ("IMAGE", V2),
        ("STRATEGY", "canary"),
        ("STEPS", "25,50"),
        ("PROMOTE", "true"),
        ("STRICT", "true"),
    ];
    let step = step(&shop, "deploy", &resolver.address, &deploy);
    assert_eq!(step.code, 0, "{}", step.log);
    assert_eq!((image(&shop), shop.pods_of(V2), shop.pods_of(V1).0), (json!(V2), (3, 3), 0), "{}", step.log);
    shop.expect_own_fields(V2);
    assert!(resolver.answered() > 0, "nobody asked for the name");

    let process = step.process.expect("the process was never seen");
    println!("{process:?}");
    assert_eq!(process.user, 65532);
    assert!(process.root_is_read_only);
    let foreign = process.variables.iter().filter(|name| {
        let ours = name.starts_with("PLUGIN_") || name.starts_with("KUBERNETES_");
        // What the container's runtime sets in every one.
        !ours && !["PATH", "HOSTNAME", "HOME"].contains(&name.as_str())
    });
    assert_eq!(foreign.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(step.log.contains("canary") && !step.log.contains("eyJ"), "{}", step.log);
}

#[test]
fn a_bad_version_fails_the_step_and_leaves_the_shop_untouched() {
    let shop = bootstrapped();
    let (before, pods) = (shop.deployment()["spec"].clone(), serving(&shop));
    let bad = [("DEPLOYMENT", "frontend"), ("IMAGE", BROKEN), ("STRATEGY", "canary"), ("STEPS", "25,50")];
    let step = step(&shop, "bad", "127.0.0.1", &bad);
    assert_eq!(step.code, 1, "{}", step.log);
    assert!(step.log.contains("CrashLoopBackOff"), "{}", step.log);
    assert_eq!(shop.deployment()["spec"], before, "{}", step.log);
    shop.until("the failed pods are gone", |shop| shop.pods_of(BROKEN).0 == 0 && serving(shop) == pods);
}

#[test]
fn a_server_that_cannot_be_found_fails_the_step_with_its_name() {
    let shop = bootstrapped();
    let status = [("KUBERNETES_SERVER", "https://no-such-host.test"), ("ACTION", "status")];
    // Nobody listens there.
    let step = step(&shop, "lost", "127.0.0.1", &status);
    assert_eq!(step.code, 3, "{}", step.log);
    assert!(step.log.contains("no-such-host.test"), "{}", step.log);
}

#[test]
fn a_tag_is_pinned_to_what_other_pods_have_pulled() {
    let (staging, shop) = (Shop::new(1), Shop::new(3));
    staging.tool(&["rolling", "frontend", "--image", V2]).expect(0);
    shop.tool(&["rolling", "frontend", "--image", V2, "--pin-digest", &staging.namespace]).expect(0);
    let image = image(&shop).as_str().unwrap().to_owned();
    println!("{image}");
    assert!(image.starts_with("shop/web:v2@sha256:"), "{image}");
    assert_eq!(shop.pods_of(&image), (3, 3));
}
