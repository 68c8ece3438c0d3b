//! Who comes from kubectl, Helm, Argo CD or Flux: what becomes of a Deployment that others made and changed, beside what
//! `kubectl apply` and `kubectl apply --server-side` make of it, field by field.

mod origins;

use std::process::Command;

use rollout_plus::apply::Change;
use rollout_plus::apply::difference::changes;
use rollout_plus::keys::LAST_APPLIED;
use serde_json::{Value, json};

use super::Pipeline;
use super::pipeline::{Build, System};
use crate::shop::{Shop, run};
use origins::{ORIGINS, Origin};

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

fn kubectl(shop: &Shop, words: &[&str]) {
    let mut command = Command::new("kubectl");
    command.args(["-n", &shop.namespace]).args(words);
    // What a person would type into the editor.
    command.env("KUBE_EDITOR", "sed -i s/value:.\\\"1\\\"/value:\\ \\\"9\\\"/");
    run(&mut command).expect(0);
}

/// Makes Deployments of that origin, and has the next commit of each in a file of its name.
fn make(pipeline: &Pipeline, origin: &Origin, names: &[&str]) {
    let items: Vec<Value> = names.iter().map(|name| manifest(name, "shop/web:v1")).collect();
    pipeline.write("all.yaml", &json!({"apiVersion": "v1", "kind": "List", "items": items}));
    let path = pipeline.folder.path().join("all.yaml");
    kubectl(&pipeline.shop, &[origin.made, &["-f", path.to_str().unwrap()]].concat());
    let all: Vec<String> = names.iter().map(|name| format!("deployment/{name}")).collect();
    let words = origin.changed.iter().flat_map(|word| match *word {
        "NAMES" => all.iter().map(String::as_str).collect(),
        word => vec![word],
    });
    let words: Vec<&str> = words.collect();
    if !words.is_empty() {
        kubectl(&pipeline.shop, &words);
    }
    for one in &all {
        kubectl(&pipeline.shop, &["rollout", "status", one, "--timeout=60s"]);
    }
    for name in names {
        pipeline.write(&format!("{name}.yaml"), &next(name));
    }
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

/// What is annotated, whatever the name, without what the controller counts and what a step notes of its build.
fn notes(shop: &Shop, name: &str) -> Value {
    let mut notes = shop.get(&format!("deployment/{name}"))["metadata"]["annotations"].clone();
    if let Some(notes) = notes.as_object_mut() {
        notes.retain(|key, _| {
            !key.starts_with("deployment.kubernetes.io/") && !key.starts_with("rollout-plus/")
        });
        if let Some(last) = notes.get_mut(LAST_APPLIED) {
            *last = serde_json::from_str(&last.as_str().unwrap().replace(&format!("\"{name}\""), "\"NAME\""))
                .unwrap();
        }
    }
    notes
}

/// What differs between two objects: one line a field.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let line = |change: &Change| format!("{}: {:?}, {:?}", change.path, change.before, change.after);
    changes(Some(one), other).iter().map(line).collect()
}

/// Compares the Deployment that our `ours` line or command made with what kubectl's ways make.
///
/// Different on purpose:
/// - The annotation with what was applied last. `kubectl apply` puts it on everything. We keep it where kubectl put it, as
///   `kubectl apply --server-side` does, so that the next `kubectl apply` works; there is none where others never had one.
/// - Its text is that of `kubectl apply`, with an empty map of annotations; `--server-side` leaves the map out.
/// - Its owner. `--server-side` has a manager of its own for it, `kubectl-last-applied`; our one entry has it among the rest.
fn beside(origin: &Origin, shop: &Shop, ours: &str) {
    let who = format!("{}: {ours}", origin.name);
    let (theirs, server, own) = (notes(shop, "theirs"), notes(shop, "server"), notes(shop, ours));
    assert_eq!(own[LAST_APPLIED].is_null(), server[LAST_APPLIED].is_null(), "{who}: {own}, {server}");
    if !own[LAST_APPLIED].is_null() {
        assert_eq!(own, theirs, "{who}: annotations");
        let mut plain = own;
        plain[LAST_APPLIED]["metadata"].as_object_mut().unwrap().remove("annotations");
        assert_eq!(plain, server, "{who}: annotations");
    }
    let named = |entries: Vec<Value>, manager: &str| -> Vec<Value> {
        let is_note = |entry: &Value| entry[0] == "kubectl-last-applied";
        let mut entries: Vec<Value> = entries.into_iter().filter(|entry| !is_note(entry)).collect();
        for entry in &mut entries {
            if entry[0] == manager {
                entry[0] = json!("who applied");
                entry[2]["f:metadata"].as_object_mut().unwrap().remove("f:annotations");
            }
        }
        entries.sort_by_key(Value::to_string);
        entries
    };
    let (of_server, of_ours) = (owners(shop, "server"), owners(shop, ours));
    let (of_server, of_ours) = (named(of_server, "kubectl"), named(of_ours, "kubectl-rollout-plus"));
    assert_eq!(json!(of_ours), json!(of_server), "{who}: owners");
}

