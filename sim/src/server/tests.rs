use super::*;

struct Desk {
    server: Server,
    draw: Draw,
}

impl Desk {
    fn new() -> Self {
        Self { server: Server::new(), draw: Draw::new(1) }
    }

    fn ask(&mut self, method: &str, uri: &str, content: &str, body: Value) -> Result<Value, Refusal> {
        let request = Request::new("test", method, uri, content, body);
        let stale = self.server.store.version();
        let reply = self.server.answer(request, Timestamp::UNIX_EPOCH, stale, &mut self.draw)?;
        Ok(match reply {
            Reply::Object(_, object) => object.as_ref().clone(),
            Reply::List(_) => serde_json::from_slice(&reply.body()).unwrap(),
            Reply::Document(_, document) => document,
            Reply::Text(text) => json!(text),
        })
    }

    fn deployment(&mut self) -> Value {
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
        let object = json!({"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template}});
        self.ask("POST", ALL, "application/json", object).unwrap()
    }
}

const ALL: &str = "/apis/apps/v1/namespaces/shop/deployments";
const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const PATCH: &str = "application/json-patch+json";

#[test]
fn generation_counts_the_spec_and_a_deployments_annotations_and_not_the_status() {
    let mut desk = Desk::new();
    let made = desk.deployment();
    assert_eq!(
        (&made["metadata"]["generation"], &made["spec"]["progressDeadlineSeconds"]),
        (&json!(1), &json!(600))
    );
    let add = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let labelled = desk.ask("PATCH", WEB, PATCH, add("/metadata/labels", json!({"a": "b"}))).unwrap();
    assert_eq!(labelled["metadata"]["generation"], 1);
    let noted = desk.ask("PATCH", WEB, PATCH, add("/metadata/annotations", json!({"a": "b"}))).unwrap();
    assert_eq!(noted["metadata"]["generation"], 2);
    let mut body = noted.clone();
    body["status"] = json!({"replicas": 3, "observedGeneration": 2});
    body["spec"]["replicas"] = json!(9);
    let told = desk.ask("PUT", &format!("{WEB}/status"), "", body.clone()).unwrap();
    assert_eq!(
        (&told["metadata"]["generation"], &told["spec"]["replicas"], &told["status"]["replicas"]),
        (&json!(2), &json!(3), &json!(3))
    );
    assert_eq!(desk.ask("PUT", WEB, "", body).unwrap_err().code, 409, "the version is an old one");
    let version = desk.server.store.version();
    desk.ask("PATCH", WEB, "application/merge-patch+json", json!({"spec": {"replicas": 3}})).unwrap();
    assert_eq!(desk.server.store.version(), version, "what changes nothing is no change");
}

#[test]
fn what_the_server_refuses_is_refused_with_its_words() {
    let mut desk = Desk::new();
    desk.deployment();
    let again = json!({"metadata": {"name": "web"}, "spec": {}});
    assert_eq!(desk.ask("POST", ALL, "", again).unwrap_err().reason, "AlreadyExists");
    let test = json!([{"op": "test", "path": "/metadata/uid", "value": "x"}]);
    let refused = desk.ask("PATCH", WEB, PATCH, test).unwrap_err();
    assert_eq!((refused.code, refused.reason.as_str()), (422, "Invalid"));
    let ready = json!([{"op": "add", "path": "/spec/minReadySeconds", "value": 600}]);
    let refused = desk.ask("PATCH", &format!("{WEB}?dryRun=All"), PATCH, ready).unwrap_err();
    assert!(refused.message.contains("must be greater than minReadySeconds"), "{refused:?}");
    assert_eq!(
        desk.ask("GET", "/apis/apps/v1/namespaces/shop/daemonsets", "", Value::Null).unwrap_err().code,
        404
    );
    assert_eq!(desk.server.unknown.len(), 1);
}

#[test]
fn a_dry_run_keeps_nothing_and_pages_show_one_moment() {
    let mut desk = Desk::new();
    let pods = "/api/v1/namespaces/shop/pods";
    let pod =
        json!({"metadata": {"generateName": "web-", "labels": {"app": "web"}}, "spec": {"containers": []}});
    desk.ask("POST", &format!("{pods}?dryRun=All"), "", pod.clone()).unwrap();
    assert_eq!(desk.ask("GET", pods, "", Value::Null).unwrap()["items"], json!([]));
    for _ in 0..5 {
        desk.ask("POST", pods, "", pod.clone()).unwrap();
    }
    let page = desk.ask("GET", &format!("{pods}?limit=3"), "", Value::Null).unwrap();
    let names = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = names(&page);
    for name in &first {
        // No node runs it yet.
        desk.ask("DELETE", &format!("{pods}/{name}"), "", Value::Null).unwrap();
    }
    let token = page["metadata"]["continue"].as_str().unwrap().replace(' ', "+");
    let rest = desk.ask("GET", &format!("{pods}?limit=3&continue={token}"), "", Value::Null).unwrap();
    assert_eq!(names(&rest).len(), 2);
    desk.server.store.compact();
    desk.ask("POST", pods, "", pod).unwrap();
    desk.server.store.compact();
    let gone = desk.ask("GET", &format!("{pods}?limit=3&continue={token}"), "", Value::Null);
    assert_eq!(gone.unwrap_err().code, 410);
}

#[test]
fn a_full_quota_lets_no_pod_in() {
    let mut desk = Desk::new();
    let quota = json!({"metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}, "status": {"hard": {"pods": "1"}, "used": {"pods": "0"}}});
    desk.ask("POST", "/api/v1/namespaces/shop/resourcequotas", "", quota).unwrap();
    let pods = "/api/v1/namespaces/shop/pods";
    let pod = json!({"metadata": {"generateName": "web-"}, "spec": {"containers": []}});
    desk.ask("POST", pods, "", pod.clone()).unwrap();
    let refused = desk.ask("POST", pods, "", pod).unwrap_err();
    assert!(refused.code == 403 && refused.message.contains("exceeded quota: few"), "{refused:?}");
}
