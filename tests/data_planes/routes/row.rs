//! The data planes, each with the kinds of routes that it serves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::shop::Shop;

pub const V1: &str = "shop/web:v1";
pub const V2: &str = "shop/web:v2";

const CONTOUR: &str = "127.0.0.1:8081";
const TRAEFIK: &str = "127.0.0.1:8088";
const ISTIO: &str = "127.0.0.1:8090";

/// A spec, for a host.
type Spec = fn(&str) -> Value;

/// A data plane and a kind of routes.
pub struct Row {
    pub data_plane: &'static str,
    address: &'static str,
    /// As `--router` takes it.
    pub router: &'static str,
    /// The route that names the Service.
    pub route: &'static str,
    spec: Spec,
    api: &'static str,
    kind: &'static str,
    /// The kind and the spec of what has to be beside it.
    beside: Option<(&'static str, Spec)>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} + {}", self.data_plane, self.kind)?;
        self.beside.map_or(Ok(()), |(kind, _)| write!(formatter, " and {kind}"))
    }
}

pub const CONTOUR_HTTP_ROUTE: Row = Row {
    data_plane: "contour",
    address: CONTOUR,
    router: "httproute",
    route: "httproute/web",
    spec: |host| gateway_route("contour", "projectcontour", host),
    api: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    beside: None,
};

pub const TRAEFIK_HTTP_ROUTE: Row = Row {
    data_plane: "traefik",
    address: TRAEFIK,
    spec: |host| gateway_route("traefik", "traefik", host),
    ..CONTOUR_HTTP_ROUTE
};

pub const CONTOUR_GRPC_ROUTE: Row =
    Row { router: "grpcroute", route: "grpcroute/web", kind: "GRPCRoute", ..CONTOUR_HTTP_ROUTE };

pub const CONTOUR_HTTP_PROXY: Row = Row {
    data_plane: "contour",
    address: CONTOUR,
    router: "contour",
    route: "httpproxy/web",
    spec: |host| json!({"virtualhost": {"fqdn": host}, "routes": [{"services": [{"name": "frontend", "port": 80}]}]}),
    api: "projectcontour.io/v1",
    kind: "HTTPProxy",
    beside: None,
};

pub const TRAEFIK_INGRESS: Row = Row {
    data_plane: "traefik",
    address: TRAEFIK,
    router: "nginx",
    route: "ingress/web",
    spec: |host| {
        json!({"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": [{"path": "/",
            "pathType": "Prefix", "backend": {"service": {"name": "frontend", "port": {"number": 80}}}}]}}]})
    },
    api: "networking.k8s.io/v1",
    kind: "Ingress",
    beside: None,
};

pub const TRAEFIK_INGRESS_ROUTE: Row = Row {
    data_plane: "traefik",
    address: TRAEFIK,
    router: "traefik",
    route: "ingressroute/web",
    spec: |host| ingress_route(host, "Service", "frontend"),
    api: "traefik.io/v1alpha1",
    kind: "IngressRoute",
    beside: None,
};

/// The IngressRoute in front of it names it alone.
pub const TRAEFIK_SERVICE: Row = Row {
    route: "traefikservice/web",
    spec: |_| json!({"weighted": {"services": [{"name": "frontend", "port": 80}]}}),
    kind: "TraefikService",
    beside: Some(("IngressRoute", |host| ingress_route(host, "TraefikService", "web"))),
    ..TRAEFIK_INGRESS_ROUTE
};

pub const ISTIO_VIRTUAL_SERVICE: Row = Row {
    data_plane: "istio",
    address: ISTIO,
    router: "istio",
    route: "virtualservice/web",
    spec: |host| {
        json!({"hosts": [host], "gateways": ["istio-system/gateway"],
            "http": [{"route": [{"destination": {"host": "frontend"}}]}]})
    },
    api: "networking.istio.io/v1",
    kind: "VirtualService",
    beside: None,
};

