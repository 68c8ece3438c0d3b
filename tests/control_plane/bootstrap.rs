//! `bootstrap` and `doctor` on a real control plane: the rights are enough and none is too many, a token can be taken
//! back, and no secret is seen where it should not be.

pub mod fake;
mod hygiene;
mod remote;
pub mod systems;
mod tokens;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::proxy::Proxy;
use crate::shop::{Ended, Shop};
use serde_json::{Value, json};
use tempfile::TempDir;

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
const V3: &str = "shop/web:v3";
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml");
const NOWHERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nowhere.yaml");

/// A shop with an account for CI.
struct Place {
    shop: Shop,
    folder: TempDir,
}

impl Place {
    /// Makes the account by these flags.
    #[track_caller]
    fn new(flags: &[&str]) -> Self {
        let place = Self { shop: Shop::new(3), folder: tempfile::tempdir().unwrap() };
        place.bootstrap(flags).expect(0);
        place
    }

    /// Runs `bootstrap ci`, delivered as a kubeconfig.
    fn bootstrap(&self, flags: &[&str]) -> Ended {
        let deliver = format!("kubeconfig={}", self.kubeconfig().display());
        self.shop.tool(&[&["bootstrap", "ci", "--deliver", &deliver], flags].concat())
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("ci.kubeconfig")
    }

    /// Returns the delivered token.
    fn token(&self) -> String {
        token_of(&self.kubeconfig())
    }
}

/// Runs the tool with these values in the environment and no kubeconfig.
fn with_values(server: &str, cert: &str, token: &str) -> Ended {
    let mut command = Command::new(crate::shop::TOOL);
    command.env_clear().env("HOME", "/nonexistent").args(["doctor", "--environment"]).stdin(Stdio::null());
    command.env("KUBERNETES_SERVER", server).env("KUBERNETES_CERT", cert).env("KUBERNETES_TOKEN", token);
    crate::shop::run(&mut command)
}

/// Reads the token of a kubeconfig.
fn token_of(kubeconfig: &Path) -> String {
    let path = kubeconfig.to_str().unwrap();
    let args = ["config", "view", "--raw", "--kubeconfig", path, "-o", "jsonpath={.users[0].user.token}"];
    crate::shop::run(Command::new("kubectl").args(args)).expect(0).stdout
}

/// Returns the address of the API server and its CA as the administrator's kubeconfig has them.
fn server(shop: &Shop) -> (String, String) {
    let view = |path: &str| {
        let cluster = format!("jsonpath={{.clusters[0].cluster.{path}}}");
        shop.kubectl(&["config", "view", "--raw", "-o", &cluster])
    };
    (view("server"), view("certificate-authority-data"))
}

/// Runs what CI runs, each to the end, with the account's credential; the proxy notes the requests.
fn walk(place: &Place, proxy: &Proxy, walks: &[(&[&str], i32)]) {
    let through = proxy.kubeconfig(place.folder.path(), &place.shop.namespace);
    for (args, code) in walks {
        let ended = crate::shop::finish(place.shop.start(&through, args));
        assert_eq!(ended.code, Some(*code), "{args:?}\n{}\n{}", ended.stdout, ended.stderr);
    }
}

/// Nothing was refused, and everything was used.
fn audited(place: &Place, proxy: &Proxy) {
    let seen = proxy.requests();
    assert!(seen.len() > 50, "only {} requests", seen.len());
    // Classes of Ingresses are in no namespace: no Role allows to read them, and it goes without.
    let refused =
        seen.iter().filter(|seen| seen.status == Some(403) && !seen.path.ends_with("/ingressclasses"));
    let refused: Vec<_> = refused.collect();
    assert!(refused.is_empty(), "refused: {refused:#?}");
    let unused = crate::audit::unused(&crate::audit::granted(&place.shop.get("role/ci")), &seen);
    // No log is asked of containers that never ran, and these pods wait for a node.
    let unused: Vec<_> = unused.into_iter().filter(|(_, _, resource, _)| resource != "pods/log").collect();
    assert!(unused.is_empty(), "granted and not used: {unused:#?}");
}

