use serde_json::Value;

use super::*;
use crate::server::request::Request;

fn request(method: &str, uri: &str) -> Request {
    Request::new("run 0", method, uri, "", Value::Null)
}

#[test]
fn a_request_is_of_a_kind() {
    let of = |method, uri| kind(&request(method, uri));
    assert_eq!(of("GET", "/api/v1/namespaces/shop/pods?watch=true"), "watch pods");
    assert_eq!(of("GET", "/api/v1/namespaces/shop/pods?limit=500"), "list pods");
    assert_eq!(of("GET", "/api/v1/namespaces/shop/pods/web-1/log"), "get pods/log");
    assert_eq!(
        of("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web?dryRun=All"),
        "patch deployments (dry run)"
    );
    assert_eq!(of("GET", "/apis"), "get apis");
}

#[test]
fn what_never_happened_is_shown() {
    let text = Coverage::default().to_string();
    for name in
        ["blue-green", "130", "spun", "await canary", "third version", "(rival)", "6 what was said is true"]
    {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
    assert!(text.contains("pairs of those who act in one scenario (253 of 253 never)"), "{text}");
}

#[test]
fn scenarios_are_counted_and_not_what_is_in_them() {
    let mut seen = Seen::default();
    let patch = request("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web");
    seen.request(&patch, None, false);
    seen.request(&patch, Some(How::Busy), true);
    seen.kill("hold");
    seen.act(&Act::Undo);
    seen.act(&Act::Undo);
    seen.look("share");
    let mut coverage = Coverage::default();
    coverage.add(&seen);
    coverage.add(&seen);
    let mut twice = Coverage::default();
    twice.merge(&coverage);
    assert_eq!(twice, coverage);
    let of = |point: Point| coverage.of(&point);
    assert_eq!(of(Point::Request("patch deployments".into())), 2);
    assert_eq!(of(Point::Fault("patch deployments".into(), How::Busy)), 2);
    assert_eq!(of(Point::Fault("patch deployments".into(), How::ErrorAfter)), 0);
    assert_eq!((of(Point::KillIn("hold")), of(Point::KillAt("patch deployments".into()))), (2, 2));
    assert_eq!((of(Point::Pair("undo", "undo")), of(Point::Pair("(fault)", "undo"))), (2, 2));
    assert_eq!(of(Point::Pair("(kill)", "(kill)")), 0, "one kill a scenario");
    let text = coverage.to_string();
    let row = text.lines().find(|line| line.contains("2 share")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["2", "share", "2", "0"]);
}
