//! What routers write that no data plane of `testbed/` serves, on a real API server with the schemas of their objects:
//! nothing is refused, nothing is dropped in silence, and at the end every word of the user's is back. The tool has the
//! rights of `bootstrap` and no other.
//!
//! The cluster needs `testbed/cluster crds NAME gateway-api smi linkerd apisix consul`. All but the first are made by hand, with
//! the validation rules of what is published: each file says of which. An `Ingress` needs none. What webhooks and
//! controllers ask beyond that is in the unit tests of each router.

mod rows;
mod within;

use std::path::PathBuf;
use std::thread;

use crate::proxy::{Proxy, Seen};
use crate::shop::{Ended, Shop};
use rows::{ALB, APISIX, Backends, LINKERD, LINKERD_GATEWAY, Row, SMI};
use serde_json::{Value, json};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";

/// The shop with the user's route, and an account for its canaries.
struct Routed {
    row: &'static Row,
    shop: Shop,
    before: Value,
    folder: tempfile::TempDir,
    proxy: Proxy,
}

/// What the user has of an object; the rest is the server's.
fn words(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!([metadata["labels"], metadata["annotations"], object["spec"]])
}

impl Routed {
    fn new(row: &'static Row) -> Self {
        let shop = Shop::new(3);
        shop.apply(&row.object(&[("frontend", row.own)], false));
        if let Some(status) = row.status() {
            let patch = status.to_string();
            shop.kubectl(&["patch", row.route, "--subresource=status", "--type=merge", "-p", &patch]);
        }
        let before = shop.get(row.route);
        let folder = tempfile::tempdir().unwrap();
        let account = folder.path().join("ci.kubeconfig");
        let deliver = format!("kubeconfig={}", account.display());
        let wanted = ["--strategy", "canary", "--router", row.router, "--deliver", &deliver];
        shop.tool(&[&["bootstrap", "ci"], &wanted[..]].concat()).expect(0);
        let proxy = Proxy::start(&account);
        let routed = Self { row, shop, before, folder, proxy };
        assert_eq!(routed.stored(), words(&row.object(&[("frontend", row.own)], false)), "the user's own");
        routed
    }

    /// Runs the tool with the account's credential; the proxy notes the requests.
    #[track_caller]
    fn tool(&self, args: &[&str]) -> Ended {
        let through: PathBuf = self.proxy.kubeconfig(self.folder.path(), &self.shop.namespace);
        crate::shop::finish(self.shop.start(&through, &[args, &["--timeout", "2m"]].concat())).expect(0)
    }

    /// Nothing follows what is written here, so nothing is waited for.
    fn canary(&self, args: &[&str]) -> Ended {
        let router = ["--router", self.row.router, "--router-grace", "0s"];
        self.tool(&[&["canary", "frontend"], args, &router].concat())
    }

    /// What is stored, but for what kubectl and we note in annotations.
    fn stored(&self) -> Value {
        let mut stored = self.shop.get(self.row.route);
        let annotations = stored["metadata"]["annotations"].as_object_mut().unwrap();
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        annotations.remove("rollout-plus/route");
        annotations.remove("rollout-plus/owners");
        words(&stored)
    }

    /// The server has every word that we wrote, and no other.
    #[track_caller]
    fn expect_shares(&self, stable: u64, canary: u64, matched: bool) {
        let backends: Backends<'_> = &[
            ("frontend", Some(0)),
            ("frontend-rp-stable", Some(stable)),
            ("frontend-rp-canary", Some(canary)),
        ];
        assert_eq!(self.stored(), words(&self.row.object(backends, matched)), "{:?}", self.row.route);
        let status = self.shop.status();
        assert_eq!(
            status["weight"]["actual"].as_f64(),
            u32::try_from(canary).ok().map(f64::from),
            "{status}"
        );
        // Of many, and of those that are followed, it is the same.
        for shown in [&["status", "-o", "json"][..], &["status", "--until", "held", "-o", "json"]] {
            let text = self.shop.tool(shown).expect(0).stdout;
            let many: Value = serde_json::from_str(&text).unwrap();
            let one = many.pointer("/0").unwrap_or(&many);
            assert_eq!(one["weight"], status["weight"], "{shown:?}: {text}");
            assert_eq!(one["traffic"], status["traffic"], "{shown:?}: {text}");
        }
    }

    /// What a pipeline does at every build: the same manifest leaves the shares, and another one is refused.
    fn apply_meanwhile(&self) {
        let mut own = self.row.object(&[("frontend", self.row.own)], false);
        let (folder, split) = (tempfile::tempdir().unwrap(), self.stored());
        let path = folder.path().join("route.json");
        for (code, said) in [(0, "held"), (8, "the shares would be lost; nothing was written")] {
            std::fs::write(&path, own.to_string()).unwrap();
            let ended = self.shop.tool(&["apply", "-f", path.to_str().unwrap()]).expect(code);
            assert!(ended.stdout.contains(said) || ended.stderr.contains(said), "{said}: {ended:?}");
            assert_eq!(self.stored(), split, "{:?}", self.row.route);
            own["metadata"]["labels"]["more"] = json!("1");
        }
    }

    /// Every byte is back, and nothing of ours is left.
    #[track_caller]
    fn expect_as_before(&self, image: &str) {
        let now = self.shop.get(self.row.route);
        assert_eq!(words(&now).to_string(), words(&self.before).to_string(), "{:?}", self.row.route);
        self.shop.expect_own_fields(image);
        let left = self.shop.kubectl(&["get", "services,ingresses", "-o", "name"]);
        assert!(!left.contains("-rp-"), "left over: {left}");
    }
}

