//! What would go wrong is told before the first write: each on a real control plane.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::shop::{Ended, Shop};
use serde_json::{Value, json};

const V2: &str = "shop/web:v2";
const START: [&str; 6] = ["canary", "frontend", "--image", V2, "--weight", "10"];

/// Creates objects from JSON.
fn create(shop: &Shop, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let mut kubectl = Command::new("kubectl")
        .args(["-n", &shop.namespace, "create", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    kubectl.stdin.take().unwrap().write_all(list.to_string().as_bytes()).unwrap();
    assert!(kubectl.wait().unwrap().success());
}

/// Changes the pod template without a rollout: the Deployment is paused, so the change is pending.
fn pending(shop: &Shop, pod: &Value) {
    let patch = json!({"spec": {"paused": true, "template": {"spec": pod}}}).to_string();
    shop.kubectl(&["patch", "deployment", "frontend", "-p", &patch]);
}

/// Refused with this rule, and nothing was written.
#[track_caller]
fn refused(shop: &Shop, args: &[&str], rule: &str, says: &str) -> Ended {
    let before = shop.deployment();
    let ended = shop.tool(args).expect(8);
    for text in [rule, says, &format!("--force={rule}")] {
        assert!(ended.stderr.contains(text), "{text:?} is not in:\n{}", ended.stderr);
    }
    assert!(ended.stdout.is_empty());
    assert_eq!(before["metadata"]["generation"], shop.deployment()["metadata"]["generation"]);
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "", "no lock may be left");
    ended
}

fn rules(ended: &Ended, level: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap().iter();
    findings.filter(|f| f["level"] == level).map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_quota_without_room_refuses() {
    let shop = Shop::new(3);
    let quota = |pods: &str| json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": pods}}});
    create(&shop, &[quota("4")]);
    shop.until("the quota is counted", |shop| shop.get("resourcequota/few")["status"]["used"]["pods"] == "3");
    // A dry run of one pod passes here: only the arithmetic knows that three are wanted.
    let half = ["canary", "frontend", "--image", V2, "--weight", "50"];
    refused(&shop, &half, "RP014", "leaves 1 of 4, and 3 more pods need 3");
    shop.tool(&START).expect(0);
    assert_eq!(shop.pods_of(V2), (1, 1));
    shop.tool(&["abort", "frontend"]).expect(0);
}

#[test]
fn pod_security_refuses() {
    let shop = Shop::new(3);
    shop.kubectl(&["label", "namespace", &shop.namespace, "pod-security.kubernetes.io/enforce=restricted"]);
    refused(&shop, &START, "RP014", "violates PodSecurity");
    refused(&shop, &[&START[..], &["--dry-run"]].concat(), "RP014", "violates PodSecurity");
}

#[test]
fn a_missing_key_refuses_and_an_optional_one_does_not() {
    let shop = Shop::new(3);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"color": "red"}});
    create(&shop, &[map]);
    let env = |key: &str, optional: bool| {
        let from = json!({"name": "settings", "key": key, "optional": optional});
        json!({"containers": [{"name": "frontend", "env": [{"name": "X", "valueFrom": {"configMapKeyRef": from}}]}]})
    };
    pending(&shop, &env("size", false));
    refused(&shop, &["canary", "frontend", "--weight", "10"], "RP015", "the key size of configmap/settings");
    pending(&shop, &env("size", true));
    shop.tool(&["canary", "frontend", "--weight", "10", "--dry-run"]).expect(0);
    let both = json!({"containers": [{"name": "frontend", "env": null,
        "envFrom": [{"secretRef": {"name": "no-such"}}]}], "serviceAccountName": "nobody"});
    pending(&shop, &both);
    let ended = refused(&shop, &["canary", "frontend", "--weight", "10"], "RP015", "secret/no-such");
    assert!(ended.stderr.contains("serviceaccount/nobody"), "{}", ended.stderr);
}

#[test]
fn a_secret_is_known_by_its_metadata_alone() {
    let shop = Shop::new(3);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"a": "hush-hush"}});
    create(&shop, &[secret]);
    pending(
        &shop,
        &json!({"containers": [{"name": "frontend", "envFrom": [{"secretRef": {"name": "key"}}]}]}),
    );
    let ended = shop.tool(&["check", "frontend", "-o", "json"]).expect(0);
    assert!(!rules(&ended, "error").contains(&"RP015".to_owned()) && !ended.stdout.contains("hush"));
}

