//! SIGKILL before and after every single write of a canary whose traffic a router splits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::kill::{Table, Then, kill};
use super::roads::{Law, Root, Watchman, services};
use super::scene::{deployment, expect_picture, lease_path, own, picture, shop, title};
use super::{gateway, roads};
use crate::api::{get, within, write};
use crate::jobs::{alone, each};
use crate::proxy::{Proxy, Seen};
use crate::sample::sample;
use crate::shop::{Ended, Shop, finish};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Start,
    Raise,
    Lower,
    Abort,
    /// From 10 %: the traffic goes back to the user's own Service before the pods are replaced.
    Promote,
    /// From 100 %: no request goes back to the former version.
    PromoteAll,
}

pub const VERBS: [Verb; 6] =
    [Verb::Start, Verb::Raise, Verb::Lower, Verb::Abort, Verb::Promote, Verb::PromoteAll];

const V2: &str = "shop/web:v2";
/// Nothing serves these routes, so nothing has to follow them.
const GRACE: &str = "--router-grace=0s";

/// Most of a run is waiting for a data plane.
const AT_ONCE: usize = 24;

type Point = (Then, Verb, usize, &'static str);

/// Where to kill. A read changes nothing: what is there after it is what was there before, and before the first write
/// of all it is what the run began with.
fn places(requests: &[Seen]) -> Vec<(usize, &'static str)> {
    let writes =
        |seen: &&Seen| seen.method != "GET" && seen.method != "POST" && !seen.query.contains("dryRun");
    let creates = |seen: &&Seen| {
        seen.method == "POST" && (seen.path.ends_with("/leases") || seen.path.ends_with("/services"))
    };
    let is_write = |seen: &&Seen| writes(seen) || creates(seen) && !seen.query.contains("dryRun");
    let first = requests.iter().find(is_write).map_or(0, |seen| seen.index);
    let mut places = Vec::new();
    for seen in requests.iter().filter(|seen| seen.index >= first) {
        places.push((seen.index, "before"));
        if is_write(&seen) {
            places.push((seen.index, "after"));
        }
    }
    places
}

impl Verb {
    pub fn args(self) -> &'static [&'static str] {
        match self {
            Self::Start => &["canary", "frontend", "--image", V2, GRACE, "--weight", "10", "--timeout", "3m"],
            Self::Raise => &["canary", "frontend", "--weight", "50", "--timeout", "3m"],
            Self::Lower => &["canary", "frontend", "--weight", "10", "--timeout", "3m"],
            Self::Abort => &["abort", "frontend", "--timeout", "3m"],
            Self::Promote | Self::PromoteAll => &["promote", "frontend", "--timeout", "3m"],
        }
    }

    /// The share that is held before.
    fn held(self) -> Option<&'static str> {
        match self {
            Self::Start => None,
            Self::Raise | Self::Abort | Self::Promote => Some("10"),
            Self::Lower => Some("50"),
            Self::PromoteAll => Some("100"),
        }
    }

    fn promotes(self) -> bool {
        matches!(self, Self::Promote | Self::PromoteAll)
    }

    fn law(self) -> Law {
        match self {
            Self::Start | Self::Abort => Law { most: 10, root: Root::Stable },
            Self::Raise | Self::Lower => Law { most: 50, root: Root::Stable },
            Self::Promote => Law { most: 10, root: Root::Any },
            Self::PromoteAll => Law { most: 100, root: Root::New },
        }
    }
}

/// A shop with a route in the state that a verb starts from, and a proxy before it.
pub struct Routed {
    pub shop: Shop,
    pub watchman: Watchman,
    pub proxy: Proxy,
    pub kubeconfig: PathBuf,
    /// The route as the user wrote it.
    pub user: Value,
    dir: TempDir,
}

fn route_path(shop: &Shop) -> String {
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes", shop.namespace)
}

