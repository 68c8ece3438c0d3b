//! Routes that bring requests and that are left as they are, with why: nobody is to look for a route that is there.

use std::collections::BTreeMap;

use crate::router::{Choice, Claim, Found, Search};
use crate::traffic::Target;

/// A route that no router takes for its own by what it says.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The route, with the router that could write it.
    pub found: Found,
    /// Why it is not taken.
    pub why: String,
    /// What has it taken.
    pub taken: Taken,
}

/// What has a route taken that is not known to be a router's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    /// The router's name: it looks like one of that router.
    ByName,
    /// The router's name, where no other route is known to be of that router.
    ByNameAlone,
    /// Another router, which knows it for its own.
    ByAnother(&'static str),
    /// Nothing.
    Never,
}

impl Taken {
    /// Returns why a route is not taken unasked, and what has it taken; `None` for a router's own. `another` is the router
    /// that knows it for its own, `narrow` the `ReferenceGrant` that lets it name some Services alone.
    pub fn of(claim: Claim, another: Option<&'static str>, narrow: Option<&str>) -> Option<(String, Self)> {
        match (claim, another, narrow) {
            (_, _, Some(grant)) => Some((
                format!(
                    "referencegrant/{grant} lets it name some Services alone, and not those that are made"
                ),
                Self::Never,
            )),
            (Claim::Mine, _, None) => None,
            (Claim::Alike(why) | Claim::Strange(why), Some(other), None) => {
                Some((why, Self::ByAnother(other)))
            }
            (Claim::Alike(why), None, None) => Some((why, Self::ByName)),
            (Claim::Strange(why), None, None) => Some((why, Self::ByNameAlone)),
        }
    }
}

impl Search {
    /// Returns the routes that may be written.
    pub(super) fn taken(&self, choice: Choice) -> Vec<&Found> {
        let mut routes: Vec<&Found> = self.routes.iter().collect();
        if let Choice::Named(_) = choice {
            for wanted in [Taken::ByName, Taken::ByNameAlone] {
                let passed = self.passed.iter().filter(|passed| passed.taken == wanted);
                if wanted == Taken::ByName || routes.is_empty() {
                    routes.extend(passed.map(|passed| &passed.found));
                }
            }
        }
        routes
    }

    /// Tells of each route that brings requests and is not among those that are written.
    pub fn left(&self, choice: Choice, written: &[Target]) -> Vec<String> {
        let mut by_route: BTreeMap<&Target, Vec<&Passed>> = BTreeMap::new();
        for passed in &self.passed {
            by_route.entry(&passed.found.target).or_default().push(passed);
        }
        let is_left = |target: &Target| {
            !written.contains(target) && !self.routes.iter().any(|found| found.target == *target)
        };
        let left = by_route.into_iter().filter(|(target, _)| is_left(target));
        left.filter_map(|(target, all)| sentence(target, &all, choice)).collect()
    }
}