const FAILS: [&str; 6] = ["rolling", "frontend", "-f", NOWHERE, "--tolerate", "Unschedulable=0s"];
/// It goes on for long enough to watch.
const FOLLOWED: (&[&str], i32) = (&["status", "frontend", "--until", "paused", "--timeout", "5s"], 4);
const ROLLING: [(&[&str], i32); 6] = [
    (&["rolling", "frontend", "--image", V2], 0),
    (&["restart", "frontend"], 0),
    (&["rollback", "frontend"], 0),
    (&FAILS, 6),
    FOLLOWED,
    (&["history", "frontend"], 0),
];

#[test]
fn rolling_runs_with_the_rights_alone_and_uses_all_of_them() {
    let place = Place::new(&["--strategy", "rolling"]);
    let proxy = Proxy::start(&place.kubeconfig());
    walk(&place, &proxy, &ROLLING);
    // To make a share smaller is the canary's, but ending a failed version early takes the same right.
    walk(
        &place,
        &proxy,
        &[
            (&["canary", "frontend", "--image", V3, "--weight", "50", "--router", "none"], 0),
            (&["canary", "frontend", "--weight", "25", "--router", "none"], 0),
            (&["abort", "frontend"], 0),
        ],
    );
    audited(&place, &proxy);
}

#[test]
fn a_canary_runs_with_the_rights_alone_and_uses_all_of_them() {
    let place = Place::new(&["--strategy", "canary"]);
    let proxy = Proxy::start(&place.kubeconfig());
    walk(
        &place,
        &proxy,
        &[
            (&["canary", "frontend", "--image", V2, "--weight", "50"], 0),
            (&["canary", "frontend", "--weight", "25"], 0),
            (&["promote", "frontend"], 0),
            (&["canary", "frontend", "--image", V3, "--steps", "25,50"], 0),
            (&["abort", "frontend"], 0),
            (&FAILS, 6),
            FOLLOWED,
            (&["history", "frontend"], 0),
        ],
    );
    audited(&place, &proxy);
}

#[test]
fn blue_green_runs_with_the_rights_alone_and_uses_all_of_them() {
    let place = Place::new(&["--strategy", "rolling,canary,blue-green"]);
    let proxy = Proxy::start(&place.kubeconfig());
    walk(
        &place,
        &proxy,
        &[
            (&["blue-green", "frontend", "--image", V2, "--soak", "1s"], 0),
            (&["promote", "frontend"], 0),
            (&["blue-green", "frontend", "--image", V3], 0),
            // Another version takes the place of the one that waits.
            (&["blue-green", "frontend", "--image", V1], 0),
            (&["status", "frontend"], 0),
            (&["abort", "frontend"], 0),
            (&["canary", "frontend", "--image", V3, "--weight", "50"], 0),
            (&["canary", "frontend", "--weight", "25"], 0),
            (&["abort", "frontend"], 0),
        ],
    );
    walk(&place, &proxy, &ROLLING);
    audited(&place, &proxy);
}

#[test]
fn a_route_is_changed_with_the_rights_alone() {
    let shop = Shop::new(3);
    shop.apply(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "frontend", "annotations": {"kubernetes.io/ingress.class": "nginx"}},
        "spec": {"rules": [{"host": "shop.test", "http": {"paths": [{"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": "frontend", "port": {"number": 80}}}}]}}]}}));
    let place = Place { shop, folder: tempfile::tempdir().unwrap() };
    place.bootstrap(&["--strategy", "canary"]).expect(0);
    let proxy = Proxy::start(&place.kubeconfig());
    walk(
        &place,
        &proxy,
        &[
            (&["canary", "frontend", "--image", V2, "--weight", "10"], 0),
            (&["canary", "frontend", "--image", V3, "--weight", "50"], 0),
            (&["canary", "frontend", "--weight", "25"], 0),
            (&["status", "frontend"], 0),
        ],
    );
    // As a run leaves it that is killed at the end: our Service is there and names the version before.
    let mut left = place.shop.get("service/frontend-rp-stable");
    walk(&place, &proxy, &[(&["promote", "frontend"], 0)]);
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        left["metadata"].as_object_mut().unwrap().remove(field);
    }
    left["spec"].as_object_mut().unwrap().retain(|field, _| field == "selector" || field == "ports");
    place.shop.apply(&left);
    walk(
        &place,
        &proxy,
        &[
            (&["canary", "frontend", "--image", V1, "--weight", "10"], 0),
            (&["abort", "frontend"], 0),
            (&FAILS, 6),
            FOLLOWED,
        ],
    );
    audited(&place, &proxy);
}

