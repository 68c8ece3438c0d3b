//! `apply` on a real control plane: everything in order, workloads together, nothing half done.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::process::Stdio;

use crate::shop::{Ended, Shop};
use serde_json::{Value, json};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";

fn deployment(name: &str, image: &str) -> Value {
    let labels = json!({"app": name, "part-of": "shop"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": image, "env": [{"name": "MODE", "value": "fast"}]}]}}}})
}

fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"part-of": "shop"}},
        "data": {"key": value}})
}

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "labels": {"part-of": "shop"}},
        "stringData": {"password": value}})
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "labels": {"part-of": "shop"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}})
}

fn ingress() -> Value {
    let backend = json!({"service": {"name": "web", "port": {"name": "http"}}});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "web", "labels": {"part-of": "shop"}},
        "spec": {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}})
}

fn autoscaler() -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2, "maxReplicas": 9}})
}

/// YAML is a superset of JSON.
fn text(objects: &[Value]) -> String {
    objects.iter().fold(String::new(), |mut text, object| {
        writeln!(text, "---\n{object}").unwrap();
        text
    })
}

fn apply(shop: &Shop, objects: &[Value], more: &[&str]) -> Ended {
    let mut command = shop.command(&shop.kubeconfig, &[&["apply", "-f", "-"], more].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who refuses by the flags alone may end before it has read a byte: what counts is what it says.
    match child.stdin.take().unwrap().write_all(text(objects).as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => (),
        written => written.unwrap(),
    }
    crate::shop::finish(child)
}

fn image(shop: &Shop, name: &str) -> Value {
    shop.get(&format!("deployment/{name}"))["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

fn generations(shop: &Shop) -> Vec<(Value, Value)> {
    let list = shop.get("deployments,services,configmaps,secrets,ingresses");
    let items = list["items"].as_array().unwrap();
    let versions = items.iter().filter(|object| object["metadata"]["name"] != "kube-root-ca.crt");
    versions
        .map(|object| (object["metadata"]["name"].clone(), object["metadata"]["generation"].clone()))
        .collect()
}

#[track_caller]
fn row(ended: &Ended, object: &str, action: &str) {
    let found = ended.stdout.lines().any(|line| line.starts_with(object) && line.ends_with(action));
    assert!(found, "no '{object} ... {action}' in\n{}\n{}", ended.stdout, ended.stderr);
}

#[test]
fn a_whole_shop_in_any_order_and_again_without_a_change() {
    let outer = Shop::empty();
    let shop = Shop::named(format!("{}-new", outer.namespace));
    let group = format!("{}.example", shop.namespace);
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("baskets.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Basket", "plural": "baskets"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}}}]}});
    let basket = |size| json!({"apiVersion": format!("{group}/v1"), "kind": "Basket", "metadata": {"name": "one"}, "spec": {"size": size}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop.namespace}});
    let folder = tempfile::tempdir().unwrap();
    let objects = [
        ingress(),
        deployment("web", V1),
        basket(1),
        deployment("api", V1),
        service(),
        secret("geheim"),
        definition.clone(),
        config("web", "1"),
        namespace,
    ];
    std::fs::write(folder.path().join("a.yaml"), text(&objects[..4])).unwrap();
    std::fs::write(folder.path().join("b.yml"), text(&objects[4..])).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not: [a manifest").unwrap();
    let path = folder.path().to_str().unwrap();

    let foretold = shop.tool(&["apply", "-f", path, "--dry-run=server"]).expect(0);
    row(&foretold, "basket", "created");
    assert!(foretold.stderr.contains("does not exist yet"), "{}", foretold.stderr);
    assert_eq!(outer.get(&format!("namespace/{}", shop.namespace)), Value::Null, "a dry run writes nothing");

    let ended = shop.tool(&["apply", "-f", path]).expect(0);
    assert_eq!(ended.stdout.lines().filter(|line| line.ends_with("created")).count(), 9, "{}", ended.stdout);
    assert!(ended.stdout.lines().nth(1).unwrap().starts_with("namespace/"), "{}", ended.stdout);
    assert!(ended.stdout.lines().last().unwrap().starts_with("ingress."), "{}", ended.stdout);
    for name in ["web", "api"] {
        assert_eq!(shop.get(&format!("deployment/{name}"))["status"]["availableReplicas"], 3);
    }
    assert_eq!(shop.get(&format!("baskets.{group}/one"))["spec"]["size"], 1);

    let before = generations(&shop);
    let ended = apply(&shop, &objects, &[]).expect(0);
    assert_eq!(
        ended.stdout.lines().filter(|line| line.ends_with("unchanged")).count(),
        9,
        "{}",
        ended.stdout
    );
    assert_eq!(before, generations(&shop));
    assert_eq!(shop.pods_of(V1), (3, 3));

    // A kind that is defined by now is checked before anything is written.
    let wrong = [config("web", "2"), basket(2), {
        let mut wrong = basket(3);
        wrong["metadata"]["name"] = json!("two");
        wrong["spec"]["size"] = json!("large");
        wrong
    }];
    let ended = apply(&shop, &wrong, &[]).expect(2);
    assert!(ended.stderr.contains("stdin, document 3: apply basket/two"), "{}", ended.stderr);
    assert_eq!(shop.get("configmap/web")["data"]["key"], "1");
    outer.kubectl(&["delete", "crd", &format!("baskets.{group}"), "--wait=false"]);
}