#[test]
fn missing_rights_refuse_or_make_rules_unjudged() {
    let shop = Shop::new(3);
    let rule = |groups: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [groups], "resources": resources, "verbs": verbs});
    let mut rights = vec![
        rule("apps", &["deployments", "replicasets"], &["get", "list", "watch"]),
        rule("", &["pods"], &["list", "watch"]),
        rule("coordination.k8s.io", &["leases"], &["get", "create", "update"]),
    ];
    let role = |rules: &[Value]| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "deployer"}, "rules": rules});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "deployer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": shop.namespace}]});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "deployer"}});
    create(&shop, &[account, role(&rights), binding]);
    let user = format!("system:serviceaccount:{}:deployer", shop.namespace);
    let start = [&START[..], &["--as", &user]].concat();
    let ended = refused(&shop, &start, "RP030", "no right to patch deployments (group apps)");
    assert!(ended.stderr.contains("RP014 (no right to create pods (for a dry run))"), "{}", ended.stderr);
    assert!(ended.stderr.contains("RP001 (no right to list services)"), "{}", ended.stderr);
    rights.push(json!({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"], "resourceNames": ["frontend"]}));
    shop.kubectl(&["delete", "role", "deployer"]);
    create(&shop, &[role(&rights)]);
    // The rights that the documentation asks for are enough, and no more are needed.
    shop.tool(&start).expect(0);
    shop.tool(&["abort", "frontend", "--as", &user]).expect(0);
}

#[test]
fn no_readiness_probe_refuses_unless_forced() {
    let shop = Shop::new(3);
    pending(&shop, &json!({"containers": [{"name": "frontend", "readinessProbe": null}]}));
    let start = ["canary", "frontend", "--weight", "10"];
    refused(&shop, &start, "RP001", "spec.template.spec.containers[0].readinessProbe");
    let ended = shop.tool(&[&start[..], &["--force", "RP999"]].concat()).expect(2);
    assert!(ended.stderr.contains("RP001, RP002"), "{}", ended.stderr);
    let ended = shop.tool(&[&start[..], &["--force=RP001"]].concat()).expect(0);
    assert!(ended.stderr.contains("warning: RP001") && ended.stderr.contains("(forced)"), "{}", ended.stderr);
    // Another share brings nothing new to judge.
    let ended = shop.tool(&["canary", "frontend", "--weight", "50"]).expect(0);
    assert!(!ended.stderr.contains("RP0"), "{}", ended.stderr);
    shop.tool(&["abort", "frontend"]).expect(0);
}

#[test]
fn a_warning_is_told_once_and_silenced_with_a_reason() {
    let shop = Shop::new(3);
    let dry = [&START[..], &["--dry-run"]].concat();
    let ended = shop.tool(&dry).expect(0);
    // What holds for the live version, too, is one line.
    let line = format!("1 warning (RP013): kubectl rollout-plus check frontend -n {}", shop.namespace);
    assert_eq!(
        (ended.stderr.matches(&line).count(), ended.stderr.matches("RP013").count()),
        (1, 1),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("warning: RP031") && ended.stderr.contains("25 %"), "{}", ended.stderr);
    shop.kubectl(&["annotate", "deployment/frontend", "rollout-plus/ignore=RP013: one zone, RP031: small"]);
    let ended = shop.tool(&dry).expect(0);
    assert!(!ended.stderr.contains("RP013") && !ended.stderr.contains("RP031"), "{}", ended.stderr);
}

#[test]
fn who_keeps_the_template_refuses() {
    let shop = Shop::new(3);
    shop.kubectl(&[
        "set",
        "image",
        "deployment/frontend",
        "frontend=shop/web:v1.1",
        "--field-manager=argocd-controller",
    ]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    refused(&shop, &START, "RP016", "Argo CD");
}

#[test]
fn check_reads_the_cluster_and_writes_nothing() {
    let shop = Shop::new(3);
    let before = shop.deployment()["metadata"]["resourceVersion"].clone();
    let ended = shop.tool(&["check", "frontend", "--image", V2, "--weight", "10", "-o", "json"]).expect(0);
    assert_eq!(rules(&ended, "error"), [""; 0]);
    assert_eq!(rules(&ended, "warning"), ["RP013", "RP031"]);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&document["schema"], &document["notChecked"]), (&json!(1), &json!([])));
    // The live version again is no rollout.
    let ended = shop.tool(&["check", "frontend", "-o", "json"]).expect(0);
    assert_eq!(rules(&ended, "info"), ["RP002"]);
    let ended =
        shop.tool(&["check", "frontend", "--image", "shop/web:latest", "--strategy", "rolling"]).expect(0);
    assert!(ended.stdout.contains("warning  RP002  deployment/frontend"), "{}", ended.stdout);
    shop.kubectl(&[
        "patch",
        "service",
        "frontend",
        "-p",
        r#"{"spec":{"ports":[{"port":80,"targetPort":"web"}]}}"#,
    ]);
    // It is so for the live version, too.
    let ended = shop.tool(&["check", "frontend", "--image", V2]).expect(0);
    assert!(
        ended.stdout.contains("warning  RP020  service/frontend spec.ports[0].targetPort"),
        "{}",
        ended.stdout
    );
    assert_eq!(shop.deployment()["metadata"]["resourceVersion"], before);
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "");
}

