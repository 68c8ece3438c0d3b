//! Whether what a record says of traffic may be followed. Whoever may write a Lease, or an annotation, writes what others
//! then read and patch with rights of their own; so a record names nothing but what a run could have found.

use crate::router::{RouteKind, router};
use crate::traffic::{Split, Target, Traffic};

/// The longest name of an object, and of a Service or namespace
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
const SUBDOMAIN: usize = 253;
const LABEL: usize = 63;

impl Traffic {
    /// Returns what of a record for a workload of this namespace no run could have written.
    pub fn oddity(&self, namespace: &str) -> Option<String> {
        if !is_label(&self.service) {
            return Some(format!("service {}", self.service));
        }
        let known = router(&self.router);
        if known.is_none() && self.router != Self::NO_ROUTER {
            return Some(format!("router {}", self.router));
        }
        let (kinds, beside) = known.map_or((&[][..], &[][..]), |router| (router.kinds(), router.beside()));
        let is_any = |kinds: &[RouteKind], target: &Target, elsewhere: bool| {
            kinds.iter().any(|kind| {
                kind.is_of(target) && (target.namespace == namespace || elsewhere && kind.may_be_elsewhere())
            })
        };
        let routes = self.routes.iter().map(|target| (target, is_any(kinds, target, true)));
        let beside_them = self.beside.iter().map(|target| (target, is_any(beside, target, false)));
        let own = self.own.iter().map(|target| {
            let service = Target::service(namespace, &target.name);
            let made = is_any(kinds, target, false) || is_any(beside, target, false);
            (target, known.is_some() && (made || *target == service))
        });
        let odd = routes.chain(beside_them).chain(own).find(|(target, is_known)| {
            !is_known || !is_subdomain(&target.name) || !is_label(&target.namespace)
        });
        odd.map(|(target, _)| format!("{}/{target}", target.collection()))
    }
}

impl Split {
    /// Returns what of a step for a workload of this namespace no run could have written.
    pub fn oddity(&self, namespace: &str) -> Option<String> {
        let fits = is_label(&self.service) && self.namespace == namespace;
        (!fits).then(|| format!("service {} in namespace {}", self.service, self.namespace))
    }
}

impl RouteKind {
    /// Whether a target is of this kind, in a version that we can write.
    fn is_of(&self, target: &Target) -> bool {
        target.kind == self.kind
            && target.plural == self.plural
            && self.versions.iter().any(|version| format!("/apis/{}/{version}", self.group) == target.api)
    }
}

fn is_label(name: &str) -> bool {
    name.len() <= LABEL && !name.contains('.') && is_subdomain(name)
}

fn is_subdomain(name: &str) -> bool {
    let inner =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    name.len() <= SUBDOMAIN
        && name.chars().all(inner)
        && ends(name.chars().next())
        && ends(name.chars().last())
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(group: &str, version: &str, kind: &str, plural: &str) -> Target {
        Target {
            api: format!("/apis/{group}/{version}"),
            kind: kind.into(),
            plural: plural.into(),
            ..Target::service("shop", "web")
        }
    }

    fn ingress() -> Target {
        target("networking.k8s.io", "v1", "Ingress", "ingresses")
    }

    fn of(router: &str, routes: Vec<Target>) -> Traffic {
        Traffic { router: router.into(), routes, ..Traffic::direct("web") }
    }

    #[test]
    fn what_runs_write_is_followed() {
        let canary = Target { name: "web-rp-canary".into(), ..ingress() };
        let route = target("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
        let elsewhere = Target { namespace: "edge".into(), ..route.clone() };
        let istio = |kind: &str, plural: &str| target("networking.istio.io", "v1", kind, plural);
        let rule = istio("DestinationRule", "destinationrules");
        for traffic in [
            Traffic::direct("web"),
            Traffic { own: vec![canary], ..of("nginx", vec![ingress()]) },
            of("httproute", vec![route, elsewhere]),
            Traffic {
                own: vec![Target { name: "web-rp".into(), ..rule.clone() }],
                beside: vec![rule],
                ..of("istio", vec![istio("VirtualService", "virtualservices")])
            },
            Traffic { own: vec![Target::service("shop", "web-rp-share")], ..of("haproxy", vec![ingress()]) },
        ] {
            assert_eq!(traffic.oddity("shop"), None);
        }
    }

    #[test]
    fn what_no_run_could_have_found_is_not() {
        let secret =
            Target { plural: "secrets".into(), kind: "Secret".into(), ..Target::service("shop", "key") };
        let with = |change: &dyn Fn(&mut Target)| {
            let mut target = ingress();
            change(&mut target);
            of("nginx", vec![target])
        };
        for traffic in [
            Traffic { service: "web/../../secrets/key".into(), ..Traffic::direct("web") },
            Traffic { service: "web?watch=1".into(), ..Traffic::direct("web") },
            of("nobody", vec![]),
            of(Traffic::NO_ROUTER, vec![ingress()]),
            Traffic { own: vec![Target::service("shop", "other")], ..Traffic::direct("web") },
            of("nginx", vec![secret.clone()]),
            Traffic { own: vec![secret], ..of("nginx", vec![]) },
            Traffic { own: vec![Target::service("kube-system", "dns")], ..of("nginx", vec![]) },
            with(&|target| target.namespace = "kube-system".into()),
            with(&|target| target.api = "/api/v1".into()),
            with(&|target| {
                target.api = "/apis/networking.k8s.io/v1/../../rbac.authorization.k8s.io/v1".into();
            }),
            with(&|target| target.plural = "ingresses/web/status".into()),
            with(&|target| target.name = "../web".into()),
            with(&|target| target.name = "a?b".into()),
            with(&|target| target.name = String::new()),
            Traffic { beside: vec![ingress()], ..of("nginx", vec![]) },
        ] {
            assert!(traffic.oddity("shop").is_some(), "{traffic:?}");
        }
        let mut split = Split::undone("web", "shop");
        assert_eq!(split.oddity("shop"), None);
        split.namespace = "kube-system".into();
        assert!(split.oddity("shop").is_some());
    }
}