#[test]
fn a_change_rolls_all_workloads_and_what_is_left_out_goes() {
    let shop = Shop::empty();
    apply(&shop, &[deployment("web", V1), deployment("api", V1)], &[]).expect(0);
    let ended = apply(&shop, &[deployment("web", V2), deployment("api", V2)], &["-o", "json"]).expect(0);
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let finished: Vec<&Value> = lines.iter().filter(|line| line["type"] == "finished").collect();
    assert_eq!(finished.len(), 3, "{}", ended.stdout);
    assert_eq!((&finished[2]["workload"], &finished[2]["exitCode"]), (&Value::Null, &json!(0)));
    assert_eq!(finished[2], lines.last().unwrap());
    assert_eq!((image(&shop, "web"), image(&shop, "api")), (json!(V2), json!(V2)));
    // The patch of the rollout must not keep fields that a later manifest leaves out.
    let mut without = deployment("web", V2);
    without["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("env");
    without["spec"]["minReadySeconds"] = json!(1);
    let ended = apply(&shop, std::slice::from_ref(&without), &[]).expect(0);
    row(&ended, "deployment.apps/web", "configured");
    let live = shop.get("deployment/web");
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["env"], Value::Null);
    assert_eq!(live["spec"]["minReadySeconds"], 1);
    // A field besides the template is changed without a rollout.
    without["spec"]["replicas"] = json!(4);
    let hash = |shop: &Shop| shop.get("replicasets")["items"].as_array().map(Vec::len);
    let before = hash(&shop);
    apply(&shop, std::slice::from_ref(&without), &[]).expect(0);
    assert_eq!(
        (shop.get("deployment/web")["status"]["availableReplicas"].clone(), hash(&shop)),
        (json!(4), before)
    );
    // So does what an added field of a rollout brought.
    without["spec"]["template"]["spec"]["containers"][0]["workingDir"] = json!("/x");
    apply(&shop, std::slice::from_ref(&without), &[]).expect(0);
    without["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("workingDir");
    apply(&shop, std::slice::from_ref(&without), &[]).expect(0);
    let live = shop.get("deployment/web");
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["workingDir"], Value::Null);
}

#[test]
fn a_field_of_somebody_else_is_named_and_taken_only_on_purpose() {
    let shop = Shop::empty();
    apply(&shop, &[deployment("web", V1), config("web", "1")], &[]).expect(0);
    shop.kubectl(&["set", "image", "deployment/web", "web=shop/web:v3"]);
    shop.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    let ended = apply(&shop, &[config("web", "2"), deployment("web", V2)], &[]).expect(8);
    for says in [
        "kubectl-set changed spec.template.spec.containers",
        ".image at 20",
        "--force-conflicts",
        "document 2",
    ] {
        assert!(ended.stderr.contains(says), "{says:?} is not in {}", ended.stderr);
    }
    assert_eq!(shop.get("configmap/web")["data"]["key"], "1", "nothing is half done");
    apply(&shop, &[config("web", "2"), deployment("web", V2)], &["--force-conflicts"]).expect(0);
    assert_eq!(
        (image(&shop, "web"), shop.get("configmap/web")["data"]["key"].clone()),
        (json!(V2), json!("2"))
    );
    // What our own verbs patched is ours.
    shop.tool(&["rolling", "web", "--image", "shop/web:v3"]).expect(0);
    apply(&shop, &[deployment("web", V1)], &[]).expect(0);
    assert_eq!(image(&shop, "web"), V1);
}