/// All of the route that is not written by the API server or a controller.
pub fn route(shop: &Shop) -> Value {
    let route = get(&format!("{}/frontend", route_path(shop)));
    let mut annotations = route["metadata"]["annotations"].clone();
    // Who owned what, and when: another time in every place. Once nothing is split it has to be gone.
    if let Some(annotations) = annotations.as_object_mut()
        && annotations.contains_key("rollout-plus/route")
    {
        annotations.remove("rollout-plus/owners");
    }
    json!([route["metadata"]["labels"], annotations, route["spec"]])
}

/// Adds the user's own Service and a route that names it twice.
fn open(shop: &Shop) {
    let service = include_str!("../../../testbed/shop.yaml").split("\n---\n").nth(1).unwrap();
    let service: Value = serde_saphyr::from_str(service).unwrap();
    write("POST", &format!("/api/v1/namespaces/{}/services", shop.namespace), &service);
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "frontend", "annotations": {"shop.test/team": "web"}},
        "spec": {
            "parentRefs": [{"name": "gate"}],
            "hostnames": ["shop.test"],
            "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}],
                    "backendRefs": [{"name": "frontend", "port": 80, "weight": 3}]},
                {"backendRefs": [{"name": "frontend", "port": 80}]},
            ],
        },
    });
    write("POST", &route_path(shop), &route);
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", shop.namespace);
    let ready = || {
        let slices = get(&slices);
        let endpoints = slices["items"][0]["endpoints"].as_array().cloned().unwrap_or_default();
        endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] == true).count() == 3
    };
    assert!(within(30, ready), "the Service has no pods: {}", get(&slices));
}

impl Routed {
    pub fn new(verb: Verb) -> Self {
        gateway::start();
        roads::start();
        let shop = shop();
        open(&shop);
        let user = route(&shop);
        let sets = get(&format!("/apis/apps/v1/namespaces/{}/replicasets", shop.namespace));
        let stable = sets["items"][0]["metadata"]["labels"]["pod-template-hash"].as_str().unwrap().to_owned();
        if let Some(weight) = verb.held() {
            shop.tool(&["canary", "frontend", "--image", V2, GRACE, "--weight", weight]).expect(0);
        }
        let watchman = Watchman::new(&shop.namespace, &stable, verb.law());
        let proxy = Proxy::start(&shop.kubeconfig);
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = proxy.kubeconfig(dir.path(), &shop.namespace);
        Self { shop, watchman, proxy, kubeconfig, user, dir }
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        finish(self.shop.start(&self.kubeconfig, args))
    }

    /// Aborts from a fresh process: everything is as it was, or the promotion is through.
    #[track_caller]
    pub fn expect_abort(&self, may_replace: bool) {
        self.shop.tool(&["abort", "frontend", "--timeout", "3m"]).expect(0);
        self.expect_own(may_replace);
    }

    /// Fails the test unless all that is left is the user's own.
    #[track_caller]
    pub fn expect_own(&self, may_replace: bool) {
        let mut wanted = vec![own("shop/web:v1")];
        if may_replace {
            wanted.push(own("shop/web:v2"));
        }
        expect_picture(&self.shop, &wanted);
        assert_eq!(route(&self.shop).to_string(), self.user.to_string(), "{}", self.shop.namespace);
        assert_eq!(services(&self.shop.namespace), ["frontend"], "{}", self.shop.namespace);
        let lease = get(&lease_path(&self.shop));
        let journal = lease["metadata"]["annotations"]["rollout-plus/journal"].as_str().unwrap_or("{}");
        let journal: Value = serde_json::from_str(journal).unwrap();
        assert!(journal["traffic"].is_null() && journal["snapshot"].is_null(), "{journal}");
        self.watchman.expect_lawful();
    }

    /// All that two ends of the same thing have in common.
    pub fn picture(&self) -> Value {
        json!([picture(&self.shop), route(&self.shop), services(&self.shop.namespace)])
    }

