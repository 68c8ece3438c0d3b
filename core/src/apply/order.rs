//! In which order objects are sent: what others need comes first.

use crate::router::{ROUTERS, Router};

/// Returns the class of a kind; lower ones are sent first, and deleted last.
///
/// The order is that of helm's `InstallOrder`, with routes after the workloads: a route to a version that does
/// not serve yet is worse than a version without one.
pub fn class(group: &str, kind: &str) -> u8 {
    match (group, kind) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => DEFINITIONS,
        (_, "PriorityClass" | "StorageClass" | "RuntimeClass" | "IngressClass" | "GatewayClass") => 2,
        ("", "ServiceAccount") => 3,
        ("rbac.authorization.k8s.io", "ClusterRole" | "Role") => 4,
        ("rbac.authorization.k8s.io", _) => 5,
        ("", "ResourceQuota" | "LimitRange") | ("networking.k8s.io", "NetworkPolicy") => 6,
        ("", "ConfigMap" | "Secret") => 7,
        ("", "PersistentVolume") => 8,
        ("", "PersistentVolumeClaim") => 9,
        ("", "Service") => 10,
        ("apps", "Deployment") => WORKLOADS,
        ("apps" | "batch", _) | ("", "Pod" | "ReplicationController") => WORKLOADS - 1,
        ("autoscaling", _) | ("policy", "PodDisruptionBudget") => 14,
        ("extensions", "Ingress") => ROUTES,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 16,
        _ if is_route(group, kind) => ROUTES,
        _ => 11,
    }
}

/// Whether a kind says where requests go: one that a router reads, or another of its group that is a route by its name.
fn is_route(group: &str, kind: &str) -> bool {
    let known = |router: &&dyn Router, kind: Option<&str>| {
        let mut kinds = router.kinds().iter().chain(router.beside());
        kinds.any(|one| !group.is_empty() && one.group == group && kind.is_none_or(|kind| kind == one.kind))
    };
    let named = ["Route", "RouteTCP", "RouteUDP"].iter().any(|end| kind.ends_with(end));
    ROUTERS.iter().any(|router| known(router, Some(kind)) || (named && known(router, None)))
}

/// The class of routes.
const ROUTES: u8 = 15;

/// The class of definitions of other kinds.
pub const DEFINITIONS: u8 = 1;

/// The class of the workloads that are rolled out.
pub const WORKLOADS: u8 = 13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let order = [
            ("", "Namespace"),
            ("apiextensions.k8s.io", "CustomResourceDefinition"),
            ("", "ServiceAccount"),
            ("rbac.authorization.k8s.io", "Role"),
            ("rbac.authorization.k8s.io", "RoleBinding"),
            ("", "ResourceQuota"),
            ("", "Secret"),
            ("", "PersistentVolumeClaim"),
            ("", "Service"),
            ("shop.example", "Basket"),
            ("apps", "StatefulSet"),
            ("apps", "Deployment"),
            ("autoscaling", "HorizontalPodAutoscaler"),
            ("gateway.networking.k8s.io", "HTTPRoute"),
            ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ];
        let classes: Vec<u8> = order.iter().map(|(group, kind)| class(group, kind)).collect();
        assert!(classes.is_sorted_by(|a, b| a < b), "{classes:?}");
        assert_eq!(class("example.com", "Namespace"), 11, "a foreign kind of the same name is another");
        assert_eq!(class("example.com", "VirtualService"), 11);
    }

    #[test]
    fn every_route_that_a_router_reads_comes_after_the_workloads() {
        for router in ROUTERS {
            for kind in router.kinds().iter().chain(router.beside()).filter(|kind| !kind.group.is_empty()) {
                assert_eq!(class(kind.group, kind.kind), ROUTES, "{}: {}", router.name(), kind.kind);
            }
        }
        for (group, kind) in [
            ("split.smi-spec.io", "TrafficSplit"),
            ("consul.hashicorp.com", "ServiceSplitter"),
            ("consul.hashicorp.com", "ServiceResolver"),
            ("apisix.apache.org", "ApisixRoute"),
            ("gateway.networking.k8s.io", "TLSRoute"),
            ("traefik.io", "IngressRouteTCP"),
        ] {
            assert_eq!(class(group, kind), ROUTES, "{kind}");
        }
    }
}