#[test]
fn apply_makes_and_changes_with_the_rights_alone() {
    let shop = Shop::empty();
    let place = Place { shop, folder: tempfile::tempdir().unwrap() };
    let ended = place.bootstrap(&["-f", MANIFEST]).expect(0);
    assert!(ended.stderr.contains("deployment/frontend is not there yet"), "{}", ended.stderr);
    let proxy = Proxy::start(&place.kubeconfig());
    walk(&place, &proxy, &[(&["apply", "-f", MANIFEST], 0), (&["apply", "-f", MANIFEST], 0)]);
    let refused = proxy.requests().into_iter().filter(|seen| seen.status == Some(403)).count();
    assert_eq!(refused, 0);
    assert_eq!(place.shop.pods_of(V1), (3, 3));
    // Its own objects and nothing else.
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}}).to_string();
    let path = place.folder.path().join("other.json");
    std::fs::write(&path, other).unwrap();
    let ended = crate::shop::run(
        &mut place.shop.command(&place.kubeconfig(), &["apply", "-f", path.to_str().unwrap()]),
    );
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
}

#[test]
fn what_leads_to_more_rights_is_not_granted() {
    let shop = Shop::empty();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.json");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}}).to_string();
    std::fs::write(&path, secret).unwrap();
    let ended = shop.tool(&["bootstrap", "ci", "-f", path.to_str().unwrap(), "--show"]).expect(8);
    assert!(ended.stderr.contains("secret/key in namespace"), "{}", ended.stderr);
    assert_eq!(shop.kubectl(&["get", "roles,rolebindings,secrets", "-o", "name"]), "");
}

#[test]
fn what_we_may_not_grant_is_told_before_anything_is_made() {
    let shop = Shop::new(3);
    let binding = |name: &str, role: &str| {
        shop.kubectl(&["create", "rolebinding", name, &format!("--clusterrole={role}"), "--user=alice"]);
    };
    let nothing_made = || {
        assert!(!shop.kubectl(&["get", "roles,secrets", "-o", "name"]).contains("ci"));
        assert_eq!(shop.kubectl(&["get", "serviceaccounts", "ci", "--ignore-not-found", "-o", "name"]), "");
    };
    let ask = |flags: &[&str]| shop.tool(&[&["bootstrap", "ci", "--show", "--as", "alice"], flags].concat());
    binding("edit", "edit");
    let ended = ask(&[]).expect(8);
    for right in ["create roles.rbac.authorization.k8s.io", "patch rolebindings.rbac.authorization.k8s.io/ci"]
    {
        assert!(ended.stderr.contains(right), "{}", ended.stderr);
    }
    nothing_made();
    // Who may make all that, but not do what the account is to do.
    shop.kubectl(&["delete", "rolebinding", "edit"]);
    binding("view", "view");
    let resources = "--resource=serviceaccounts,serviceaccounts/token,secrets,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io";
    shop.kubectl(&["create", "role", "maker", "--verb=get,list,create,patch,delete", resources]);
    shop.kubectl(&["create", "rolebinding", "maker", "--role=maker", "--user=alice"]);
    let ended = ask(&[]).expect(8);
    assert!(
        ended.stderr.contains("you may not ") && ended.stderr.contains("patch deployments.apps/frontend"),
        "{}",
        ended.stderr
    );
    nothing_made();
    // An administrator can apply what is printed, and then a token is all that is left to make.
    let printed = shop.tool(&["bootstrap", "ci", "--print", "--as", "alice"]).expect(0).stdout;
    let parts: Vec<Value> =
        printed.split("---\n").map(|part| serde_saphyr::from_str(part).unwrap()).collect();
    assert_eq!(parts.len(), 3);
    nothing_made();
    for part in &parts {
        shop.apply(part);
    }
    let ended = shop.tool(&["bootstrap", "rotate", "ci", "--show", "--as", "alice"]).expect(0);
    assert!(ended.stdout.contains("token:") && ended.stderr.contains("proven"), "{}", ended.stderr);
}