    #[track_caller]
    pub fn expect_picture(&self, wanted: &Value) {
        let mut last = Value::Null;
        let so = within(10, || {
            last = self.picture();
            last == *wanted
        });
        assert!(so, "{}:\n     is {last}\n  wants {wanted}", self.shop.namespace);
        self.watchman.expect_lawful();
    }

    pub fn end(self) {
        self.watchman.forget();
        drop(self.shop);
    }
}

/// What happens without any trouble: the end, and the requests of the way there.
fn undisturbed(verb: Verb) -> (Verb, Value, Vec<Seen>) {
    let scene = Routed::new(verb);
    let begin = Instant::now();
    scene.run(verb.args()).expect(0);
    let took = begin.elapsed().as_secs_f64();
    let requests = scene.proxy.requests();
    let pods = match verb {
        Verb::Raise => 2,
        _ => 1,
    };
    match verb {
        Verb::Abort => scene.expect_own(false),
        Verb::Promote | Verb::PromoteAll => scene.expect_own(true),
        Verb::Start | Verb::Raise | Verb::Lower => {
            let there = || picture(&scene.shop)["v2"] == json!([[pods, pods, pods]]);
            assert!(within(10, there), "{}", picture(&scene.shop));
        }
    }
    let wanted = scene.picture();
    let image = deployment(&scene.shop)["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(image, if verb == Verb::Abort { "shop/web:v1" } else { "shop/web:v2" });
    scene.expect_picture(&wanted);
    let watches = requests.iter().filter(|seen| seen.watch).count();
    println!("{verb:?}: {} requests and {watches} watches in {took:.1} s", requests.len() - watches);
    for seen in &requests {
        println!("  {:2} {}", seen.index, title(seen));
    }
    scene.end();
    (verb, wanted, requests)
}

#[test]
fn kill_a_routed_canary_at_every_write() {
    let _alone = alone();
    let begin = Instant::now();
    let undisturbed: Vec<(Verb, Value, Vec<Seen>)> = std::thread::scope(|scope| {
        let threads = VERBS.map(|verb| scope.spawn(move || undisturbed(verb)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let ends: BTreeMap<Verb, Value> = undisturbed.iter().map(|(verb, end, _)| (*verb, end.clone())).collect();
    let mut points: Vec<Point> = Vec::new();
    for (verb, _, requests) in &undisturbed {
        for (index, side) in places(requests) {
            points.extend([Then::Again, Then::Abort].map(|then| (then, *verb, index, side)));
        }
    }
    let points = sample("routed kill walk", points);
    let count = points.len();
    println!("{count} kills, after {:.0} s", begin.elapsed().as_secs_f64());
    let table = Table::new();
    let failed = each(points, AT_ONCE, |&(then, verb, index, side)| {
        let scene = Routed::new(verb);
        let (killed, ended) = kill(&scene.shop, &scene.proxy, &scene.kubeconfig, verb.args(), index, side);
        let requests = scene.proxy.requests();
        let what = requests.get(index - 1).map_or("never sent".to_owned(), title);
        if !killed {
            // It needed fewer requests this time.
            ended.expect(0);
        }
        let begin = Instant::now();
        match then {
            Then::Abort => {
                if verb.promotes() {
                    // Somebody changed his mind: the root has all pods on the way back.
                    scene.watchman.change(Law { root: Root::Any, ..verb.law() });
                }
                scene.expect_abort(verb.promotes());
            }
            Then::Again => {
                // Once all of it was done, there is nothing left to promote, which promote says by exit 2.
                let done = verb.promotes() && scene.picture() == ends[&verb];
                let again = scene.shop.tool(verb.args());
                assert!(again.code == Some(0) || done && again.code == Some(2), "{again:?}");
                scene.expect_picture(&ends[&verb]);
            }
        }
        table.note((verb, index, side), then, &what, begin.elapsed(), killed);
        scene.end();
    });
    table.print();
    println!("routed kill walk: {count} kills in {:.0} s", begin.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
}