#[test]
fn an_autoscalers_number_is_left_alone() {
    let shop = Shop::empty();
    let all = [deployment("web", V1), autoscaler()];
    apply(&shop, &all, &[]).expect(0);
    assert_eq!(shop.get("deployment/web")["spec"]["replicas"], 3);
    // Ours until the autoscaler writes it: not dropped to 1, and not what the manifest says now.
    let mut more = all.clone();
    more[0]["spec"]["replicas"] = json!(7);
    let ended = apply(&shop, &more, &[]).expect(0);
    assert!(ended.stderr.contains("spec.replicas stays 3, not 7: an autoscaler"), "{}", ended.stderr);
    assert_eq!(shop.get("deployment/web")["spec"]["replicas"], 3);
    shop.kubectl(&["scale", "deployment/web", "--replicas=5"]);
    for _ in 0..2 {
        apply(&shop, &[deployment("web", V2), autoscaler()], &[]).expect(0);
        assert_eq!(shop.get("deployment/web")["spec"]["replicas"], 5);
    }
    // Without an autoscaler it is still whoever scaled it last.
    shop.kubectl(&["delete", "hpa", "web"]);
    let ended = apply(&shop, &[deployment("web", V2)], &[]).expect(0);
    assert!(ended.stderr.contains("kubectl owns it (--force-conflicts takes it)"), "{}", ended.stderr);
    apply(&shop, &[deployment("web", V2)], &["--force-conflicts"]).expect(0);
    assert_eq!(shop.get("deployment/web")["spec"]["replicas"], 3);
}

#[test]
fn a_difference_writes_nothing_and_shows_no_secret() {
    let shop = Shop::empty();
    apply(&shop, &[deployment("web", V1), secret("alt-geheim")], &[]).expect(0);
    let before = (generations(&shop), shop.get("secret/db"));
    let new = [deployment("web", V2), secret("neu-geheim"), config("more", "x")];
    let ended = apply(&shop, &new, &["--diff"]).expect(0);
    for line in [
        "deployment.apps/web  configured",
        &format!("- spec.template.spec.containers[name=web].image: \"{V1}\""),
        &format!("+ spec.template.spec.containers[name=web].image: \"{V2}\""),
        "- data.password: \"***\"",
        "+ data.password: \"***\"",
        "configmap/more  created",
        "+ data.key: \"x\"",
    ] {
        assert!(ended.stdout.contains(line), "{line:?} is not in\n{}", ended.stdout);
    }
    for hidden in ["geheim", "YWx0LWdlaGVpbQ", "bmV1LWdlaGVpbQ", "generation", "managedFields"] {
        assert!(!ended.stdout.contains(hidden) && !ended.stderr.contains(hidden), "{}", ended.stdout);
    }
    let document: Value =
        serde_json::from_str(&apply(&shop, &new, &["--diff", "-o", "json"]).expect(0).stdout).unwrap();
    assert_eq!(document.as_array().unwrap().len(), 3);
    let ended = apply(&shop, &new, &["--dry-run"]).expect(0);
    row(&ended, "configmap/more", "created");
    assert_eq!(before, (generations(&shop), shop.get("secret/db")));
    assert_eq!(shop.get("configmap/more"), Value::Null);
}

