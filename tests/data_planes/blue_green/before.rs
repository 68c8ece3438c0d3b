//! What has to be as it was.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::shop::Shop;

/// The Service and the routes before anything began.
pub struct Before {
    service: Value,
    route: Value,
}

/// All of an object that a user writes.
fn own(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({"spec": object["spec"], "annotations": metadata["annotations"], "labels": metadata["labels"]})
}

fn route(shop: &Shop) -> Value {
    let kinds = shop.kubectl(&["api-resources", "-o", "name", "--api-group=gateway.networking.k8s.io"]);
    if kinds.contains("httproutes") { shop.get("httproute/web") } else { Value::Null }
}

impl Before {
    pub fn of(shop: &Shop) -> Self {
        Self { service: own(&shop.get("service/frontend")), route: own(&route(shop)) }
    }

    /// Fails unless the Service and the route are byte for byte as before, the Deployment's own fields are back with
    /// this image, and nothing else is there.
    #[track_caller]
    pub fn expect(&self, shop: &Shop, image: &str) {
        shop.expect_own_fields(image);
        assert_eq!(shop.deployment()["spec"]["paused"], Value::Null);
        assert_eq!(own(&shop.get("service/frontend")).to_string(), self.service.to_string());
        assert_eq!(own(&route(shop)).to_string(), self.route.to_string());
        assert_eq!(shop.kubectl(&["get", "services", "-o", "name"]), "service/frontend\n");
        assert_eq!(shop.pods_of(image), (3, 3));
    }
}

/// Whether a gateway answers for a host.
pub fn answers(gateway: SocketAddr, host: &str) -> bool {
    let ask = || {
        let mut connection = TcpStream::connect(gateway)?;
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(connection, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).map(|_| answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or_default()
}
