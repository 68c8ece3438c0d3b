//! Each data plane: what its counters are called, what of them failed, and which labels tell the versions apart.

use super::Backend;
use crate::listed::listed;
use crate::metric::{Counter, Counts, Labels};
use crate::traffic::Role;

listed! {
    /// Who counts requests by backend.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum DataPlane {
        /// Contour's Envoy: `AltStatName` in `internal/envoy/cluster.go` of projectcontour/contour.
        Contour,
        /// Traefik with routes of its own kinds: `fullServiceName` in `pkg/provider/kubernetes/crd` of traefik/traefik.
        Traefik,
        /// Traefik with routes of Gateway API: `pkg/provider/kubernetes/gateway/httproute.go`.
        TraefikGateway,
        /// ingress-nginx: `internal/ingress/metric/collectors/socket.go`, `rootfs/etc/nginx/lua/monitor.lua` of
        /// kubernetes/ingress-nginx.
        Nginx,
        /// Istio's proxies: <https://istio.io/latest/docs/reference/config/metrics/>
        Istio,
        /// Linkerd's proxies: <https://linkerd.io/2/reference/proxy-metrics/>
        Linkerd,
        /// Consul's Envoys: `command/connect/envoy/bootstrap_config.go` of hashicorp/consul.
        Consul,
    }
}

/// Codes of gRPC that are a server's fault, as numbers (google/rpc/code.proto).
const GRPC: &str = "2|4|12|13|14|15";

/// A request that Envoy answers itself, because no pod did, counts for the cluster with its 503.
const ENVOY: Counts = Counts {
    counters: &[
        Counter { name: "envoy_cluster_upstream_rq_xx", failed: &[("envoy_response_code_class", "5")] },
        Counter { name: "envoy_cluster_upstream_rq", failed: &[("envoy_response_code", "5..")] },
    ],
    buckets: ("envoy_cluster_upstream_rq_time_bucket", 1000.0),
};

const TRAEFIK: Counts = Counts {
    counters: &[Counter { name: "traefik_service_requests_total", failed: &[("code", "5..")] }],
    buckets: ("traefik_service_request_duration_seconds_bucket", 1.0),
};

const NGINX: Counts = Counts {
    counters: &[Counter { name: "nginx_ingress_controller_requests", failed: &[("status", "5..")] }],
    buckets: ("nginx_ingress_controller_response_duration_seconds_bucket", 1.0),
};

/// No answer at all has the code 0.
const ISTIO: Counts = Counts {
    counters: &[Counter {
        name: "istio_requests_total",
        failed: &[("response_code", "5..|0"), ("grpc_response_status", GRPC)],
    }],
    buckets: ("istio_request_duration_milliseconds_bucket", 1000.0),
};

const LINKERD: Counts = Counts {
    counters: &[Counter {
        name: "outbound_http_route_backend_response_statuses_total",
        failed: &[("http_status", "5.."), ("error", ".+")],
    }],
    buckets: ("outbound_http_route_backend_response_duration_seconds_bucket", 1.0),
};

impl DataPlane {
    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Contour => "Contour",
            Self::Traefik | Self::TraefikGateway => "Traefik",
            Self::Nginx => "ingress-nginx",
            Self::Istio => "Istio",
            Self::Linkerd => "Linkerd",
            Self::Consul => "Consul",
        }
    }

    /// Returns what it counts.
    pub const fn counts(self) -> Counts {
        match self {
            Self::Contour | Self::Consul => ENVOY,
            Self::Traefik | Self::TraefikGateway => TRAEFIK,
            Self::Nginx => NGINX,
            Self::Istio => ISTIO,
            Self::Linkerd => LINKERD,
        }
    }

    /// Whether it tells requests of gRPC that failed: their HTTP status is 200 all the same.
    pub const fn tells_grpc(self) -> bool {
        match self {
            Self::Istio => true,
            Self::Contour
            | Self::Traefik
            | Self::TraefikGateway
            | Self::Nginx
            | Self::Linkerd
            | Self::Consul => false,
        }
    }

    /// Returns the labels that its counters of a backend have, as anchored regular expressions.
    pub fn labels(self, backend: &Backend) -> Labels {
        let Backend { namespace, root, .. } = backend;
        let services = either(backend.services.iter().cloned());
        let number = || either(backend.ports.iter().map(|(number, _)| number.to_string()));
        let port = || {
            let named = backend.ports.iter().map(|(_, name)| name.clone()).filter(|name| !name.is_empty());
            either(backend.ports.iter().map(|(number, _)| number.to_string()).chain(named))
        };
        match self {
            Self::Contour => labels([("envoy_cluster_name", format!("{namespace}_{services}_{}", number()))]),
            Self::Traefik => {
                let named = format!("{namespace}-{services}-{}@kubernetescrd", port());
                // A route with one Service has a name of its own: it is seen before a canary alone.
                let alone = backend.routes.iter().filter(|route| route.kind == "IngressRoute").map(|route| {
                    format!("{}-{}-[0-9a-f]+@kubernetescrd", normal(&route.namespace), normal(&route.name))
                });
                labels([("service", [named].into_iter().chain(alone).collect::<Vec<_>>().join("|"))])
            }
            // Newer versions write the route before the Service; older ones wrote the Service alone.
            Self::TraefikGateway => {
                labels([("service", format!("(.*-svc-)?{namespace}-{services}-[0-9]+@kubernetesgateway"))])
            }
            // All but `canary` is of the path, which the stable version's Ingress has.
            Self::Nginx => {
                let canary = match backend.role {
                    Role::Canary => format!("{namespace}-{services}-{}", port()),
                    Role::Stable | Role::Preview => String::new(),
                };
                let service = match backend.role {
                    Role::Canary => Role::Stable.service(root),
                    Role::Stable | Role::Preview => services,
                };
                labels([("canary", canary), ("service", service), ("namespace", namespace.clone())])
            }
            Self::Istio => labels([
                ("reporter", "source".to_owned()),
                ("destination_service_name", services),
                ("destination_service_namespace", namespace.clone()),
            ]),
            Self::Linkerd => labels([("backend_name", services), ("backend_namespace", namespace.clone())]),
            // A Service itself is no subset.
            Self::Consul => {
                let subsets = backend.services.iter().map(|name| if name == root { "" } else { name });
                labels([
                    ("consul_destination_service", root.clone()),
                    ("consul_destination_service_subset", either(subsets.map(str::to_owned))),
                ])
            }
        }
    }
}

fn labels<const N: usize>(pairs: [(&str, String); N]) -> Labels {
    pairs.into_iter().map(|(label, pattern)| (label.to_owned(), pattern)).collect()
}

/// Returns a pattern for any of these names; names of Services and of ports have no letter that means more.
fn either(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.map(|name| name.replace('.', "[.]")).collect();
    match names.as_slice() {
        [] => "[0-9a-z-]+".to_owned(),
        [one] => one.clone(),
        several => format!("({})", several.join("|")),
    }
}

/// Returns a name as Traefik writes it into one of its own (`provider.Normalize`).
fn normal(name: &str) -> String {
    name.split(|letter: char| !letter.is_ascii_alphanumeric()).collect::<Vec<_>>().join("-")
}
