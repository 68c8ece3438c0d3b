//! Which router splits the traffic of a workload: by the objects that name its Services, never by what is installed.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::Error;
use crate::router::{Passed, ROUTERS, RouteKind, Router, router};
use crate::traffic::{Split, Target, Traffic, TrafficObjects, View, text};

/// The argument of `--router`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The one that there is.
    #[default]
    Auto,
    /// The share is that of the pods.
    None,
    /// Just this one.
    Named(&'static str),
}

impl std::str::FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            name => router(name).map(|router| Self::Named(router.name())).ok_or_else(|| {
                let names: Vec<&str> = ROUTERS.iter().map(|router| router.name()).collect();
                format!("there is no router of that name; there are auto, none, {}", names.join(", "))
            }),
        }
    }
}

impl Choice {
    /// Whether a router is to be looked for.
    pub fn includes(self, router: &dyn Router) -> bool {
        match self {
            Self::Auto => true,
            Self::None => false,
            Self::Named(name) => name == router.name(),
        }
    }
}

/// A route that names a Service of the workload.
#[derive(Clone, Debug)]
pub struct Found {
    /// The router's name.
    pub router: &'static str,
    /// The Service.
    pub service: String,
    /// The route.
    pub target: Target,
    /// As it was read.
    pub object: Value,
}

/// All that was looked for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Services whose selector finds the pods.
    pub services: Vec<Value>,
    /// Routes that name one of them, and are for a router by what they say.
    pub routes: Vec<Found>,
    /// Routes that name one of them, and are for none by what they say.
    pub passed: Vec<Passed>,
    /// Objects of the user's that say how these Services are served.
    pub beside: Vec<Found>,
    /// Kinds of such objects that were asked for, as group and plural.
    pub asked: BTreeSet<(String, String)>,
    /// Kinds of such objects that may not be read, with the router that needs them.
    pub hidden: Vec<(&'static str, RouteKind)>,
    /// Routes that name the canary's Service and are none of ours: somebody shows the canary elsewhere.
    pub strangers: Vec<Target>,
    /// Kinds that could not be read, with why.
    pub unread: Vec<String>,
    /// Kinds that are installed in versions that we cannot write.
    pub unserved: Vec<String>,
}

impl Search {
    /// Returns what was found as the objects that traffic goes by.
    pub fn traffic_objects(&self, namespace: &str) -> TrafficObjects {
        let services = self
            .services
            .iter()
            .map(|service| (Target::service(namespace, text(service, "/metadata/name")), service.clone()));
        let routes =
            self.routes.iter().chain(&self.beside).map(|route| (route.target.clone(), route.object.clone()));
        TrafficObjects { objects: services.chain(routes).collect(), ..TrafficObjects::default() }
    }

    /// Returns what would keep that router from splitting the traffic.
    fn spoiled(&self, router: &str) -> Option<&Target> {
        let router = crate::router::router(router).filter(|router| router.wants_canary_alone())?;
        let is_of = |stranger: &&Target| router.kinds().iter().any(|kind| kind.plural == stranger.plural);
        self.strangers.iter().find(is_of)
    }
}