fn compare(origin: &Origin) {
    let pipeline = Pipeline::new(Shop::empty());
    let (shop, name) = (&pipeline.shop, origin.name);
    let file = |name: &str| pipeline.folder.path().join(format!("{name}.yaml")).to_str().unwrap().to_owned();
    make(&pipeline, origin, &["theirs", "server", "line", "own", "held"]);

    kubectl(shop, &["apply", "-f", &file("theirs")]);
    let wanted = spec(shop, "theirs");
    let server = ["apply", "--server-side", "-f", &file("server")];
    let ended = run(Command::new("kubectl").args(["-n", &shop.namespace]).args(server));
    if let Some(conflict) = origin.conflict {
        assert!(ended.code == Some(1) && ended.stderr.contains("with 1 conflict"), "{name}: {ended:?}");
        assert!(ended.stderr.contains(conflict), "{name}: {conflict}: {}", ended.stderr);
        kubectl(shop, &[&server[..], &["--force-conflicts"]].concat());
    } else {
        ended.expect(0);
    }
    let both = differences(&spec(shop, "server"), &wanted);
    assert_eq!(both, [""; 0], "{name}: kubectl's two ways of forcing it make the same");

    // The drop-in line does what kubectl would, whoever changed it, and says so.
    let ended = pipeline.step(&[("kubectl", "apply -f ./line.yaml")]).expect(0);
    assert!(ended.stderr.contains(origin.refusal.unwrap_or_default()), "{name}: {}", ended.stderr);
    let kept = origin.kept_by.map(|tool| format!("RP016 deployment/line spec.template: is kept by {tool} "));
    assert!(ended.stderr.contains(&kept.unwrap_or_default()), "{name}: {}", ended.stderr);
    assert_eq!(ended.stderr.contains("RP016"), origin.kept_by.is_some(), "{name}: {}", ended.stderr);
    assert_eq!(differences(&wanted, &spec(shop, "line")), [""; 0], "{name}: the step");
    beside(origin, shop, "line");

    // Our own verb asks first, and takes over from `kubectl apply` without a flag.
    let ended = shop.tool(&["apply", "-f", &file("own")]);
    if let Some(refusal) = origin.refusal {
        let ended = ended.expect(8);
        assert!(ended.stderr.contains(refusal), "{name}: {refusal}: {}", ended.stderr);
        assert!(ended.stderr.contains("nothing was written"), "{}", ended.stderr);
        shop.tool(&["apply", "-f", &file("own"), "--force-conflicts"]).expect(0);
    } else {
        ended.expect(0);
    }
    let differs = differences(&wanted, &spec(shop, "own"));
    if name == "scale" {
        assert_eq!(differs, ["replicas: Some(Number(2)), Some(Number(3))"], "what was scaled stays");
    } else {
        assert_eq!(differs, [""; 0], "{name}: apply");
        beside(origin, shop, "own");
    }
    // And kubectl goes on as before.
    kubectl(shop, &["apply", "-f", &file("own")]);

    // A canary has the template that kubectl would make, and leaves everything to whom it belongs.
    let before = owners(shop, "held");
    let generation = |shop: &Shop| shop.get("deployment/held")["metadata"]["generation"].clone();
    let canary = ["canary", "held", "-f", &file("held"), "--weight", "30"];
    if let Some(tool) = origin.kept_by {
        // A share lasts only while nobody puts another template there.
        let ended = shop.tool(&canary).expect(8);
        assert!(ended.stderr.contains("RP016") && ended.stderr.contains(tool), "{}", ended.stderr);
    }
    let force = origin.kept_by.map_or(&[][..], |_| &["--force", "RP016"]);
    shop.tool(&[&canary[..], force].concat()).expect(0);
    assert_eq!(spec(shop, "held")["template"], wanted["template"], "{name}: canary");
    shop.tool(&["abort", "held"]).expect(0);
    assert_eq!(owners(shop, "held"), before, "{name}: after abort");
    let last = generation(shop);
    shop.tool(&["rolling", "held", "--image", "shop/web:v5"]).expect(0);
    assert_ne!(generation(shop), last);
    assert_eq!(owners(shop, "held"), before, "{name}: after rolling --image");
}

#[test]
fn whoever_made_and_changed_it_the_line_does_what_kubectl_does_and_apply_asks_first() {
    std::thread::scope(|scope| {
        let all: Vec<_> = ORIGINS.iter().map(|origin| scope.spawn(move || compare(origin))).collect();
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
