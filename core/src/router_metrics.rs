//! What routers count of each version: the queries that ask Prometheus for it, and what its answers say.
//!
//! A router counts by backend, and each version has a Service of its own behind a route. So a version's backend stands where
//! its pods stand otherwise: all that the router's replicas have counted for it.

mod planes;
mod read;

use serde_json::Value;

use crate::brief;
use crate::metric::{Labels, Named};
use crate::prometheus::{Matchers, OF_TARGET, quoted, selector};
use crate::router::router;
use crate::traffic::{Role, Target, Traffic, TrafficObjects, text};

pub use planes::DataPlane;
pub use read::of_backends;

/// The longest name of a controller that is told, in letters.
const NAME: usize = 80;

/// What a router counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// What it is called before people.
    pub title: String,
    /// The namespace of its Services.
    namespace: String,
    /// Its Service; several where it is not known which of them has the requests.
    services: Vec<String>,
    /// The user's own Service.
    root: String,
    /// The ports of the Services, by number and name.
    ports: Vec<(u64, String)>,
    /// Whose pods it has.
    role: Role,
    /// The user's routes, where they may bring the requests without a Service's name in the counters.
    routes: Vec<Target>,
}

/// Backends of a data plane whose counters are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backends {
    /// Who counts.
    pub plane: DataPlane,
    /// What for.
    pub all: Vec<Backend>,
}

impl Backend {
    /// Whose pods it has.
    pub const fn role(&self) -> Role {
        self.role
    }
}

impl Backends {
    /// Returns the backends of both versions, the canary's first.
    ///
    /// # Errors
    /// Why the router's counters do not tell them apart.
    pub fn of_versions(
        traffic: Option<&Traffic>,
        objects: &TrafficObjects,
        namespace: &str,
    ) -> Result<Self, String> {
        let (plane, traffic) = counted_by(traffic, objects)?;
        let backend = |role: Role| {
            let service = role.service(&traffic.service);
            Backend { services: vec![service.clone()], role, ..backend(traffic, objects, namespace, service) }
        };
        Ok(Self { plane, all: [Role::Canary, Role::Stable].map(backend).into() })
    }

    /// Returns what the stable version has before there is a canary: the user's own Service, or ours.
    ///
    /// # Errors
    /// As [`Backends::of_versions`].
    pub fn of_stable(
        traffic: Option<&Traffic>,
        objects: &TrafficObjects,
        namespace: &str,
    ) -> Result<Self, String> {
        let (plane, traffic) = counted_by(traffic, objects)?;
        let services = vec![traffic.service.clone(), Role::Stable.service(&traffic.service)];
        let title = format!("service/{}", traffic.service);
        let routes = traffic.routes.clone();
        let stable = Backend { services, routes, ..backend(traffic, objects, namespace, title) };
        Ok(Self { plane, all: vec![stable] })
    }

    /// Returns the queries, all for the same instant: both versions are in each, so that no scrape comes between them.
    ///
    /// There are several where a scrape may have renamed a label of the router, because its own labels have that name
    /// (`honor_labels: false`, the default).
    pub fn queries(&self, named: Option<&Named>, matchers: &Matchers) -> Vec<String> {
        let names = self.plane.counts().names(named);
        let mut ways = vec![String::new()];
        for (label, patterns) in self.selected() {
            let mut called = vec![label.clone()];
            called.extend(is_renamed(&label).then(|| format!("exported_{label}")));
            let with = |way: &String| {
                let comma = if way.is_empty() { "" } else { "," };
                let one = |name: &String| format!("{way}{comma}{name}=~{}", quoted(&patterns));
                called.iter().map(one).collect::<Vec<_>>()
            };
            ways = ways.iter().flat_map(with).collect();
        }
        ways.into_iter().map(|way| selector(&names, &way, matchers)).collect()
    }

    /// The labels by which the series of all backends are found.
    fn selected(&self) -> Labels {
        let mut labels: Vec<(String, Vec<String>)> = Vec::new();
        for (label, pattern) in self.all.iter().flat_map(|backend| self.plane.labels(backend)) {
            match labels.iter_mut().find(|(known, _)| *known == label) {
                Some((_, patterns)) if patterns.contains(&pattern) => {}
                Some((_, patterns)) => patterns.push(pattern),
                None => labels.push((label, vec![pattern])),
            }
        }
        labels.into_iter().map(|(label, patterns)| (label, patterns.join("|"))).collect()
    }
}

