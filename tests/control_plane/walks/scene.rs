//! A shop in the state that a verb starts from, a proxy before it, and what has to be there at the end.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::witness::Witness;
use crate::api::{direct, get, namespace, within, write};
use crate::proxy::{Proxy, Seen};
use crate::shop::{Ended, Shop, finish};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    Start,
    Raise,
    Lower,
    Promote,
    Abort,
    /// A rolling update that succeeds.
    Roll,
    /// A rolling update whose pods no node takes: it fails, is proven and undone.
    Fail,
}

pub const VERBS: [Verb; 7] =
    [Verb::Start, Verb::Raise, Verb::Lower, Verb::Promote, Verb::Abort, Verb::Roll, Verb::Fail];

/// The shop with `shop/web:v2`, for a node that there is not.
const NOWHERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nowhere.yaml");

impl Verb {
    pub fn args(self) -> &'static [&'static str] {
        match self {
            Self::Start => {
                &["canary", "frontend", "--image", "shop/web:v2", "--weight", "10", "--timeout", "60s"]
            }
            Self::Raise => &["canary", "frontend", "--weight", "50", "--timeout", "60s"],
            Self::Lower => &["canary", "frontend", "--weight", "10", "--timeout", "60s"],
            Self::Promote => &["promote", "frontend", "--timeout", "60s"],
            Self::Abort => &["abort", "frontend", "--timeout", "60s"],
            Self::Roll => &["rolling", "frontend", "--image", "shop/web:v2", "--timeout", "60s"],
            Self::Fail => {
                &["rolling", "frontend", "-f", NOWHERE, "--tolerate", "Unschedulable=0s", "--timeout", "60s"]
            }
        }
    }

    /// The exit code when nothing is in its way.
    pub fn code(self) -> i32 {
        if self == Self::Fail { 6 } else { 0 }
    }

    /// The most patches of the Deployment that it sends: one, and one that undoes it.
    pub fn patches(self) -> usize {
        if self == Self::Fail { 2 } else { 1 }
    }

    /// Whether the new version may be the only one at the end.
    pub fn may_replace(self) -> bool {
        matches!(self, Self::Promote | Self::Roll)
    }

    /// Whether the stable pods have to stay, or only as many as the user's own rolling update keeps.
    pub fn keeps_stable(self) -> bool {
        !self.may_replace()
    }
}

pub struct Scene {
    pub verb: Verb,
    pub shop: Shop,
    pub witness: Witness,
    pub proxy: Proxy,
    pub kubeconfig: PathBuf,
    pub generation: i64,
    dir: TempDir,
}

/// Makes a namespace with the shop's Deployment in it, Ready.
pub fn shop() -> Shop {
    let shop = namespace("walk");
    write("POST", &format!("/apis/apps/v1/namespaces/{}/deployments", shop.namespace), &manifest());
    let is_ready = || deployment(&shop)["status"]["availableReplicas"] == 3;
    assert!(within(60, is_ready), "the shop is not Ready: {}", deployment(&shop)["status"]);
    shop
}

/// The Deployment of `testbed/shop.yaml`.
pub fn manifest() -> Value {
    let text = include_str!("../../../testbed/shop.yaml").split("\n---\n").next().unwrap();
    serde_saphyr::from_str(text).unwrap()
}

pub fn deployment(shop: &Shop) -> Value {
    get(&format!("/apis/apps/v1/namespaces/{}/deployments/frontend", shop.namespace))
}

pub fn lease_path(shop: &Shop) -> String {
    format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases/rollout-plus.deployment.frontend",
        shop.namespace
    )
}

/// All that two ends of the same thing have in common.
pub fn picture(shop: &Shop) -> Value {
    let deployment = deployment(shop);
    let list = get(&format!("/apis/apps/v1/namespaces/{}/replicasets", shop.namespace));
    let sets = list["items"].as_array().unwrap();
    let pods = |image: &str| {
        let of = |rs: &&Value| rs["spec"]["template"]["spec"]["containers"][0]["image"] == image;
        let found: Vec<Value> = sets
            .iter()
            .filter(of)
            .filter(|rs| rs["spec"]["replicas"] != 0 || rs["status"]["replicas"] != 0)
            .map(|rs| {
                json!([rs["spec"]["replicas"], rs["status"]["replicas"], rs["status"]["readyReplicas"]])
            })
            .collect();
        found
    };
    let spec = &deployment["spec"];
    let held = deployment["metadata"]["annotations"]["rollout-plus/held"].is_string();
    json!({
        "image": spec["template"]["spec"]["containers"][0]["image"],
        "minReadySeconds": spec["minReadySeconds"],
        "progressDeadlineSeconds": spec["progressDeadlineSeconds"],
        "strategy": spec["strategy"],
        "replicas": spec["replicas"],
        "held": held,
        "v1": pods("shop/web:v1"),
        "v2": pods("shop/web:v2"),
        "holder": get(&lease_path(shop))["spec"]["holderIdentity"].as_str().unwrap_or_default(),
    })
}