#[test]
fn a_manifest_is_judged_with_what_stands_beside_it() {
    let shop = Shop::empty();
    let folder = tempfile::tempdir().unwrap();
    let shop_yaml =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml")).unwrap();
    let path = folder.path().join("shop.yaml");
    let from =
        "      containers:\n      - envFrom: [{configMapRef: {name: settings}}]\n        name: frontend";
    let with_map = shop_yaml.replace("      containers:\n      - name: frontend", from);
    assert_ne!(shop_yaml, with_map);
    std::fs::write(&path, &with_map).unwrap();
    let check = ["check", "-f", folder.path().to_str().unwrap(), "-o", "json"];
    assert_eq!(rules(&shop.tool(&check).expect(8), "error"), ["RP015"]);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    std::fs::write(folder.path().join("map.yaml"), map).unwrap();
    assert_eq!(rules(&shop.tool(&check).expect(0), "error"), [""; 0]);
    // Once the Deployment is live a canary takes the template alone, and the ConfigMap is not there.
    std::fs::write(folder.path().join("live.yml.off"), &shop_yaml).unwrap();
    shop.kubectl(&["create", "-f", folder.path().join("live.yml.off").to_str().unwrap()]);
    assert_eq!(rules(&shop.tool(&check).expect(8), "error"), ["RP015"]);
    shop.tool(&[&check[..], &["--strategy", "rolling"]].concat()).expect(0);
    // The selector cannot change.
    std::fs::write(&path, shop_yaml.replace("      app: frontend", "      app: web")).unwrap();
    assert!(rules(&shop.tool(&check).expect(8), "error").contains(&"RP003".to_owned()));
}

/// Runs the tool without cluster and kubeconfig.
fn alone(args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-rollout_plus"));
    crate::shop::run(command.env_clear().env("HOME", "/nonexistent").args(args).stdin(Stdio::null()))
}

#[test]
fn offline_needs_no_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml")).unwrap();
    std::fs::write(&path, &text).unwrap();
    let file = path.to_str().unwrap();
    let ended = alone(&["check", "-f", file, "--offline"]).expect(0);
    assert!(ended.stdout.contains("RP014  deployment/frontend  not checked: offline"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("RP001"), "the Service in the file counts: {}", ended.stdout);
    let ended = alone(&["check", "-f", file, "--offline", "--weight", "10", "-o", "json"]).expect(0);
    assert_eq!(rules(&ended, "warning"), ["RP031"]);
    let ended = alone(&["check", "-f", file]).expect(3);
    assert!(ended.stderr.contains("--offline"), "{}", ended.stderr);

    let bare = text
        .replace("readinessProbe:", "livenessProbe:")
        .replace("name: frontend\nspec", "name: \"\\e[31mx\"\nspec");
    std::fs::write(&path, bare.replace("image: shop/web:v1", "image: \"a\\e[2Jb\"")).unwrap();
    let ended = alone(&["check", "-f", file, "--offline", "-o", "json"]).expect(8);
    assert_eq!(rules(&ended, "error"), ["RP001"]);
    let ended = alone(&["check", "frontend", "-f", file, "--offline"]).expect(8);
    assert!(!ended.stdout.contains('\u{1b}') && ended.stdout.contains("\\u{1b}"), "{:?}", ended.stdout);
    alone(&["check", "frontend", "-f", file, "--offline", "--force", "RP001"]).expect(0);
    alone(&["check", "other", "-f", file, "--offline"]).expect(2);
    alone(&["check", "--offline"]).expect(2);
}

#[test]
fn sarif_is_what_code_hosts_take() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my shop.yaml");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml")).unwrap();
    std::fs::write(&path, text.replace("replicas: 3", "replicas: 0")).unwrap();
    let ended = alone(&["check", "-f", path.to_str().unwrap(), "--offline", "-o", "sarif"]).expect(8);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let ids: Vec<&Value> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    let results = run["results"].as_array().unwrap();
    assert!(
        results.iter().any(|result| result["ruleId"] == "RP006" && result["level"] == "error"),
        "{results:?}"
    );
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(*ids[index], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.ends_with("/my%20shop.yaml"), "{uri}");
    }
    let ended = alone(&["status", "web", "-o", "sarif"]).expect(2);
    assert!(ended.stderr.contains("check"), "{}", ended.stderr);
}

/// A router of which the cluster has another generation: what it does is not known.
#[test]
fn a_router_in_an_unknown_version_is_refused_or_told() {
    let shop = Shop::new(3);
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "ingressroutes.traefik.io"},
        "spec": {"group": "traefik.io", "scope": "Namespaced",
            "names": {"kind": "IngressRoute", "plural": "ingressroutes", "singular": "ingressroute"},
            "versions": [{"name": "v9", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    create(&shop, &[crd]);
    shop.kubectl(&["wait", "crd/ingressroutes.traefik.io", "--for=condition=Established", "--timeout=30s"]);
    let says = "ingressroutes is served in v9 alone";
    // The list of groups follows.
    shop.until("the group is served", |shop| {
        let ended = shop.tool(&[&START[..], &["--router", "traefik", "--dry-run"]].concat());
        ended.code == Some(8) && ended.stderr.contains(says)
    });
    shop.tool(&[&START[..], &["--router", "traefik"]].concat()).expect(8);
    assert_eq!(shop.deployment()["metadata"]["generation"], 1);
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "", "no lock may be left");
    // Unasked it is told, and the share is that of the pods.
    let ended = shop.tool(&START).expect(0);
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.kubectl(&["delete", "crd/ingressroutes.traefik.io", "--wait=false"]);
}