/// A `DestinationRule` defines the subset.
pub const ISTIO_SUBSET: Row = Row {
    spec: |host| {
        json!({"hosts": [host], "gateways": ["istio-system/gateway"],
            "http": [{"route": [{"destination": {"host": "frontend", "subset": "main"}}]}]})
    },
    beside: Some(("DestinationRule", |_| {
        json!({"host": "frontend", "trafficPolicy": {"loadBalancer": {"simple": "ROUND_ROBIN"}},
            "subsets": [{"name": "main", "labels": {"app": "frontend"},
                "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 10_000}}}}]})
    })),
    ..ISTIO_VIRTUAL_SERVICE
};

pub const ROWS: [Row; 9] = [
    CONTOUR_HTTP_ROUTE,
    CONTOUR_GRPC_ROUTE,
    CONTOUR_HTTP_PROXY,
    TRAEFIK_HTTP_ROUTE,
    TRAEFIK_INGRESS,
    TRAEFIK_INGRESS_ROUTE,
    TRAEFIK_SERVICE,
    ISTIO_VIRTUAL_SERVICE,
    ISTIO_SUBSET,
];

fn gateway_route(gateway: &str, namespace: &str, host: &str) -> Value {
    json!({"parentRefs": [{"name": gateway, "namespace": namespace}], "hostnames": [host],
        "rules": [{"backendRefs": [{"name": "frontend", "port": 80}]}]})
}

fn object(api: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": "web"}, "spec": spec})
}

fn ingress_route(host: &str, kind: &str, service: &str) -> Value {
    let mut entry = json!({"kind": kind, "name": service});
    if kind == "Service" {
        entry["port"] = json!(80);
    }
    json!({"entryPoints": ["web"],
        "routes": [{"match": format!("Host(`{host}`)"), "kind": "Rule", "services": [entry]}]})
}

/// The shop behind a route of its own.
pub struct Routed {
    pub row: &'static Row,
    pub shop: Shop,
    pub host: String,
    pub before: Value,
}

impl Row {
    /// Deploys the shop with a route to it, and waits until the data plane serves it.
    pub fn deploy(&'static self) -> Routed {
        let shop = Shop::new(3);
        let host = format!("{}.test", shop.namespace);
        if self.kind == "GRPCRoute" {
            // Only then is it spoken to in HTTP/2, without which there is no gRPC.
            let protocol =
                json!([{"op": "add", "path": "/spec/ports/0/appProtocol", "value": "kubernetes.io/h2c"}]);
            shop.kubectl(&["patch", "service/frontend", "--type=json", "-p", &protocol.to_string()]);
        }
        let mut routed = Routed { row: self, shop, host, before: Value::Null };
        routed.shop.apply(&routed.written());
        if let Some((kind, spec)) = self.beside {
            routed.shop.apply(&object(self.api, kind, &spec(&routed.host)));
        }
        // Every thread of a data plane learns it on its own.
        routed.shop.until("the data plane serves the route", |_| {
            (0..20).all(|_| routed.get("/").is_ok_and(|(version, _)| version == "v1"))
        });
        routed.before = routed.shop.get(self.route);
        routed
    }
}

impl Routed {
    /// The route as its user wrote it.
    pub fn written(&self) -> Value {
        object(self.row.api, self.row.kind, &(self.row.spec)(&self.host))
    }

    pub fn address(&self) -> SocketAddr {
        self.row.address.parse().unwrap()
    }

    /// Asks once through the data plane; returns the version and the body.
    pub fn get(&self, path: &str) -> Result<(String, String), String> {
        get(self.address(), &self.host, path)
    }

    /// Fails unless everything is as it was before, with this image.
    #[track_caller]
    pub fn expect_as_before(&self, image: &str) {
        self.shop.expect_own_fields(image);
        let now = self.shop.get(self.row.route);
        assert_eq!(now["spec"].to_string(), self.before["spec"].to_string(), "{:?}", self.row);
        let annotations =
            |route: &Value| route["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        assert_eq!(annotations(&now), annotations(&self.before), "{:?}", self.row);
        self.expect_nothing_of_ours();
    }

    /// Fails if anything was written.
    #[track_caller]
    pub fn expect_untouched(&self) {
        assert_eq!(self.shop.deployment()["metadata"]["generation"], 1, "{:?}", self.row);
        assert_eq!(
            self.shop.get(self.row.route)["metadata"]["generation"],
            self.before["metadata"]["generation"]
        );
        assert_eq!(self.shop.kubectl(&["get", "leases", "-o", "name"]), "", "{:?}", self.row);
        self.expect_nothing_of_ours();
    }

    /// Fails if there is an object of ours.
    #[track_caller]
    pub fn expect_nothing_of_ours(&self) {
        let kinds = "services,ingresses,traefikservices.traefik.io,httproutes,grpcroutes,httpproxies,destinationrules";
        let all = self.shop.kubectl(&["get", kinds, "-o", "name"]);
        let ours: Vec<&str> = all.lines().filter(|name| name.contains("-rp-")).collect();
        assert!(ours.is_empty(), "{:?}: left over: {ours:?}", self.row);
    }
}

/// Asks once on a connection of its own; returns the version and the body.
pub fn get(address: SocketAddr, host: &str, path: &str) -> Result<(String, String), String> {
    let timeout = Duration::from_secs(5);
    let read = || {
        let mut connection = TcpStream::connect_timeout(&address, timeout)?;
        connection.set_read_timeout(Some(timeout))?;
        write!(connection, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).map(|_| answer)
    };
    let answer = read().map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let version = head.lines().find_map(|line| {
        line.split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-version"))
            .map(|(_, value)| value)
    });
    match version {
        Some(version) if head.starts_with("HTTP/1.1 200") => Ok((version.to_owned(), body.to_owned())),
        _ => Err(head.to_owned()),
    }
}
