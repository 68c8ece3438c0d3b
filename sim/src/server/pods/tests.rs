use super::*;
use crate::draw::Draw;

const STRATEGIC: &str = "application/strategic-merge-patch+json";

struct Desk {
    server: Server,
    draw: Draw,
}

impl Desk {
    /// Two pods that are Ready, the second with limits.
    fn new() -> Self {
        let mut desk = Self { server: Server::new(), draw: Draw::new(1) };
        for (name, resources) in
            [("a", json!({})), ("b", json!({"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}}))]
        {
            let spec = json!({"nodeName": "n", "containers": [{"name": "web", "image": "web:1", "resources": resources}]});
            let pod = json!({"metadata": {"name": name, "labels": {"app": "web"}}, "spec": spec});
            desk.ask("POST", "pods", "", pod).unwrap();
            let status =
                json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
            desk.ask("PATCH", &format!("pods/{name}/status"), "application/merge-patch+json", status)
                .unwrap();
        }
        desk
    }

    fn ask(&mut self, method: &str, place: &str, content: &str, body: Value) -> Result<Value, Refusal> {
        let uri = if place.starts_with('/') {
            place.to_owned()
        } else {
            format!("/api/v1/namespaces/shop/{place}")
        };
        let request = Request::new("test", method, &uri, content, body);
        let stale = self.server.store.version();
        let reply = self.server.answer(request, Timestamp::UNIX_EPOCH, stale, &mut self.draw)?;
        assert_eq!(self.server.unknown, Vec::<String>::new());
        Ok(match reply {
            Reply::Object(_, object) => object.as_ref().clone(),
            Reply::Document(_, document) => document,
            Reply::List(_) | Reply::Text(_) => Value::Null,
        })
    }

    fn pod(&mut self, name: &str) -> Value {
        self.ask("GET", &format!("pods/{name}"), "", Value::Null).unwrap()
    }

    fn patch(&mut self, place: &str, body: Value) -> Result<Value, Refusal> {
        self.ask("PATCH", &format!("pods/{place}"), STRATEGIC, body)
    }

    fn evict(&mut self, name: &str, uid: &Value, dry: bool) -> Result<Value, Refusal> {
        let body = json!({"metadata": {"name": name}, "deleteOptions": {"preconditions": {"uid": uid}}});
        let query = if dry { "?dryRun=All" } else { "" };
        self.ask("POST", &format!("pods/{name}/eviction{query}"), "", body)
    }
}

#[test]
fn the_very_pod_is_evicted_once_and_not_where_it_is_only_tried() {
    let mut desk = Desk::new();
    let uid = desk.pod("a")["metadata"]["uid"].clone();
    assert_eq!(desk.evict("a", &json!("another"), false).unwrap_err().code, 409);
    assert!(desk.pod("a")["metadata"]["deletionTimestamp"].is_null());
    desk.evict("a", &uid, true).unwrap();
    assert!(desk.pod("a")["metadata"]["deletionTimestamp"].is_null());
    assert_eq!(desk.evict("a", &uid, false).unwrap()["status"], "Success");
    let gone = desk.pod("a");
    assert!(gone["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(gone["status"]["conditions"][1]["reason"], "EvictionByEvictionAPI");
    assert_eq!(desk.evict("none", &uid, false).unwrap_err().code, 404);
}

#[test]
fn a_budget_keeps_pods() {
    let mut desk = Desk::new();
    let budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets";
    let spec = json!({"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}});
    let budget = json!({"metadata": {"name": "two"}, "spec": spec});
    desk.ask("POST", budgets, "", budget.clone()).unwrap();
    for dry in [true, false] {
        let refused = desk.evict("a", &Value::Null, dry).unwrap_err();
        assert_eq!((refused.code, refused.reason.as_str()), (429, "TooManyRequests"));
    }
    let more = json!({"spec": {"minAvailable": "50%"}});
    desk.ask("PATCH", &format!("{budgets}/two"), "application/merge-patch+json", more).unwrap();
    desk.evict("a", &Value::Null, true).unwrap();
    let mut second = budget;
    second["metadata"]["name"] = json!("other");
    desk.ask("POST", budgets, "", second).unwrap();
    assert_eq!(desk.evict("a", &Value::Null, true).unwrap_err().code, 500);
}

#[test]
fn of_a_pod_its_image_and_its_deadline_are_changed_and_nothing_else() {
    let mut desk = Desk::new();
    let uid = desk.pod("a")["metadata"]["uid"].clone();
    let another = json!({"metadata": {"uid": "another"}, "spec": {"activeDeadlineSeconds": 60}});
    assert_eq!(desk.patch("a", another).unwrap_err().code, 409);
    let hit = json!({"metadata": {"uid": uid, "labels": {"hit": "r1"}},
        "spec": {"activeDeadlineSeconds": 60, "containers": [{"name": "web", "image": "web:none"}]}});
    let pod = desk.patch("a", hit).unwrap();
    assert_eq!(
        (&pod["metadata"]["labels"], &pod["metadata"]["generation"]),
        (&json!({"app": "web", "hit": "r1"}), &json!(2))
    );
    assert_eq!(pod["spec"]["containers"][0]["image"], "web:none");
    let deadline = |seconds: Value| json!({"spec": {"activeDeadlineSeconds": seconds}});
    assert_eq!(desk.patch("a", deadline(json!(30))).unwrap()["spec"]["activeDeadlineSeconds"], 30);
    for wrong in [json!(31), json!(-1), Value::Null] {
        assert_eq!(desk.patch("a", deadline(wrong.clone())).unwrap_err().code, 422, "{wrong}");
    }
    assert_eq!(desk.patch("a", json!({"spec": {"hostNetwork": true}})).unwrap_err().code, 422);
    let more = json!({"spec": {"containers": [{"name": "web", "resources": {"limits": {"cpu": "1"}}}]}});
    assert_eq!(desk.patch("a", more).unwrap_err().code, 422);
}

#[test]
fn a_resize_leaves_the_quality_of_service() {
    let mut desk = Desk::new();
    assert_eq!(desk.pod("a")["status"]["qosClass"], "BestEffort");
    let pod = desk.pod("b");
    assert_eq!(pod["status"]["qosClass"], "Burstable");
    let sized = |uid: &Value, cpu: &str| {
        json!({"metadata": {"uid": uid},
            "spec": {"containers": [{"name": "web", "resources": {"limits": {"cpu": cpu}, "requests": {"cpu": "20m"}}}]}})
    };
    let uid = &pod["metadata"]["uid"];
    let resized = desk.patch("b/resize", sized(uid, "20m")).unwrap();
    assert_eq!(resized["spec"]["containers"][0]["resources"]["limits"]["cpu"], "20m");
    assert_eq!(desk.patch("b/resize", sized(&json!("another"), "20m")).unwrap_err().code, 409);
    let other = desk.pod("a")["metadata"]["uid"].clone();
    let refused = desk.patch("a/resize", sized(&other, "20m")).unwrap_err();
    assert!(refused.code == 422 && refused.message.contains("QOS"), "{refused:?}");
}

#[test]
fn who_is_cut_off_does_not_answer_where_policies_are_enforced() {
    let mut desk = Desk::new();
    let policies = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";
    let policy = json!({"metadata": {"name": "cut"}, "spec": {"podSelector": {"matchLabels": {"hit": "r1"}}, "policyTypes": ["Ingress"]}});
    desk.ask("POST", policies, "", policy).unwrap();
    desk.patch("a", json!({"metadata": {"labels": {"hit": "r1"}}})).unwrap();
    let mut asked = |name: &str| desk.ask("GET", &format!("pods/{name}:80/proxy/"), "", Value::Null);
    assert_eq!(asked("a").unwrap_err().code, 503);
    assert!(asked("b").is_ok());
    desk.server.has_firewall = false;
    assert!(desk.ask("GET", "pods/a:80/proxy/", "", Value::Null).is_ok());
    desk.server.has_firewall = true;
    desk.ask("DELETE", &format!("{policies}/cut"), "", Value::Null).unwrap();
    assert!(desk.ask("GET", "pods/a:80/proxy/", "", Value::Null).is_ok());
}