#[test]
fn what_others_made_is_not_taken_over() {
    let shop = Shop::new(3);
    shop.kubectl(&["create", "serviceaccount", "ci"]);
    let ended = shop.tool(&["bootstrap", "ci", "--show"]).expect(8);
    assert!(ended.stderr.contains("bootstrap did not make it"), "{}", ended.stderr);
    assert_eq!(shop.kubectl(&["get", "roles,secrets", "-o", "name"]), "");
}

#[test]
fn a_right_from_elsewhere_is_found_and_the_token_taken_back() {
    let place = Place::new(&[]);
    let account = format!("--serviceaccount={}:ci", place.shop.namespace);
    place.shop.kubectl(&["create", "role", "more", "--verb=get", "--resource=secrets"]);
    place.shop.kubectl(&["create", "rolebinding", "more", "--role=more", &account]);
    let found = |right: &str| {
        let ended = place.bootstrap(&[]).expect(8);
        for text in [right, "another binding allows it", "the new token was revoked again"] {
            assert!(ended.stderr.contains(text), "{}", ended.stderr);
        }
    };
    found("may get secrets in namespace");
    for (verb, resource, right) in [
        ("get", "secrets", "may get secrets/key in namespace"),
        ("create", "pods/exec", "may create pods --subresource=exec in namespace"),
        ("impersonate", "serviceaccounts", "may impersonate serviceaccounts/key in namespace"),
    ] {
        place.shop.kubectl(&["delete", "role", "more"]);
        let named = ["--resource-name=key"];
        let named = if resource == "pods/exec" { &[][..] } else { &named[..] };
        let role = ["create", "role", "more", &format!("--verb={verb}"), &format!("--resource={resource}")];
        place.shop.kubectl(&[&role[..], named].concat());
        found(right);
    }
    assert_eq!(place.shop.kubectl(&["get", "secrets", "-o", "name"]), "secret/ci-token-1\n");
}

#[test]
fn a_preview_is_asked_by_its_name_alone() {
    let place = Place::new(&["--strategy", "blue-green", "--previews"]);
    let user = format!("--as=system:serviceaccount:{}:ci", place.shop.namespace);
    let may = |name: &str| {
        let args = ["auth", "can-i", "get", &format!("services/{name}"), "--subresource=proxy", &user];
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["-n", &place.shop.namespace]).args(args);
        crate::shop::run(&mut kubectl).stdout.trim() == "yes"
    };
    assert!(may("frontend-preview:80") && !may("frontend:80") && !may("frontend-preview:81"));
    // It is the name by which it is asked. Who answers for pods that are none differs, but it is no refusal.
    let proxy = Proxy::start(&place.kubeconfig());
    let through = proxy.kubeconfig(place.folder.path(), &place.shop.namespace);
    let verify = ["blue-green", "frontend", "--image", V2, "--verify", "/health=200", "--timeout", "5s"];
    let ended = crate::shop::finish(place.shop.start(&through, &verify));
    assert!(!ended.stderr.contains("no right to get services/proxy"), "{}", ended.stderr);
    let seen = proxy.requests();
    let asked: Vec<&str> =
        seen.iter().map(|seen| seen.path.as_str()).filter(|path| path.contains("/proxy/")).collect();
    let name = |path: &&str| path.contains("/services/frontend-preview:80/proxy/");
    assert!(!asked.is_empty() && asked.iter().all(name), "{asked:?}");
}