fn promoted(row: &'static Row) -> Routed {
    let routed = Routed::new(row);
    routed.canary(&["--image", V2, "--weight", "10"]);
    routed.expect_shares(90, 10, false);
    routed.canary(&["--weight", "50"]);
    routed.expect_shares(50, 50, false);
    routed.tool(&["status", "frontend"]);
    routed.tool(&["promote", "frontend"]);
    routed.expect_as_before(V2);
    routed
}

fn aborted(row: &'static Row) -> Routed {
    let routed = Routed::new(row);
    let matches: &[&str] = if row.matches { &["--header", "X-Beta=1", "--cookie", "who=me"] } else { &[] };
    routed.canary(&[&["--image", V2, "--weight", "10"], matches].concat());
    routed.expect_shares(90, 10, row.matches);
    routed.apply_meanwhile();
    routed.tool(&["abort", "frontend"]);
    routed.expect_as_before(V1);
    routed
}

fn both(row: &'static Row) {
    let other = thread::spawn(move || aborted(row));
    let (promoted, aborted) = (promoted(row), other.join().unwrap());
    let seen: Vec<Seen> = [promoted.proxy.requests(), aborted.proxy.requests()].concat();
    // Classes of Ingresses are in no namespace: no Role allows to read them, and it goes without.
    let is_refused = |seen: &&Seen| seen.status == Some(403) && !seen.path.ends_with("/ingressclasses");
    let refused: Vec<_> = seen.iter().filter(is_refused).collect();
    assert!(refused.is_empty(), "refused: {refused:#?}");
    let group = row.api.split('/').next().unwrap();
    let mut unused = crate::audit::unused(&crate::audit::granted(&promoted.shop.get("role/ci")), &seen);
    unused.retain(|(_, of, _, _)| of == group);
    assert!(unused.is_empty(), "granted and not used: {unused:#?}");
}

#[test]
fn linkerd() {
    both(&LINKERD);
}

#[test]
fn gateway_api_as_linkerd_reads_it() {
    both(&LINKERD_GATEWAY);
}

#[test]
fn alb() {
    both(&ALB);
}

#[test]
fn apisix() {
    both(&APISIX);
}

/// A match may have conditions on 16 headers: ours is the 17th, and it comes long after the first write.
#[test]
fn a_limit_that_is_met_at_the_end_is_told_at_the_beginning() {
    let shop = Shop::new(3);
    let mut route = LINKERD.object(&[("frontend", Some(1))], false);
    let headers = route.pointer_mut("/spec/rules/0/matches/0/headers").unwrap().as_array_mut().unwrap();
    headers.extend((1..16).map(|number| json!({"name": format!("X-{number}"), "value": "1"})));
    shop.apply(&route);
    let status = LINKERD.status().unwrap().to_string();
    shop.kubectl(&["patch", LINKERD.route, "--subresource=status", "--type=merge", "-p", &status]);
    let start = ["canary", "frontend", "--image", V2, "--weight", "10", "--header", "X-Beta=1"];
    let ended = shop.tool(&[&start[..], &["--timeout", "20s"]].concat()).expect(2);
    assert!(ended.stderr.contains("must have at most 16 items"), "{}", ended.stderr);
    assert_eq!(shop.deployment()["metadata"]["generation"], 1);
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "");
}

