//! A shop with a Service, in the state that a verb starts from, and what has to be there at the end.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::endpoints::Endpoints;
use crate::api::{get, namespace, within, write};
use crate::proxy::{Proxy, Seen};
use crate::shop::{Run, Shop};

pub const V1: &str = "shop/web:v1";
pub const V2: &str = "shop/web:v2";
pub const HELD: i64 = 2_147_483_646;

pub struct Place {
    pub shop: Shop,
    pub endpoints: Endpoints,
    pub proxy: Proxy,
    pub kubeconfig: PathBuf,
    service: String,
    replicas: u64,
    dir: TempDir,
}

/// All of a Service that a user writes.
fn own(service: &Value) -> String {
    let metadata = &service["metadata"];
    json!([service["spec"], metadata["annotations"], metadata["labels"]]).to_string()
}

impl Place {
    /// Deploys the shop and waits until its Service knows all pods.
    pub fn new(replicas: u64) -> Self {
        let shop = namespace("switch");
        let mut parts = include_str!("../../../testbed/shop.yaml").split("\n---\n");
        let mut object = || -> Value { serde_saphyr::from_str(parts.next().unwrap()).unwrap() };
        let (mut deployment, mut service) = (object(), object());
        deployment["spec"]["replicas"] = json!(replicas);
        service["metadata"]["annotations"] = json!({"somebody/else": "was here"});
        write("POST", &path(&shop, "deployments"), &deployment);
        write("POST", &path(&shop, "services"), &service);
        let endpoints = Endpoints::start(&shop.namespace, usize::try_from(replicas).unwrap());
        let is_idle = || get(&path(&shop, "deployments/frontend"))["status"]["availableReplicas"] == replicas;
        assert!(within(60, is_idle), "the shop is not Ready");
        let proxy = Proxy::start(&shop.kubeconfig);
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = proxy.kubeconfig(dir.path(), &shop.namespace);
        let service = own(&get(&path(&shop, "services/frontend")));
        Self { shop, endpoints, proxy, kubeconfig, service, replicas, dir }
    }

    pub fn get(&self, what: &str) -> Value {
        get(&path(&self.shop, what))
    }

    /// Brings the second set up.
    pub fn start(&self, soak: &str) {
        let args = ["blue-green", "frontend", "--image", V2, "--soak", soak, "--timeout", "240s"];
        self.shop.tool(&args).expect(0);
    }

    /// Promotes until the second set has the traffic; the process is judging it then.
    pub fn switch(&self) -> Run {
        let promote = self.shop.start(&self.shop.kubeconfig, &["promote", "frontend", "--timeout", "240s"]);
        let sets = self.get("replicasets");
        let of = |set: &&Value| set["spec"]["template"]["spec"]["containers"][0]["image"] == V2;
        let set = sets["items"].as_array().unwrap().iter().find(of).expect("a second set").clone();
        let hash = &set["metadata"]["labels"]["pod-template-hash"];
        let switched = || {
            let cursor = self.journal()["cursor"].as_u64();
            self.get("services/frontend")["spec"]["selector"]["pod-template-hash"] == *hash
                && cursor == Some(3)
        };
        assert!(within(60, switched), "{}: not switched: {}", self.shop.namespace, self.journal());
        promote
    }

    pub fn journal(&self) -> Value {
        let lease = self.get("leases/rollout-plus.deployment.frontend");
        let text = lease["metadata"]["annotations"]["rollout-plus/journal"].as_str().unwrap_or("null");
        serde_json::from_str(text).unwrap()
    }

    /// Whether the Service is pinned, and nothing holds the pods that it has.
    pub fn is_loose(&self) -> bool {
        let pinned = &self.get("services/frontend")["spec"]["selector"]["pod-template-hash"];
        pinned.is_string() && self.get("deployments/frontend")["spec"]["minReadySeconds"] != HELD
    }

    /// Whether `status` shouts, of one and of all.
    pub fn is_warned_of(&self) -> bool {
        let warned = |args: &[&str]| {
            let ended = self.shop.tool(&[args, &["-o", "json"]].concat()).expect(0);
            let status: Value = serde_json::from_str(&ended.stdout).unwrap();
            let status = status.get(0).unwrap_or(&status);
            status["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "pinned")
        };
        let (one, all) = (warned(&["status", "frontend"]), warned(&["status"]));
        assert_eq!(one, all, "one and all tell different things");
        one
    }

    /// Fails unless all is as it was, with one of these images, and the Service had a pod at every instant.
    #[track_caller]
    pub fn expect_as_before(&self, images: &[&str]) {
        let name = &self.shop.namespace;
        let mut last = Value::Null;
        let settled = within(20, || {
            last = self.get("deployments/frontend");
            let status = &last["status"];
            status["availableReplicas"] == self.replicas && status["replicas"] == self.replicas
        });
        assert!(settled, "{name}: {last}");
        let image = last["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        assert!(images.contains(&image), "{name}: {image}");
        self.shop.expect_own_fields(image);
        assert_eq!(last["spec"]["paused"], Value::Null, "{name}");
        self.expect_own_service();
    }

    /// Fails unless the Service is byte for byte as it was, alone, and had a pod at every instant.
    #[track_caller]
    pub fn expect_own_service(&self) {
        let services = self.get("services");
        let services = services["items"].as_array().unwrap();
        assert!(services.len() == 1, "{}: {services:?}", self.shop.namespace);
        assert_eq!(own(&services[0]), self.service, "{}", self.shop.namespace);
        let seen = self.endpoints.seen();
        assert!(seen.fewest > 0, "{}: {seen:?}", self.shop.namespace);
    }

    /// Writes that were done through the proxy.
    pub fn writes(&self) -> Vec<Seen> {
        self.proxy.requests().into_iter().filter(is_write).collect()
    }

    /// Removes the namespace.
    pub fn end(self) {
        drop(self.shop);
    }
}

pub fn is_write(seen: &Seen) -> bool {
    seen.method != "GET" && !seen.query.contains("dryRun") && !seen.path.contains("/selfsubject")
}

pub fn path(shop: &Shop, what: &str) -> String {
    let api = match what.split('/').next().unwrap_or_default() {
        "deployments" | "replicasets" => "/apis/apps/v1",
        "leases" => "/apis/coordination.k8s.io/v1",
        _ => "/api/v1",
    };
    format!("{api}/namespaces/{}/{what}", shop.namespace)
}
