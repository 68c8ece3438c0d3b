//! Direct requests to the API server: a kubectl for each of some thousand looks would be the load of the test.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::shop::Shop;

pub struct Direct {
    pub runtime: Runtime,
    pub client: kube::Client,
}

/// The one client of this process.
pub fn direct() -> &'static Direct {
    static DIRECT: OnceLock<Direct> = OnceLock::new();
    DIRECT.get_or_init(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let config =
                kube::Config::from_kubeconfig(&kube::config::KubeConfigOptions::default()).await.unwrap();
            kube::Client::try_from(config).unwrap()
        });
        Direct { runtime, client }
    })
}

/// Sends a request; returns the HTTP status and the JSON of the answer.
pub fn call(method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = || {
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
        request.body(Body::from(bytes.clone())).unwrap()
    };
    direct().runtime.block_on(async {
        let answer = match direct().client.send(request()).await {
            // A connection that was kept may be of a server that has restarted since.
            Err(_) if method == "GET" => direct().client.send(request()).await,
            answer => answer,
        };
        let answer = answer.unwrap();
        let code = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    })
}

/// Reads an object, or null.
pub fn get(path: &str) -> Value {
    let (code, value) = call("GET", path, None);
    assert!(code == 200 || code == 404, "GET {path}: {code} {value}");
    if code == 404 { Value::Null } else { value }
}

/// Where an object or a list of the kinds that tests look at is, by the words of kubectl; nothing if the kind is another.
pub fn path(namespace: &str, what: &str) -> Option<String> {
    let (kind, name) = what.split_once('/').unwrap_or((what, ""));
    let (group, plural) = match kind {
        "deployment" => ("apis/apps/v1", "deployments"),
        "replicasets" => ("apis/apps/v1", "replicasets"),
        "service" | "services" => ("api/v1", "services"),
        "configmap" => ("api/v1", "configmaps"),
        "pods" => ("api/v1", "pods"),
        "ingress" => ("apis/networking.k8s.io/v1", "ingresses"),
        _ => return None,
    };
    let separator = if name.is_empty() { "" } else { "/" };
    Some(format!("/{group}/namespaces/{namespace}/{plural}{separator}{name}"))
}

/// Sends a write that has to succeed.
#[track_caller]
pub fn write(method: &str, path: &str, body: &Value) -> Value {
    let (code, value) = call(method, path, Some(body));
    assert!((200..300).contains(&code), "{method} {path}: {code} {value}");
    value
}

/// Waits until it is so; returns whether it came to be.
pub fn within(seconds: u64, mut is_so: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if begin.elapsed() > Duration::from_secs(seconds) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Makes an empty namespace whose name begins so.
pub fn namespace(prefix: &str) -> Shop {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let shop = Shop::named(format!("{prefix}-{}-{number}", std::process::id()));
    create_namespace(&shop.namespace);
    shop
}

/// Makes a namespace in which pods can be made.
pub fn create_namespace(name: &str) {
    write("POST", "/api/v1/namespaces", &json!({"metadata": {"name": name}}));
    // Pods that come before it are tried again only after a while.
    let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
    assert!(within(60, || !get(&account).is_null()), "no ServiceAccount");
}

/// Begins to remove a namespace.
pub fn delete_namespace(name: &str) {
    call("DELETE", &format!("/api/v1/namespaces/{name}"), None);
}
