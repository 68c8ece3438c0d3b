//! Shows that the tests would see a lost request.

use std::time::Duration;

use serde_json::{Value, json};

use super::row::{CONTOUR_HTTP_ROUTE, Routed};
use crate::jobs::Lane;
use crate::traffic::Traffic;

/// A route that names new Services and gives them their share in one write: some requests meet a data plane that does
/// not know their pods yet.
#[test]
fn requests_are_lost_when_new_services_get_their_share_at_once() {
    let _lane = Lane::take();
    let routed = CONTOUR_HTTP_ROUTE.deploy();
    let traffic = Traffic::at(routed.address(), Some(&routed.host));
    assert_eq!(traffic.failures(), 0, "before anything changed");
    let lost = (1..=10).find(|number| {
        let names = [format!("one-{number}"), format!("two-{number}")];
        let mut objects = names.each_ref().map(|name| service(name)).to_vec();
        objects.push(route(&routed, &[(&names[0], 90), (&names[1], 10)]));
        routed.shop.apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}));
        std::thread::sleep(Duration::from_secs(1));
        traffic.failures() > 0
    });
    drop(traffic.stop("everything at once"));
    let number = lost.expect("no request was lost in 10 tries: then the other tests prove nothing");
    println!("requests were lost in try {number}");
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": "frontend"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}})
}

fn route(routed: &Routed, shares: &[(&str, u8)]) -> Value {
    let mut route = routed.written();
    let entries = shares.iter().map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}));
    route["spec"]["rules"][0]["backendRefs"] = entries.collect();
    route
}
