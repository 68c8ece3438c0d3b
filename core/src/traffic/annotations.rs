//! Which annotations of the user's Service come into one of ours that is served as it is.

/// What data planes read off the Service of a backend, and kube-proxy's controllers off any: how it is spoken to and how
/// its pods are chosen. All else stays where it is. A copy would have a controller do for our Service what it does for
/// the user's (a DNS name, a certificate, a load balancer, a scrape target), or a tool take it for its own and prune it.
const HOW_IT_IS_SERVED: [&str; 15] = [
    "alb.ingress.kubernetes.io/",
    "balancer.linkerd.io/",
    "cloud.google.com/app-protocols",
    "config.linkerd.io/",
    "haproxy-ingress.github.io/",
    "haproxy.org/",
    "ingress.kubernetes.io/",
    "konghq.com/",
    "networking.istio.io/",
    "projectcontour.io/",
    "retry.linkerd.io/",
    "service.alpha.kubernetes.io/tolerate-unready-endpoints",
    "service.kubernetes.io/topology-",
    "timeout.linkerd.io/",
    "traefik.ingress.kubernetes.io/service.",
];

/// Whether an annotation says how a Service is served. `prefix` is what those of the router's controller begin with, if
/// it was told another one than its own.
pub(super) fn says_how_it_is_served(key: &str, prefix: Option<&str>) -> bool {
    let own = prefix.and_then(|prefix| key.strip_prefix(prefix)).is_some_and(|rest| rest.starts_with('/'));
    own || HOW_IT_IS_SERVED.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn what_makes_other_controllers_act_is_not_copied() {
        for key in [
            "external-dns.alpha.kubernetes.io/hostname",
            "cert-manager.io/cluster-issuer",
            "service.beta.kubernetes.io/aws-load-balancer-type",
            "service.beta.openshift.io/serving-cert-secret-name",
            "service.kubernetes.io/load-balancer-cleanup",
            "networking.gke.io/load-balancer-type",
            "cloud.google.com/neg",
            "metallb.io/address-pool",
            "tailscale.com/expose",
            "getambassador.io/config",
            "consul.hashicorp.com/service-sync",
            "prometheus.io/scrape",
            keys::LAST_APPLIED,
            "argocd.argoproj.io/tracking-id",
            "meta.helm.sh/release-name",
            "kustomize.toolkit.fluxcd.io/ssa",
            "kapp.k14s.io/identity",
            keys::SELECTOR_ANNOTATION,
            "team.example/owner",
        ] {
            assert!(!says_how_it_is_served(key, Some("inner.example")), "{key}");
        }
        for key in [
            "projectcontour.io/upstream-protocol.h2c",
            "traefik.ingress.kubernetes.io/service.sticky.cookie",
            "haproxy-ingress.github.io/balance-algorithm",
            "alb.ingress.kubernetes.io/healthcheck-path",
            "balancer.linkerd.io/failure-accrual",
            "service.kubernetes.io/topology-mode",
            "inner.example/balance-algorithm",
        ] {
            assert!(says_how_it_is_served(key, Some("inner.example")), "{key}");
        }
        assert!(!says_how_it_is_served("inner.example/balance-algorithm", None));
        assert!(!says_how_it_is_served("inner.example.com/x", Some("inner.example")));
    }
}