#[test]
fn only_what_was_applied_with_the_label_is_pruned() {
    let shop = Shop::empty();
    let label = ["--prune", "-l", "part-of=shop"];
    let service = service();
    apply(&shop, &[config("a", "1"), config("b", "1"), deployment("old", V1), service.clone()], &[])
        .expect(0);
    let mut manual = config("manual", "1");
    manual["metadata"]["namespace"] = json!(shop.namespace);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.yaml"), text(&[manual])).unwrap();
    shop.kubectl(&["apply", "-f", folder.path().to_str().unwrap()]);
    let mut other = config("other", "1");
    other["metadata"]["labels"] = json!({"part-of": "else"});
    apply(&shop, &[other.clone()], &[]).expect(0);

    apply(&shop, &[config("a", "1")], &[]).expect(0);
    assert!(shop.get("configmap/b").is_object(), "without --prune nothing is deleted");
    for wrong in [&["--prune"][..], &["--prune", "-l", ""], &["--prune", "-l", "part-of"]] {
        apply(&shop, &[config("a", "1")], wrong).expect(2);
    }
    let ended = apply(&shop, &[other], &label).expect(2);
    assert!(ended.stderr.contains("has not the label part-of=shop"), "{}", ended.stderr);
    let ended = apply(&shop, &[config("a", "1")], &[&label[..], &["--dry-run=server"]].concat()).expect(0);
    row(&ended, "configmap/b", "pruned");
    assert!(shop.get("configmap/b").is_object());

    let ended = apply(&shop, &[config("a", "1")], &label).expect(0);
    for gone in ["configmap/b", "service/web", "deployment.apps/old"] {
        row(&ended, gone, "pruned");
    }
    assert_eq!(ended.stdout.lines().filter(|line| line.ends_with("pruned")).count(), 3, "{}", ended.stdout);
    shop.until("they are gone", |shop| {
        ["configmap/b", "service/web", "deployment/old"].iter().all(|what| shop.get(what).is_null())
    });
    for kept in ["configmap/a", "configmap/manual", "configmap/other", "configmap/kube-root-ca.crt"] {
        assert!(shop.get(kept).is_object(), "{kept}");
    }
}

