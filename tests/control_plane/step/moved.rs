//! Who comes from kubectl, Helm, Argo CD or Flux: what becomes of a Deployment that others made and changed, beside what
//! `kubectl apply` makes of it.

use std::process::Command;

use serde_json::{Value, json};

use super::Pipeline;
use super::pipeline::{Build, System};
use crate::shop::{Shop, run};

fn manifest(name: &str, image: &str) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 2, "progressDeadlineSeconds": 300, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image,
                "env": [{"name": "OLD", "value": "1"}, {"name": "KEPT", "value": "1"}]}]}}}})
}

/// The next commit: another image, and a variable less.
fn next(name: &str) -> Value {
    let mut next = manifest(name, "shop/web:v2");
    next["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "KEPT", "value": "1"}]);
    next
}

/// How a Deployment came to be as it is: a word for it, how it was made, what was changed, and who is named when `apply`
/// will not write over it.
type Origin =
    (&'static str, &'static [&'static str], &'static [&'static [&'static str]], Option<&'static str>);

const ORIGINS: [Origin; 8] = [
    ("apply", &["apply"], &[], None),
    (
        "set",
        &["apply"],
        &[&["set", "image", "deployment/NAME", "web=shop/web:v3"]],
        Some("kubectl-set changed spec.template.spec.containers[name=\"web\"].image at 20"),
    ),
    ("edit", &["apply"], &[&["edit", "deployment/NAME"]], Some("kubectl-edit changed spec.template.spec.")),
    ("scale", &["apply"], &[&["scale", "deployment/NAME", "--replicas=3"]], None),
    ("helm3", &["create", "--field-manager=helm"], &[], Some("helm changed spec.template.spec.")),
    ("helm4", &["apply", "--server-side", "--field-manager=helm"], &[], Some("helm applied spec.template.")),
    (
        "argo",
        &["apply", "--server-side", "--field-manager=argocd-controller"],
        &[],
        Some("argocd-controller applied spec.template."),
    ),
    (
        "flux",
        &["apply", "--server-side", "--field-manager=kustomize-controller"],
        &[],
        Some("kustomize-controller applied spec.template."),
    ),
];

fn kubectl(shop: &Shop, words: &[&str]) {
    let mut command = Command::new("kubectl");
    command.args(["-n", &shop.namespace]).args(words);
    // What a person would type into the editor.
    command.env("KUBE_EDITOR", "sed -i s/value:.\\\"1\\\"/value:\\ \\\"9\\\"/");
    run(&mut command).expect(0);
}

/// Makes a Deployment of that origin.
fn make(pipeline: &Pipeline, origin: &str, name: &str) {
    let (_, made, changed, _) = ORIGINS.iter().find(|(of, ..)| *of == origin).unwrap();
    pipeline.write(&format!("{name}.yaml"), &manifest(name, "shop/web:v1"));
    let path = pipeline.folder.path().join(format!("{name}.yaml"));
    kubectl(&pipeline.shop, &[*made, &["-f", path.to_str().unwrap()]].concat());
    for words in *changed {
        let words: Vec<String> = words.iter().map(|word| word.replace("NAME", name)).collect();
        kubectl(&pipeline.shop, &words.iter().map(String::as_str).collect::<Vec<_>>());
    }
    kubectl(&pipeline.shop, &["rollout", "status", &format!("deployment/{name}"), "--timeout=60s"]);
    pipeline.write(&format!("{name}.yaml"), &next(name));
}

/// What the spec says, whatever the name.
fn spec(shop: &Shop, name: &str) -> Value {
    let text = shop.get(&format!("deployment/{name}"))["spec"].to_string();
    serde_json::from_str(&text.replace(&format!("\"{name}\""), "\"NAME\"")).unwrap()
}

/// Who owns what, without the controller and the times.
fn owners(shop: &Shop, name: &str) -> Vec<Value> {
    let object = shop.kubectl(&["get", &format!("deployment/{name}"), "-o", "json", "--show-managed-fields"]);
    let object: Value = serde_json::from_str(&object).unwrap();
    let entries = object["metadata"]["managedFields"].as_array().unwrap().iter();
    let mut entries: Vec<Value> = entries
        .filter(|entry| entry["manager"] != "kube-controller-manager")
        .map(|entry| json!([entry["manager"], entry["operation"], entry["fieldsV1"]]))
        .collect();
    entries.sort_by_key(Value::to_string);
    entries
}

fn compare(origin: &str) {
    let pipeline = Pipeline::new(Shop::empty());
    let shop = &pipeline.shop;
    let (.., refusal) = ORIGINS.iter().find(|(of, ..)| *of == origin).unwrap();
    let file = |name: &str| pipeline.folder.path().join(format!("{name}.yaml")).to_str().unwrap().to_owned();

    make(&pipeline, origin, "theirs");
    kubectl(shop, &["apply", "-f", &file("theirs")]);
    let wanted = spec(shop, "theirs");

    // The drop-in line does what kubectl would, whoever changed it.
    make(&pipeline, origin, "line");
    let ended = pipeline.step(&[("kubectl", "apply -f ./line.yaml")]);
    let gitops = matches!(origin, "argo" | "flux");
    // But for what would be put back within minutes: the preflight says so.
    let force: &[&str] = if gitops { &["--force", "RP016"] } else { &[] };
    if gitops {
        let ended = ended.expect(8);
        assert!(
            ended.stderr.contains("RP016") && ended.stderr.contains(refusal.unwrap()),
            "{}",
            ended.stderr
        );
    } else {
        let ended = ended.expect(0);
        assert!(
            ended.stderr.contains(refusal.unwrap_or_default()),
            "{origin}: who changed what: {}",
            ended.stderr
        );
        assert_eq!(spec(shop, "line"), wanted, "{origin}: the step");
    }

    // Our own verb asks first, and takes over from `kubectl apply` without a flag.
    make(&pipeline, origin, "own");
    let ended = shop.tool(&["apply", "-f", &file("own")]);
    if let Some(refusal) = refusal {
        let ended = ended.expect(8);
        assert!(ended.stderr.contains(refusal), "{origin}: {refusal}: {}", ended.stderr);
        assert!(ended.stderr.contains("nothing was written"), "{}", ended.stderr);
        shop.tool(&[&["apply", "-f", &file("own"), "--force-conflicts"], force].concat()).expect(0);
        assert_eq!(spec(shop, "own"), wanted, "{origin}: apply --force-conflicts");
    } else {
        ended.expect(0);
        let mut wanted = wanted.clone();
        if origin == "scale" {
            wanted["replicas"] = json!(3);
        }
        assert_eq!(spec(shop, "own"), wanted, "{origin}: apply");
        assert!(owners(shop, "own").iter().all(|entry| entry[0] != "kubectl-client-side-apply"));
    }
    // And kubectl goes on as before.
    kubectl(shop, &["apply", "-f", &file("own")]);

    // A canary has the template that kubectl would make, and leaves everything to whom it belongs.
    make(&pipeline, origin, "held");
    let before = owners(shop, "held");
    let generation = |shop: &Shop| shop.get("deployment/held")["metadata"]["generation"].clone();
    shop.tool(&[&["canary", "held", "-f", &file("held"), "--weight", "30"], force].concat()).expect(0);
    assert_eq!(spec(shop, "held")["template"], wanted["template"], "{origin}: canary");
    shop.tool(&["abort", "held"]).expect(0);
    assert_eq!(owners(shop, "held"), before, "{origin}: after abort");
    let last = generation(shop);
    shop.tool(&[&["rolling", "held", "--image", "shop/web:v5"], force].concat()).expect(0);
    assert_ne!(generation(shop), last);
    assert_eq!(owners(shop, "held"), before, "{origin}: after rolling --image");
}

#[test]
fn whoever_made_and_changed_it_the_line_does_what_kubectl_does_and_apply_asks_first() {
    std::thread::scope(|scope| {
        let all: Vec<_> = ORIGINS.iter().map(|(origin, ..)| scope.spawn(move || compare(origin))).collect();
        for one in all {
            one.join().unwrap();
        }
    });
}

#[test]
fn a_pipeline_that_kubectl_began_is_green_twice_and_red_for_a_broken_image() {
    let pipeline = Pipeline::new(Shop::empty());
    let shop = &pipeline.shop;
    let version = |image: &str| {
        let mut manifest = manifest("frontend", image);
        manifest["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("IfNotPresent");
        pipeline.write("frontend/deployment.yaml", &manifest);
    };
    version("shop/web:v1");
    let path = pipeline.folder.path().join("frontend/deployment.yaml");
    kubectl(shop, &["apply", "-f", path.to_str().unwrap()]);
    let image = || {
        shop.deployment()["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    };
    for (number, tag) in [(1, "shop/web:v2"), (2, "shop/web:v3")] {
        version(tag);
        for line in ["apply -f ./frontend/deployment.yaml", "get deployment frontend"] {
            let build = Build::push(System::Drone, number);
            pipeline.run(build, &pipeline.secrets, &[("kubectl", line)]).expect(0);
        }
        assert_eq!((image().as_str(), shop.pods_of(tag)), (tag, (2, 2)));
    }
    let mut broken = manifest("frontend", "shop/web:v4");
    // The fake node does not pull: what no node has stands for an image that is not there.
    broken["spec"]["template"]["spec"]["nodeSelector"] = json!({"no": "such-node"});
    pipeline.write("frontend/deployment.yaml", &broken);
    let build = Build::push(System::Drone, 3);
    let line = [("kubectl", "apply -f ./frontend/deployment.yaml"), ("timeout", "20s")];
    let ended = pipeline.run(build, &pipeline.secrets, &line);
    assert!(ended.code.is_some_and(|code| code != 0), "{}", ended.stderr);
    shop.until("the former version serves", |shop| shop.pods_of("shop/web:v3") == (2, 2));
}