fn sentence(target: &Target, all: &[&Passed], choice: Choice) -> Option<String> {
    let best = all.iter().min_by_key(|passed| passed.taken)?;
    let names: Vec<&str> =
        all.iter().filter(|one| one.taken == best.taken).map(|one| one.found.router).collect();
    let how = match (best.taken, choice) {
        (Taken::ByAnother(router), _) => format!("; it is of the router {router}"),
        (Taken::Never, _) | (_, Choice::Named(_) | Choice::None) => String::new(),
        (Taken::ByName, Choice::Auto) => format!("; --router {} takes it", best.found.router),
        (Taken::ByNameAlone, Choice::Auto) => {
            format!("; --router NAME takes it, if it is served by one of {}", names.join(", "))
        }
    };
    Some(format!(
        "{target} sends requests to service/{} and is left as it is, so these go by the pods: {}{how}",
        best.found.service, best.why
    ))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::super::choose;
    use super::*;
    use crate::router::tests::told;

    fn found(router: &'static str, name: &str) -> Found {
        let target =
            Target { kind: "Ingress".into(), plural: "ingresses".into(), ..Target::service("shop", name) };
        Found { router, service: "web".into(), target, object: json!({}) }
    }

    fn passed(router: &'static str, name: &str, taken: Taken) -> Passed {
        Passed { found: found(router, name), why: "its class is another".into(), taken }
    }

    fn search(routes: Vec<Found>, passed: Vec<Passed>) -> Search {
        let services = vec![
            json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}),
        ];
        Search { services, routes, passed, ..Search::default() }
    }

    fn routes(search: &Search, choice: Choice) -> Vec<String> {
        let traffic = choose(search, choice, None, "deployment/web").unwrap().0;
        traffic.into_iter().flat_map(|traffic| traffic.routes).map(|target| target.name).collect()
    }

    #[test]
    fn a_route_of_an_unknown_class_is_told_and_taken_at_the_users_word() {
        let named = Choice::Named("nginx");
        for taken in [Taken::ByName, Taken::ByNameAlone] {
            let search = search(vec![], vec![passed("nginx", "inner", taken)]);
            assert_eq!(routes(&search, Choice::Auto), [""; 0]);
            assert_eq!(routes(&search, named), ["inner"]);
            let how = match taken {
                Taken::ByName => "--router nginx takes it",
                Taken::ByNameAlone | Taken::ByAnother(_) | Taken::Never => {
                    "--router NAME takes it, if it is served by one of nginx"
                }
            };
            let wanted = "ingress/inner in namespace shop sends requests to service/web and is left as it is, so these go by \
                          the pods: its class is another";
            assert_eq!(search.left(Choice::Auto, &[]), [format!("{wanted}; {how}")]);
            let (_, text) = choose(&search, Choice::Auto, None, "deployment/web").unwrap();
            assert!(!text.contains("no route"), "{text}");
        }
    }

    #[test]
    fn what_a_route_says_decides_what_has_it_taken() {
        let strange = || Claim::Strange("why".into());
        let of = |claim, another, narrow| Taken::of(claim, another, narrow).map(|(_, taken)| taken);
        assert_eq!(of(Claim::Mine, None, None), None);
        assert_eq!(of(Claim::Alike("why".into()), None, None), Some(Taken::ByName));
        assert_eq!(of(strange(), None, None), Some(Taken::ByNameAlone));
        assert_eq!(of(strange(), Some("haproxy"), None), Some(Taken::ByAnother("haproxy")));
        assert_eq!(of(Claim::Mine, None, Some("grant")), Some(Taken::Never));
    }

    #[test]
    fn beside_routes_that_are_known_only_what_looks_alike_is_taken() {
        let others =
            vec![passed("nginx", "alike", Taken::ByName), passed("nginx", "strange", Taken::ByNameAlone)];
        let search = search(vec![found("nginx", "outer")], others);
        assert_eq!(routes(&search, Choice::Auto), ["outer"]);
        let named = Choice::Named("nginx");
        assert_eq!(routes(&search, named), ["outer", "alike"]);
        let written: Vec<Target> = ["outer", "alike"].map(|name| found("nginx", name).target).to_vec();
        let told = search.left(named, &written);
        assert!(told.len() == 1 && told[0].contains("strange"), "{told:?}");
    }

    #[test]
    fn what_another_router_takes_is_told_of_the_one_that_was_named_alone() {
        let other = || passed("nginx", "web", Taken::ByAnother("haproxy"));
        let mut auto = search(vec![found("haproxy", "web")], vec![other()]);
        assert_eq!(auto.left(Choice::Auto, &[found("haproxy", "web").target]), [""; 0]);
        auto.routes.clear();
        let named = Choice::Named("nginx");
        let error = choose(&auto, named, None, "deployment/web").unwrap_err();
        assert_snapshot!(told(&error), @r"
        --router nginx: ingress/web in namespace shop sends requests to service/web and is left as it is, so these go by the pods: its class is another; it is of the router haproxy
        next: --router none (the share is that of the pods)
        ");
        let never = search(vec![], vec![passed("nginx", "web", Taken::Never)]);
        assert_snapshot!(told(&choose(&never, named, None, "deployment/web").unwrap_err()), @r"
        --router nginx: ingress/web in namespace shop sends requests to service/web and is left as it is, so these go by the pods: its class is another
        next: --router none (the share is that of the pods)
        ");
    }
}