/// The best version that is served is taken: one after the other is not served any more.
#[test]
fn smi_in_every_version() {
    let shop = Shop::empty();
    let crd = "customresourcedefinitions/trafficsplits.split.smi-spec.io";
    let names = SMI.each_ref().map(|row| row.api.rsplit('/').next().unwrap());
    for (row, name) in SMI.iter().zip(names) {
        let mut versions = shop.get(crd)["spec"]["versions"].clone();
        let later = names.iter().skip_while(|later| **later != name).collect::<Vec<_>>();
        for version in versions.as_array_mut().unwrap() {
            version["served"] = json!(later.iter().any(|later| version["name"] == **later));
        }
        let patch = json!({"spec": {"versions": versions}}).to_string();
        shop.kubectl(&["patch", crd, "--type=merge", "-p", &patch]);
        shop.until("the server says so", |shop| {
            let groups: Value = serde_json::from_str(&shop.kubectl(&["get", "--raw", "/apis"])).unwrap();
            let mut groups = groups["groups"].as_array().unwrap().iter();
            let group = groups.find(|group| group["name"] == "split.smi-spec.io").unwrap();
            group["versions"].as_array().unwrap().len() == later.len()
        });
        both(row);
    }
    // Only the oldest version is served now, whose weights are quantities.
    let shop = Shop::new(3);
    shop.apply(&json!({"apiVersion": "split.smi-spec.io/v1alpha1", "kind": "TrafficSplit", "metadata": {"name": "web"},
        "spec": {"service": "frontend", "backends": [{"service": "frontend", "weight": "500m"}]}}));
    let ended = shop.tool(&["canary", "frontend", "--image", V2, "--weight", "10"]).expect(8);
    assert!(ended.stderr.contains("the weight \"500m\" is not a whole number"), "{}", ended.stderr);
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "", "nothing was written");
}

fn with_ingress() -> Shop {
    let shop = Shop::new(3);
    let port = json!({"service": {"name": "frontend", "port": {"number": 80}}});
    shop.apply(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.test",
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": port}]}}]}}));
    shop
}

/// The prefix is told once: whoever comes next finds it.
#[test]
fn another_prefix_of_annotations() {
    let shop = with_ingress();
    let before = words(&shop.get("ingress/web"));
    let start =
        ["canary", "frontend", "--image", V2, "--weight", "10", "--annotation-prefix", "inner.example"];
    let ended = shop.tool(&[&start[..], &["--router", "none"]].concat()).expect(2);
    assert!(ended.stderr.contains("--annotation-prefix is for the annotations of nginx"), "{}", ended.stderr);
    let weight = |percent: &str| {
        let annotations = shop.get("ingress/web-rp-canary")["metadata"]["annotations"].clone();
        assert_eq!(
            annotations,
            json!({"inner.example/canary": "true", "inner.example/canary-weight": percent})
        );
    };
    shop.tool(&[&start[..], &["--router-grace", "0s"]].concat()).expect(0);
    weight("10");
    shop.tool(&["canary", "frontend", "--weight", "50"]).expect(0);
    weight("50");
    assert_eq!(shop.status()["weight"]["actual"], 50.0);
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!(words(&shop.get("ingress/web")), before);
    assert_eq!(shop.get("ingress/web-rp-canary"), Value::Null);
}

/// What is left where no record tells of it any more: the hold is off, and the Lease is gone.
#[test]
fn our_own_ingress_is_found_without_a_record() {
    let shop = with_ingress();
    let before = words(&shop.get("ingress/web"));
    let start = ["canary", "frontend", "--image", V2, "--weight", "10", "--router-grace", "0s"];
    shop.tool(&[&start[..], &["--annotation-prefix", "inner.example"]].concat()).expect(0);
    let container = json!({"name": "frontend", "image": V1});
    let free = json!({"metadata": {"annotations": {"rollout-plus/held": null}},
        "spec": {"minReadySeconds": null, "progressDeadlineSeconds": 600, "paused": null,
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"spec": {"containers": [container]}}}});
    shop.kubectl(&["patch", "deployment/frontend", "-p", &free.to_string()]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    shop.kubectl(&["delete", "leases", "--all"]);
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!(words(&shop.get("ingress/web")), before);
    assert_eq!(shop.get("ingress/web-rp-canary"), Value::Null);
    assert_eq!(shop.kubectl(&["get", "services", "-o", "name"]).trim(), "service/frontend");
}
