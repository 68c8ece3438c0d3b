//! Manifests as people have them, and who owns what afterwards.

use serde_json::{Value, json};

use crate::shop::{Ended, Shop};

fn cases(case: &str, file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/manifests");
    std::fs::read_to_string(format!("{folder}/{case}/{file}")).unwrap()
}

/// A folder with files, and its path.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, impl Fn(&str) -> String + use<>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let root = folder.path().to_owned();
    (folder, move |name: &str| root.join(name).to_str().unwrap().to_owned())
}

fn ours(shop: &Shop, what: &str) -> Vec<Value> {
    let object = shop.kubectl(&["get", what, "-o", "json", "--show-managed-fields"]);
    let object: Value = serde_json::from_str(&object).unwrap();
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    entries.iter().filter(|entry| entry["manager"] == "kubectl-rollout-plus").cloned().collect()
}

fn deployment(spec: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 3\n{spec}  selector: {{matchLabels: {{app: web}}}}\n  \
         template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{{name: web, image: \"{image}\"}}]}}\n"
    )
}

fn names(shop: &Shop, name: &str) -> String {
    shop.kubectl(&[
        "get",
        &format!("deployment/{name}"),
        "-o",
        "jsonpath={.spec.template.spec.containers[*].name}",
    ])
}

#[test]
fn a_renamed_container_is_one_container() {
    let shop = Shop::empty();
    let before = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME}\nspec:\n  selector: {matchLabels: {app: NAME}}\n  \
        template:\n    metadata: {labels: {app: NAME}}\n    spec:\n      containers:\n      - {name: web, image: 'shop/web:v1', \
        readinessProbe: {tcpSocket: {port: 8080}}, env: [{name: OLD_FLAG, value: '1'}], ports: [{containerPort: 8080}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: NAME}\n\
        spec: {selector: {app: NAME}, ports: [{name: http, port: 80}]}\n";
    // The port of the Service changes, too: two of one name would be refused.
    let after = before
        .replace("name: web, image: 'shop/web:v1'", "name: frontend, image: 'shop/web:v2'")
        .replace(" env: [{name: OLD_FLAG, value: '1'}],", "")
        .replace("port: 80}", "port: 8080}");
    for (name, words) in [("a", &["apply"][..]), ("b", &["canary", "b", "--weight", "50"])] {
        let (_folder, path) = folder(&[
            ("before.yaml", &before.replace("NAME", name)),
            ("after.yaml", &after.replace("NAME", name)),
        ]);
        shop.kubectl(&["apply", "-f", &path("before.yaml")]);
        shop.kubectl(&["rollout", "status", &format!("deployment/{name}"), "--timeout=60s"]);
        if words == ["apply"] {
            let diff = shop.tool(&["apply", "-f", &path("after.yaml"), "--diff"]).expect(0);
            assert!(
                diff.stdout.contains("- spec.template.spec.containers[name=web].name: \"web\""),
                "{}",
                diff.stdout
            );
            assert!(!diff.stdout.contains("last-applied"), "{}", diff.stdout);
            assert_eq!(
                ours(&shop, &format!("deployment/{name}")),
                [Value::Null; 0],
                "a difference writes nothing"
            );
        }
        shop.tool(&[words, &["-f", &path("after.yaml")]].concat()).expect(0);
        assert_eq!(names(&shop, name), "frontend", "{words:?}");
    }
    // What the server warns of is passed on once, as kubectl prints it.
    let second = "      - {name: second, image: 'shop/web:v2', readinessProbe: {tcpSocket: {port: 8080}}, ports: [{containerPort: 8080}]}";
    let doubled = after.replace("NAME", "a").replace("\n---\n", &format!("\n{second}\n---\n"));
    let (_folder, path) = folder(&[("w.yaml", &doubled)]);
    let ended = shop.tool(&["apply", "-f", &path("w.yaml")]).expect(0);
    assert_eq!(ended.stderr.matches("duplicate port").count(), 1, "{}", ended.stderr);
    let ports = shop.get("service/a")["spec"]["ports"].clone();
    assert_eq!((ports.as_array().unwrap().len(), &ports[0]["port"]), (1, &json!(8080)));
    // kubectl goes on, and knows what is there.
    let (_folder, path) =
        folder(&[("c.yaml", &after.replace("NAME", "a").replace(", ports: [{containerPort: 8080}]", ""))]);
    let said = shop.kubectl(&["apply", "-f", &path("c.yaml")]);
    assert!(said.contains("deployment.apps/a configured"), "{said}");
    assert_eq!(names(&shop, "a"), "frontend", "it has the annotation that we wrote");
    let container = shop.get("deployment/a")["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!((&container["name"], &container["ports"]), (&json!("frontend"), &Value::Null));
}

#[test]
fn after_a_hold_we_own_nothing_and_a_user_of_server_side_apply_is_not_kept_up() {
    let shop = Shop::empty();
    let (_folder, path) = folder(&[
        ("a.yaml", &deployment("  minReadySeconds: 1\n", "shop/web:v1")),
        ("b.yaml", &deployment("", "shop/web:v3")),
    ]);
    shop.kubectl(&["apply", "--server-side", "-f", &path("a.yaml")]);
    shop.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    let canary = ["canary", "web", "--image", "shop/web:v2", "--weight", "25"];
    shop.tool(&canary).expect(0);
    assert_eq!(ours(&shop, "deployment/web").len(), 1, "while it is held the fields are ours");
    shop.tool(&["abort", "web"]).expect(0);
    assert_eq!(ours(&shop, "deployment/web"), [Value::Null; 0], "after abort");
    shop.tool(&canary).expect(0);
    shop.tool(&["promote", "web"]).expect(0);
    assert_eq!(ours(&shop, "deployment/web"), [Value::Null; 0], "after promote");
    let annotations = shop.get("deployment/web")["metadata"]["annotations"].to_string();
    assert!(
        !annotations.contains("rollout-plus/owners") && !annotations.contains("rollout-plus/held"),
        "{annotations}"
    );
    shop.kubectl(&["apply", "--server-side", "-f", &path("b.yaml")]);
    let live = shop.get("deployment/web");
    assert_eq!(
        (&live["spec"]["minReadySeconds"], &live["spec"]["template"]["spec"]["containers"][0]["image"]),
        (&Value::Null, &json!("shop/web:v3")),
        "what is dropped goes, and an image is no conflict"
    );
}

#[test]
fn a_service_that_was_pinned_is_its_owners_again() {
    let shop = Shop::new(2);
    shop.tool(&["blue-green", "frontend", "--image", "shop/web:v2"]).expect(0);
    assert_eq!(ours(&shop, "service/frontend").len(), 1, "while it is pinned the selector is ours");
    shop.tool(&["promote", "frontend"]).expect(0);
    for what in ["service/frontend", "deployment/frontend"] {
        assert_eq!(ours(&shop, what), [Value::Null; 0], "{what}");
        assert_eq!(shop.get(what)["metadata"]["annotations"]["rollout-plus/owners"], Value::Null, "{what}");
    }
}

#[test]
fn a_manifest_with_a_deadline_can_be_held_and_promoted() {
    let shop = Shop::empty();
    let deadline = "  progressDeadlineSeconds: 300\n";
    let (_folder, path) = folder(&[
        ("a.yaml", &deployment(deadline, "shop/web:v1")),
        ("b.yaml", &deployment(deadline, "shop/web:v2")),
    ]);
    shop.tool(&["apply", "-f", &path("a.yaml")]).expect(0);
    let canary = ["apply", "--strategy", "canary", "--weight", "10", "-f", &path("b.yaml")];
    shop.tool(&canary).expect(0);
    let diff = shop.tool(&[&canary[..], &["--diff"]].concat()).expect(0);
    assert!(
        !diff.stdout.contains("minReadySeconds") && !diff.stdout.contains("rollout-plus/"),
        "{}",
        diff.stdout
    );
    shop.tool(&[&canary[..], &["--promote"]].concat()).expect(0);
    let live = shop.get("deployment/web");
    assert_eq!(
        (&live["spec"]["progressDeadlineSeconds"], &live["spec"]["minReadySeconds"]),
        (&json!(300), &Value::Null)
    );
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "shop/web:v2");
}

fn modes(shop: &Shop) -> String {
    shop.kubectl(&[
        "get",
        "deployment/frontend",
        "-o",
        "jsonpath={.spec.template.spec.volumes[0].secret.defaultMode} {.spec.template.spec.volumes[1].configMap.defaultMode}",
    ])
}

#[test]
fn octal_modes_are_kubectls() {
    let shop = Shop::empty();
    let text =
        |secret: &str, map: &str| cases("octal", "deploy.yaml").replace("0400", secret).replace("0440", map);
    let (_folder, path) = folder(&[("a.yaml", &text("0400", "0440")), ("b.yaml", &text("0644", "0755"))]);
    shop.kubectl(&["apply", "-f", &path("a.yaml")]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    assert_eq!(modes(&shop), "256 288");
    let same = shop.tool(&["apply", "-f", &path("a.yaml")]).expect(0);
    assert!(
        same.stdout.lines().all(|line| line.ends_with("unchanged") || line.starts_with("OBJECT")),
        "{}",
        same.stdout
    );
    let same = shop.tool(&["canary", "frontend", "-f", &path("a.yaml"), "--weight", "25"]);
    assert_ne!(same.code, Some(0), "it is the same version: {}", same.stderr);
    shop.tool(&["apply", "-f", &path("b.yaml")]).expect(0);
    assert_eq!(modes(&shop), "420 493");
}

#[track_caller]
fn refused(ended: Ended, code: i32, says: &[&str]) {
    let ended = ended.expect(code);
    for says in says {
        assert!(ended.stderr.contains(says), "{says:?} is not in {}", ended.stderr);
    }
}

#[test]
fn what_cannot_be_applied_is_refused_with_its_place() {
    let shop = Shop::empty();
    let env = "  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'shop/web:v2', \
        env: [{name: NODE_ENV, value: qa}, {name: NODE_ENV, value: qa}]}]}\n";
    let plain = deployment("", "shop/web:v1");
    let twice = format!("{}{env}", plain.split("  template:").next().unwrap());
    let key = plain.replace("  replicas: 3\n", "  replicas: 3\n  replicas: 3\n");
    let (_folder, path) = folder(&[("plain.yaml", &plain), ("twice.yaml", &twice), ("key.yaml", &key)]);
    shop.kubectl(&["apply", "-f", &path("plain.yaml")]);
    shop.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    let says = ["twice.yaml, document 1: env NODE_ENV stands twice in container web", "takes it once"];
    for words in [&["apply"][..], &["canary", "web", "--weight", "25"], &["check", "--offline"]] {
        refused(shop.tool(&[words, &["-f", &path("twice.yaml")]].concat()), 2, &says);
    }
    refused(
        shop.tool(&["apply", "-f", &path("key.yaml")]),
        2,
        &["key.yaml, line 6: the key replicas stands twice, first in line 5"],
    );

    // A copy from while it was held.
    shop.tool(&["canary", "web", "--image", "shop/web:v2", "--weight", "25"]).expect(0);
    let export = shop.kubectl(&["get", "deployment/web", "-o", "yaml"]);
    shop.tool(&["abort", "web"]).expect(0);
    let plain = shop.kubectl(&["get", "deployment/web", "-o", "yaml"]);
    let (_folder, path) = folder(&[("held.yaml", &export), ("export.yaml", &plain)]);
    let says = ["copy of deployment/web from while it was held", "\"progressDeadlineSeconds\":600"];
    refused(shop.tool(&["apply", "-f", &path("held.yaml")]), 8, &says);
    assert_eq!(shop.get("deployment/web")["spec"]["minReadySeconds"], Value::Null);
    // A plain export is applied again, whatever the server has counted since.
    shop.kubectl(&["annotate", "deployment/web", "since=then"]);
    shop.tool(&["apply", "-f", &path("export.yaml")]).expect(0);
    shop.tool(&["apply", "-f", &path("export.yaml")]).expect(0);
}