/// The picture after an abort or a promotion, as `testbed/shop.yaml` has it.
pub fn own(image: &str) -> Value {
    let whole = |is: bool| if is { json!([[3, 3, 3]]) } else { json!([]) };
    json!({
        "image": image,
        "minReadySeconds": null,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "replicas": 3,
        "held": false,
        "v1": whole(image == "shop/web:v1"),
        "v2": whole(image == "shop/web:v2"),
        "holder": "",
    })
}

/// Waits until the picture is one of these; fails the test if that does not come to be.
#[track_caller]
pub fn expect_picture(shop: &Shop, wanted: &[Value]) {
    let mut last = Value::Null;
    let so = within(10, || {
        last = picture(shop);
        wanted.contains(&last)
    });
    assert!(so, "{}:\n     is {last}\n  wants {}", shop.namespace, json!(wanted));
}

impl Scene {
    /// Prepares the state that the verb starts from.
    pub fn new(verb: Verb) -> Self {
        let shop = shop();
        let start = |weight| {
            shop.tool(&["canary", "frontend", "--image", "shop/web:v2", "--weight", weight]).expect(0);
        };
        match verb {
            Verb::Start | Verb::Roll | Verb::Fail => {}
            Verb::Lower => start("50"),
            Verb::Raise | Verb::Promote | Verb::Abort => start("10"),
        }
        let witness = Witness::start(&shop.namespace);
        let generation = deployment(&shop)["metadata"]["generation"].as_i64().unwrap();
        let proxy = Proxy::start(&shop.kubeconfig);
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = proxy.kubeconfig(dir.path(), &shop.namespace);
        Self { verb, shop, witness, proxy, kubeconfig, generation, dir }
    }

    /// Runs the verb through the proxy.
    pub fn run(&self, more: &[&str]) -> Ended {
        finish(self.shop.start(&self.kubeconfig, &[self.verb.args(), more].concat()))
    }

    /// Aborts from a fresh process: everything has to be as it was, or the promotion is through.
    #[track_caller]
    pub fn expect_abort(&self) {
        self.shop.tool(&["abort", "frontend"]).expect(0);
        let mut wanted = vec![own("shop/web:v1")];
        if self.verb.may_replace() {
            wanted.push(own("shop/web:v2"));
        }
        expect_picture(&self.shop, &wanted);
        self.witness.expect_whole(self.verb.keeps_stable());
    }

    /// Writes of the Deployment or its ReplicaSets that the API server did.
    pub fn writes(&self) -> Vec<Seen> {
        writes(&self.proxy)
    }

    pub fn end(self) {
        drop(self.witness);
        drop(self.shop);
    }
}

/// Writes of Deployments and ReplicaSets that were done through a proxy.
pub fn writes(proxy: &Proxy) -> Vec<Seen> {
    let is_write = |seen: &Seen| {
        seen.method != "GET"
            && seen.path.starts_with("/apis/apps/")
            && !seen.query.contains("dryRun")
            && seen.status.is_some_and(|status| status < 300)
    };
    proxy.requests().into_iter().filter(is_write).collect()
}

/// What happens without any trouble: the end, and the requests of the way there. One for each verb.
pub fn undisturbed() -> Vec<(Verb, Value, Vec<Seen>)> {
    direct();
    let one = |verb: Verb| {
        let scene = Scene::new(verb);
        scene.run(&[]).expect(verb.code());
        let requests = scene.proxy.requests();
        let wanted = match verb {
            Verb::Promote | Verb::Roll => own("shop/web:v2"),
            Verb::Abort | Verb::Fail => own("shop/web:v1"),
            Verb::Start | Verb::Raise | Verb::Lower => {
                let pods = json!(if verb == Verb::Raise { 3 } else { 1 });
                let there = || picture(&scene.shop)["v2"] == json!([[pods, pods, pods]]);
                assert!(within(10, there), "{}", picture(&scene.shop));
                picture(&scene.shop)
            }
        };
        expect_picture(&scene.shop, std::slice::from_ref(&wanted));
        assert_eq!(wanted["holder"], "");
        scene.witness.expect_whole(verb.keeps_stable());
        let watches = requests.iter().filter(|seen| seen.watch).count();
        println!("{verb:?}: {} requests and {watches} watches", requests.len() - watches);
        for seen in &requests {
            println!("  {:2} {}", seen.index, title(seen));
        }
        scene.end();
        (verb, wanted, requests)
    };
    std::thread::scope(|scope| {
        let threads = VERBS.map(|verb| scope.spawn(move || one(verb)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// A request in a few words.
pub fn title(seen: &Seen) -> String {
    let path = seen.path.split("/namespaces/").last().unwrap_or_default();
    let path = path.split_once('/').map_or(path, |(_, rest)| rest);
    let mut title = format!("{} {path}", seen.method);
    if seen.watch {
        title.push_str(" (watch)");
    }
    if seen.query.contains("dryRun") {
        title.push_str(" (dry run)");
    }
    title
}