#[test]
fn what_is_refused_is_refused_before_anything_is_written() {
    let shop = Shop::empty();
    let mut unknown = service();
    unknown["spec"]["prots"] = json!([]);
    let mut invalid = deployment("web", V1);
    invalid["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    let nowhere =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "nowhere"}});
    let odd = json!({"apiVersion": "shop.example/v7", "kind": "Basket", "metadata": {"name": "one"}});
    let mut number = secret("x");
    number["stringData"]["password"] = json!(12_345_678);
    let mut damaged = secret("x");
    damaged["data"] = json!({"more": "geheim!!"});
    let mut paused = deployment("web", V1);
    paused["spec"]["paused"] = json!(true);
    for (wrong, code, says) in [
        (number, 2, "stringData.password of Secret/db is no text"),
        (damaged, 2, "illegal base64"),
        (paused, 8, "is paused: it would never be rolled out"),
        (unknown, 2, "prots"),
        (invalid, 2, "stdin, document 2: apply deployment/web"),
        (nowhere, 2, "is for namespace nowhere, not"),
        (odd, 2, "knows no kind Basket in shop.example/v7"),
        (config("a", "2"), 2, "is in stdin, document 1 already"),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}),
            2,
            "generateName",
        ),
        (json!([1]), 2, "stdin, document 2: that is no Kubernetes object"),
    ] {
        let ended = apply(&shop, &[config("a", "1"), wrong], &[]).expect(code);
        assert!(ended.stderr.contains(says), "{says:?} is not in\n{}", ended.stderr);
        assert!(!ended.stderr.contains("12345678") && !ended.stderr.contains("geheim"), "{}", ended.stderr);
        assert_eq!(shop.get("configmap/a"), Value::Null, "{says}: nothing is written");
    }
    // A report must not be green where nothing was done.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.xml");
    let report = format!("junit={}", path.display());
    let ended =
        apply(&shop, &[config("a", "1"), config("a", "2")], &["-o", "json", "--report", &report]).expect(2);
    let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["workload"], &last["exitCode"]),
        (&json!("finished"), &Value::Null, &json!(2))
    );
    let report = std::fs::read_to_string(path).unwrap();
    assert!(report.contains("name=\"all\"") && report.contains("failures=\"1\""), "{report}");
    for (flags, says) in [
        (&["--strategy", "canary"][..], "--weight"),
        (&["--weight", "10"], "--strategy canary"),
        (&["--atomic", "--on-failure", "hold"], "--atomic"),
        (&["-l", "a=b"], "--prune"),
        (&["-k", "."], "cannot be used with"),
    ] {
        let ended = apply(&shop, &[config("a", "1")], flags).expect(2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[test]
fn a_canary_of_several_is_held_and_promoted_together() {
    let shop = Shop::empty();
    let both = |image: &str| [deployment("web", image), deployment("api", image), config("old", "1")];
    apply(&shop, &both(V1), &[]).expect(0);
    let canary = ["--strategy", "canary", "--weight", "25", "--prune", "-l", "part-of=shop"];
    let mut new = both(V2)[..2].to_vec();
    new[0]["spec"]["revisionHistoryLimit"] = json!(4);
    let ended = apply(&shop, &new, &canary).expect(0);
    for name in ["web", "api"] {
        row(&ended, &format!("deployment.apps/{name}"), "held");
        let status = shop.tool(&["status", name, "-o", "json"]).expect(0);
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!((&status["phase"], &status["weight"]["actual"]), (&json!("Held"), &json!(25.0)));
    }
    assert_eq!(shop.get("deployment/web")["spec"]["revisionHistoryLimit"], 10, "the rest waits");
    assert!(shop.get("configmap/old").is_object() && ended.stderr.contains("not pruned"), "{}", ended.stderr);
    let ended = apply(&shop, &new, &[]).expect(8);
    assert!(ended.stderr.contains("promote web") && ended.stderr.contains("abort api"), "{}", ended.stderr);
    let ended = apply(&shop, &new, &[&canary[..], &["--promote"]].concat()).expect(0);
    row(&ended, "deployment.apps/web", "configured");
    row(&ended, "configmap/old", "pruned");
    let live = shop.get("deployment/web");
    assert_eq!(
        (&live["spec"]["revisionHistoryLimit"], &live["spec"]["minReadySeconds"]),
        (&json!(4), &Value::Null)
    );
    assert_eq!((image(&shop, "web"), image(&shop, "api")), (json!(V2), json!(V2)));
}

/// No node has the label, so the pods of that version stay Pending.
fn homeless(mut deployment: Value) -> Value {
    deployment["spec"]["template"]["spec"]["nodeSelector"] = json!({"no": "such-node"});
    deployment
}

#[test]
fn one_failure_is_the_verdict_and_atomic_takes_the_others_back() {
    let shop = Shop::empty();
    apply(&shop, &[deployment("web", V1), deployment("api", V1)], &[]).expect(0);
    let quick = ["--timeout", "20s", "--tolerate", "Unschedulable=1s"];
    let new = [deployment("web", V2), homeless(deployment("api", V2)), ingress()];
    let ended = apply(&shop, &new, &quick);
    assert!(matches!(ended.code, Some(1 | 6)), "{:?} {}", ended.code, ended.stderr);
    assert!(ended.stderr.contains("deployment/api"), "{}", ended.stderr);
    row(&ended, "deployment.apps/web", "configured");
    row(&ended, "deployment.apps/api", "failed");
    row(&ended, "ingress.networking.k8s.io/web", "not applied");
    assert_eq!(image(&shop, "web"), V2, "what is healthy stays");
    assert_eq!(image(&shop, "api"), V1, "it went back");
    // The deadline is for the whole, and what did not make it can be taken back.
    let new = [deployment("web", V2), homeless(deployment("api", V2))];
    let begun = std::time::Instant::now();
    let ended = apply(&shop, &new, &["--timeout", "3s"]).expect(4);
    assert!(
        begun.elapsed().as_secs() < 15 && ended.stderr.contains("not done within 3s"),
        "{}",
        ended.stderr
    );
    row(&ended, "deployment.apps/web", "unchanged");
    shop.tool(&["abort", "api"]).expect(0);
    assert_eq!(image(&shop, "api"), V1);
    let new = [deployment("web", "shop/web:v3"), homeless(deployment("api", V2))];
    let ended = apply(&shop, &new, &[&quick[..], &["--atomic"]].concat());
    assert!(matches!(ended.code, Some(1 | 6)), "{:?} {}", ended.code, ended.stderr);
    assert!(ended.stderr.contains("deployment/web") && ended.stderr.contains("--atomic"), "{}", ended.stderr);
    assert_eq!(image(&shop, "web"), V2, "it went back");
}

#[test]
fn the_deadline_is_for_all_steps_together() {
    let shop = Shop::empty();
    let label = format!("room-{}", shop.namespace);
    let web = |image: &str| {
        let mut web = deployment("web", image);
        web["spec"]["replicas"] = json!(2);
        web
    };
    apply(&shop, &[web(V1)], &[]).expect(0);
    let mut picky = web(V2);
    let pod = &mut picky["spec"]["template"]["spec"];
    pod["nodeSelector"] = json!({ &label: "1" });
    pod["containers"][0]["ports"] = json!([{"containerPort": 80, "hostPort": 31_999}]);
    let begin = std::time::Instant::now();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            // The canary waits for its node, and the second pod for a port of that node: each step alone would have 8 s.
            std::thread::sleep(std::time::Duration::from_secs(4));
            shop.kubectl(&["label", "nodes", "--all", &format!("{label}=1")]);
        });
        let canary = ["--strategy", "canary", "--weight", "33", "--promote", "--timeout", "8s"];
        apply(&shop, &[picky.clone()], &[&canary[..], &["--tolerate", "Unschedulable=60s"]].concat())
    });
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("not done within 8s"), "{}", ended.stderr);
    assert!(begin.elapsed().as_secs() < 12, "{:?}", begin.elapsed());
    assert_eq!(image(&shop, "web"), V2, "it stays as it is");
    shop.kubectl(&["label", "nodes", "--all", &format!("{label}-")]);
}