/// Whether a scrape gives its targets a label of that name, so that the router's own is called `exported_` and so on.
fn is_renamed(label: &str) -> bool {
    OF_TARGET.contains(&label)
}

fn backend(traffic: &Traffic, objects: &TrafficObjects, namespace: &str, title: String) -> Backend {
    let ports = objects.service(&traffic.service).and_then(|service| service["spec"]["ports"].as_array());
    let port = |port: &Value| Some((port["port"].as_u64()?, text(port, "/name").to_owned()));
    Backend {
        title,
        namespace: namespace.to_owned(),
        services: Vec::new(),
        root: traffic.service.clone(),
        ports: ports.into_iter().flatten().filter_map(port).collect(),
        role: Role::Stable,
        routes: Vec::new(),
    }
}

/// Returns the data plane that counts, by the routes as they are.
fn counted_by<'t>(
    traffic: Option<&'t Traffic>,
    objects: &TrafficObjects,
) -> Result<(DataPlane, &'t Traffic), String> {
    let none =
        "no router splits the traffic, so none counts the versions apart: the share is that of the pods";
    let traffic = traffic.filter(|traffic| router(&traffic.router).is_some()).ok_or(none)?;
    let routes: Vec<&Value> = objects.routes(traffic).map(|(_, route)| route).collect();
    let plane = match traffic.router.as_str() {
        "contour" => DataPlane::Contour,
        "traefik" => DataPlane::Traefik,
        "nginx" => DataPlane::Nginx,
        "istio" => DataPlane::Istio,
        "linkerd" => DataPlane::Linkerd,
        "consul" => DataPlane::Consul,
        "httproute" | "grpcroute" => of_gateway(traffic, &routes)?,
        "haproxy" => {
            return Err("HAProxy counts by places in its configuration (server=\"srv001\"), which say nothing of the version".into());
        }
        "apisix" => {
            return Err(
                "APISIX counts by the addresses of pods, and an address may have been another pod's before"
                    .into(),
            );
        }
        "alb" => {
            return Err("a load balancer of AWS has its counters in CloudWatch, which is not read".into());
        }
        other => {
            return Err(format!("what a router of kind {other} counts does not tell the versions apart"));
        }
    };
    if plane == DataPlane::Istio && routes.iter().any(|route| has_subset(route, &traffic.service)) {
        return Err("Istio's counters have no label for a subset, and the route has one: without, each version has a host".into());
    }
    Ok((plane, traffic))
}

/// Routes of Gateway API are anybody's: their status tells whose.
fn of_gateway(traffic: &Traffic, routes: &[&Value]) -> Result<DataPlane, String> {
    let parents = routes.iter().flat_map(|route| route["status"]["parents"].as_array().into_iter().flatten());
    let mut controllers: Vec<&str> = parents.map(|parent| text(parent, "/controllerName")).collect();
    controllers.sort_unstable();
    controllers.dedup();
    let told = |name: &str| brief::line(&name.escape_default().to_string(), NAME);
    let [controller] = controllers.as_slice() else {
        return Err(match controllers.as_slice() {
            [] => "no controller says in the status of the routes that it serves them".to_owned(),
            several => {
                let several: Vec<String> = several.iter().map(|name| told(name)).collect();
                format!(
                    "several controllers serve the routes ({}), and each counts its own requests",
                    several.join(", ")
                )
            }
        });
    };
    let plane = match controller.split('/').next().unwrap_or_default() {
        "projectcontour.io" => DataPlane::Contour,
        "traefik.io" => DataPlane::TraefikGateway,
        "istio.io" => DataPlane::Istio,
        "linkerd.io" => DataPlane::Linkerd,
        "gateway.envoyproxy.io" => {
            return Err("Envoy Gateway counts all backends of a rule together (one cluster for each rule), both versions in one".into());
        }
        _ => return Err(format!("it is not known what {} counts of each backend", told(controller))),
    };
    if traffic.router == "grpcroute" && !plane.tells_grpc() {
        return Err(format!("{} counts a request of gRPC that failed as one of status 200", plane.title()));
    }
    Ok(plane)
}

/// Whether a destination of that Service has a subset.
fn has_subset(value: &Value, service: &str) -> bool {
    match value {
        Value::Object(members) => {
            let host = value["destination"]["host"].as_str().unwrap_or_default();
            let is_service = host.split('.').next() == Some(service);
            is_service && value["destination"]["subset"].is_string()
                || members.values().any(|member| has_subset(member, service))
        }
        Value::Array(all) => all.iter().any(|one| has_subset(one, service)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests;