/// Chooses the router. `None`: the share is that of the pods. The text says what was found.
///
/// # Errors
/// [`crate::error::Kind::Refused`] if several would do, or what was named is not there.
pub fn choose(
    search: &Search,
    choice: Choice,
    service: Option<&str>,
    workload: &str,
) -> Result<(Option<Traffic>, String), Error> {
    let mut routes = search.taken(choice);
    if let Some(service) = service {
        if !search.services.iter().any(|found| found["metadata"]["name"] == service) {
            let names: Vec<&str> =
                search.services.iter().map(|found| text(found, "/metadata/name")).collect();
            return Err(Error::refused(format!(
                "--service {service}: it does not select the pods of {workload}; these do: {}",
                listed(&names)
            )));
        }
        routes.retain(|route| route.service == service);
    }
    let mut routers: Vec<&str> = routes.iter().map(|route| route.router).collect();
    routers.dedup();
    let mut services: Vec<&str> = routes.iter().map(|route| route.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let list = || {
        routes
            .iter()
            .map(|route| format!("{} by {} to service/{}", route.target, route.router, route.service))
    };
    if let [_, _, ..] = routers.as_slice() {
        let error = Error::refused(format!(
            "several routers bring traffic to {workload}: {}",
            list().collect::<Vec<_>>().join("; ")
        ));
        return Err(routers
            .iter()
            .fold(error, |error, router| error.next(format!("--router {router}")))
            .next("--router none"));
    }
    if let [_, _, ..] = services.as_slice() {
        let error = Error::refused(format!(
            "routes name several Services of {workload}: {}",
            list().collect::<Vec<_>>().join("; ")
        ));
        return Err(services
            .iter()
            .fold(error, |error, service| error.next(format!("--service {service}")))
            .next("--router none"));
    }
    if let (Some(first), [service]) = (routes.first(), services.as_slice()) {
        let beside =
            search.beside.iter().filter(|found| found.router == first.router && found.service == *service);
        let traffic = Traffic {
            router: first.router.to_owned(),
            routes: routes.iter().map(|route| route.target.clone()).collect(),
            beside: beside.map(|found| found.target.clone()).collect(),
            ..Traffic::direct(service)
        };
        let text = format!("the traffic is split by {}", traffic.sentence());
        return match search.spoiled(first.router) {
            Some(stranger) => Err(Error::refused(format!(
                "{stranger} names the Service that the canary of {workload} gets: beside it the router {} would not \
                 split the traffic",
                first.router
            ))
            .next(format!("kubectl delete {} {} -n {}", stranger.plural, stranger.name, stranger.namespace))),
            None => Ok((Some(traffic), text)),
        };
    }
    nothing(search, choice, workload)
}

/// Says why no router splits the traffic.
fn nothing(search: &Search, choice: Choice, workload: &str) -> Result<(Option<Traffic>, String), Error> {
    let names: Vec<&str> = search.services.iter().map(|found| text(found, "/metadata/name")).collect();
    let place = search.services.first().map_or("", |found| text(found, "/metadata/namespace"));
    let left = search.left(choice, &[]);
    if let Choice::Named(name) = choice {
        let mut why = match (names.as_slice(), left.is_empty()) {
            ([], _) => format!("--router {name}: no Service selects the pods of {workload}"),
            (_, false) => format!("--router {name}: {}", left.join("; ")),
            (_, true) => format!(
                "--router {name}: no route of it in namespace {place} names a Service of {workload} ({})",
                listed(&names)
            ),
        };
        for unread in search.unread.iter().chain(&search.unserved) {
            why = format!("{why}; {unread}");
        }
        return Err(Error::refused(why).next("--router none (the share is that of the pods)"));
    }
    let found = match (names.as_slice(), left.is_empty()) {
        ([], _) => format!("no Service selects the pods of {workload}"),
        (_, false) => format!("none of the routes to a Service of {workload} ({}) is taken", listed(&names)),
        (_, true) => {
            format!("no route in namespace {place} names a Service of {workload} ({})", listed(&names))
        }
    };
    Ok((None, format!("{found}: the share is that of the pods")))
}

/// Returns the objects of ours that the router will need for such a split.
///
/// # Errors
/// What the router, or what is beside the routes, cannot do.
pub fn own_targets(traffic: &Traffic, view: &View<'_>, split: &Split) -> Result<Vec<Target>, Error> {
    let Some(router) = router(&traffic.router) else { return Ok(Vec::new()) };
    if let Some(error) = router.unfit(view, split) {
        return Err(error);
    }
    Ok(router.own(view, split)?.into_iter().map(|(target, _)| target).collect())
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "there is none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::router::tests::told;

    fn found(router: &'static str, service: &str, name: &str) -> Found {
        let mut target = Target::service("shop", name);
        target.kind = "HTTPRoute".into();
        Found { router, service: service.into(), target, object: json!({}) }
    }

    fn search(routes: Vec<Found>) -> Search {
        let meta = |name: &str| json!({"name": name, "namespace": "shop"});
        let service = |name: &str| json!({"metadata": meta(name), "spec": {"selector": {"app": "web"}}});
        Search { services: vec![service("web"), service("api")], routes, ..Search::default() }
    }

    #[test]
    fn the_one_router_is_chosen_with_all_its_routes() {
        let search = search(vec![found("httproute", "web", "a"), found("httproute", "web", "b")]);
        let (traffic, text) = choose(&search, Choice::Auto, None, "deployment/web").unwrap();
        assert_eq!(traffic.unwrap().routes.len(), 2);
        assert_eq!(text, "the traffic is split by httproute/a, httproute/b by httproute for service/web");
    }

    #[test]
    fn what_is_not_clear_is_refused_with_the_candidates() {
        let two = search(vec![found("httproute", "web", "a"), found("grpcroute", "web", "b")]);
        let error = choose(&two, Choice::Auto, None, "deployment/web").unwrap_err();
        assert_snapshot!(told(&error), @r"
        several routers bring traffic to deployment/web: httproute/a in namespace shop by httproute to service/web; httproute/b in namespace shop by grpcroute to service/web
        next: --router httproute
        next: --router grpcroute
        next: --router none
        ");
        let two = search(vec![found("httproute", "web", "a"), found("httproute", "api", "b")]);
        assert_snapshot!(told(&choose(&two, Choice::Auto, None, "deployment/web").unwrap_err()), @r"
        routes name several Services of deployment/web: httproute/a in namespace shop by httproute to service/web; httproute/b in namespace shop by httproute to service/api
        next: --service api
        next: --service web
        next: --router none
        ");
        assert_eq!(
            choose(&two, Choice::Auto, Some("api"), "deployment/web").unwrap().0.unwrap().service,
            "api"
        );
        assert_snapshot!(told(&choose(&two, Choice::Auto, Some("nope"), "deployment/web").unwrap_err()), @"--service nope: it does not select the pods of deployment/web; these do: web, api");
        let none = search(vec![]);
        assert_snapshot!(told(&choose(&none, Choice::Named("httproute"), None, "deployment/web").unwrap_err()), @r"
        --router httproute: no route of it in namespace shop names a Service of deployment/web (web, api)
        next: --router none (the share is that of the pods)
        ");
        let (chosen, text) = choose(&none, Choice::Auto, None, "deployment/web").unwrap();
        assert_eq!(chosen, None);
        assert_snapshot!(text, @"no route in namespace shop names a Service of deployment/web (web, api): the share is that of the pods");
        let unselected = Search::default();
        assert_snapshot!(choose(&unselected, Choice::Auto, None, "deployment/web").unwrap().1, @"no Service selects the pods of deployment/web: the share is that of the pods");
        assert_snapshot!(told(&choose(&unselected, Choice::Named("httproute"), None, "deployment/web").unwrap_err()), @r"
        --router httproute: no Service selects the pods of deployment/web
        next: --router none (the share is that of the pods)
        ");
    }

    #[test]
    fn a_strangers_route_to_the_canary_counts_where_it_spoils_the_split() {
        let spoiled = |router: &'static str, stranger: &str| {
            let mut search = search(vec![found(router, "web", "a")]);
            search.strangers = vec![Target { plural: stranger.into(), ..Target::service("shop", "preview") }];
            choose(&search, Choice::Auto, None, "deployment/web").err().map(|error| told(&error))
        };
        assert_snapshot!(spoiled("nginx", "ingresses").unwrap(), @r"
        service/preview in namespace shop names the Service that the canary of deployment/web gets: beside it the router nginx would not split the traffic
        next: kubectl delete ingresses preview -n shop
        ");
        assert_eq!(spoiled("nginx", "httproutes"), None);
        assert_eq!(spoiled("httproute", "httproutes"), None);
    }
}