#[test]
fn a_signal_stops_it_and_the_same_command_goes_on() {
    let shop = Shop::empty();
    apply(&shop, &[deployment("web", V1), config("web", "1")], &[]).expect(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.yaml");
    std::fs::write(&path, text(&[homeless(deployment("web", V2)), ingress()])).unwrap();
    let args = ["apply", "-f", path.to_str().unwrap()];
    let child = shop.start(&shop.kubeconfig, &args);
    shop.until("it is under way", |shop| image(shop, "web") == V2);
    crate::shop::run(std::process::Command::new("kill").args(["-INT", &child.id().to_string()])).expect(0);
    let ended = crate::shop::finish(child).expect(130);
    row(&ended, "deployment.apps/web", "failed");
    row(&ended, "ingress.networking.k8s.io/web", "not applied");
    // The version is as bad as it was, and is taken back now.
    let again = shop.tool(&[&args[..], &["--tolerate", "Unschedulable=1s"]].concat());
    assert!(matches!(again.code, Some(1 | 6)), "{:?} {}", again.code, again.stderr);
    assert_eq!(image(&shop, "web"), V1);
    std::fs::write(&path, text(&[deployment("web", V2), ingress()])).unwrap();
    shop.tool(&args).expect(0);
    assert_eq!(image(&shop, "web"), V2);
}

#[test]
fn without_a_namespace_on_the_command_line_every_object_goes_to_its_own() {
    let shops = [Shop::empty(), Shop::empty()];
    let objects = shops.iter().flat_map(|shop| {
        [deployment("web", V1), config("web", "1")].map(|mut object| {
            object["metadata"]["namespace"] = json!(shop.namespace);
            object
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects.collect::<Vec<_>>()});
    std::fs::write(&path, list.to_string()).unwrap();
    let mut command = std::process::Command::new(crate::shop::TOOL);
    command.env_clear().env("USER", "tester").env("KUBECONFIG", &shops[0].kubeconfig);
    let ended = crate::shop::run(command.args(["apply", "-f", path.to_str().unwrap()])).expect(0);
    for shop in &shops {
        assert_eq!(shop.get("deployment/web")["status"]["availableReplicas"], 3);
        assert!(ended.stdout.contains(&shop.namespace), "{}", ended.stdout);
    }
}

#[test]
fn a_kustomization_is_built_by_the_tool_that_is_there() {
    let shop = Shop::empty();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("web.yaml"), text(&[config("web", "1")])).unwrap();
    std::fs::write(folder.path().join("kustomization.yaml"), "namePrefix: my-\nresources: [web.yaml]\n")
        .unwrap();
    let path = folder.path().to_str().unwrap();
    let with_path = |path: &str, args: &[&str]| {
        let mut command = shop.command(&shop.kubeconfig, args);
        #[allow(clippy::disallowed_methods)]
        command.env("PATH", if path.is_empty() { std::env::var("PATH").unwrap() } else { path.to_owned() });
        crate::shop::run(&mut command)
    };
    with_path("", &["apply", "-k", path]).expect(0);
    assert_eq!(shop.get("configmap/my-web")["data"]["key"], "1");
    let ended = with_path("/nonexistent", &["apply", "-k", path]).expect(2);
    assert!(ended.stderr.contains("kubectl or kustomize"), "{}", ended.stderr);
    std::fs::write(folder.path().join("kustomization.yaml"), "resources: [nothing.yaml]\n").unwrap();
    let ended = with_path("", &["apply", "-k", path]).expect(2);
    assert!(ended.stderr.contains("nothing.yaml"), "{}", ended.stderr);
}
