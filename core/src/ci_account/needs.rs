//! What a deployment with these workloads and strategies is going to need.

use std::collections::BTreeSet;

use crate::apply::Item;
use crate::chaos::Fault;
use crate::error::Error;
use crate::model::Strategy;
use crate::preflight::{
    Level, Need, Subject, asking_need, fault_needs, following_needs, needs, reading_needs, routing_needs,
};
use crate::traffic::Traffic;

/// A Deployment that is to be rolled out.
#[derive(Clone, Debug, Default)]
pub struct RolledOut {
    /// As it is, or as the manifest has it.
    pub subject: Subject,
    /// What brings its traffic, once for each strategy that changes it.
    pub traffic: Vec<Traffic>,
}

/// All that is to be deployed.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Deployments.
    pub workloads: Vec<RolledOut>,
    /// How they may come in.
    pub strategies: Vec<Strategy>,
    /// Kinds that routers are looked for among, as group and plural.
    pub searched: Vec<(String, String)>,
    /// What `apply` sends.
    pub items: Vec<Item>,
    /// Whether previews are asked through the API server.
    pub verifies: bool,
    /// The names of the previews that are known, as the API server forwards to them.
    pub previews: BTreeSet<String>,
    /// Whether pods are asked through the API server: for metrics, or what they answer.
    pub asks_pods: bool,
    /// Faults that are made on purpose.
    pub faults: Vec<Fault>,
    /// What reading a Prometheus takes, if it is a Service of this namespace.
    pub prometheus: Option<Need>,
}

impl Wanted {
    /// Returns what has to be allowed.
    ///
    /// # Errors
    /// What is never granted.
    pub fn needs(&self) -> Result<Vec<Need>, Error> {
        let mut all = Vec::new();
        for workload in &self.workloads {
            let name = workload.subject.deployment.id().name;
            // A version that failed is ended by the scale of its pods, whatever the strategy.
            all.extend(needs(&name, true));
            all.extend(following_needs(&name));
            all.extend(reading_needs(&workload.subject));
            all.extend(workload.traffic.iter().flat_map(routing_needs));
        }
        if self.strategies.iter().any(|strategy| *strategy != Strategy::Rolling) {
            all.extend(self.searched.iter().map(|(group, plural)| need("list", group, plural, None)));
        }
        if self.verifies {
            let proxy = |name: Option<&str>| need("get", "", "services/proxy", name);
            all.extend(self.previews.iter().map(|name| proxy(Some(name))));
            // It passes by NetworkPolicies, so all Services only where none is known.
            all.extend(self.previews.is_empty().then(|| proxy(None)));
        }
        // Names of pods are not known before they are there.
        all.extend(self.asks_pods.then(asking_need));
        all.extend(self.faults.iter().flat_map(|fault| fault_needs(*fault, false)));
        all.extend(self.prometheus.clone());
        for item in &self.items {
            all.extend(item_needs(item)?);
        }
        Ok(all)
    }
}

/// Returns what applying an object needs. An apply of one that is not there is authorized as a create, too
/// (`createAuthorizerAttributes` in k8s.io/apiserver).
///
/// # Errors
/// [`crate::error::Kind::Refused`] for kinds by which its user could give itself more rights, and for those of no
/// namespace.
pub fn item_needs(item: &Item) -> Result<Vec<Need>, Error> {
    let refused = |why: &str| {
        Err(Error::refused(format!("{}: {}: {why}", item.origin, item.id))
            .next("let an administrator apply it, and leave it out of -f"))
    };
    match (item.id.group.as_str(), item.id.kind.as_str()) {
        ("", "Secret") => return refused("no right on Secrets is granted"),
        ("rbac.authorization.k8s.io", _) => return refused("no right to grant rights is granted"),
        _ if !item.resource.namespaced => return refused("it is in no namespace, and the rights end at one"),
        _ => {}
    }
    let (group, plural) = (item.id.group.as_str(), &*item.resource.plural);
    let named = |verb| need(verb, group, plural, Some(&item.id.name));
    Ok(vec![named("get"), named("patch"), need("create", group, plural, None)])
}

fn need(verb: &'static str, group: &str, resource: &str, name: Option<&str>) -> Need {
    Need::new(verb, group, resource, name, Level::Error)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::apply::{Document, intake, kinds};
    use crate::ci_account::{rules, sentence};

    fn item(api_version: &str, kind: &str) -> Item {
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}});
        let resource = kinds::built_in(api_version, kind).unwrap();
        intake::place(Document { file: None, origin: "t".into(), object }, resource, Some("shop"), "shop")
            .unwrap()
    }

    #[test]
    fn what_is_applied_may_be_read_patched_and_created() {
        let needs = item_needs(&item("v1", "ConfigMap")).unwrap();
        let lines: Vec<String> = rules(&needs).iter().map(sentence).collect();
        assert_eq!(lines, ["create configmaps", "get, patch configmaps of the name web"]);
    }

    #[test]
    fn what_leads_to_more_rights_is_refused() {
        for (version, kind) in [
            ("v1", "Secret"),
            ("rbac.authorization.k8s.io/v1", "Role"),
            ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            ("v1", "PersistentVolume"),
        ] {
            assert!(item_needs(&item(version, kind)).is_err(), "{kind}");
        }
    }

    #[test]
    fn previews_that_are_known_are_allowed_by_name() {
        let mut wanted = Wanted { verifies: true, ..Wanted::default() };
        let words = |wanted: &Wanted| -> Vec<String> {
            wanted.needs().unwrap().iter().map(crate::preflight::Need::words).collect()
        };
        assert_eq!(words(&wanted), ["get services --subresource=proxy"]);
        wanted.previews.insert("web-preview:80".into());
        assert_eq!(words(&wanted), ["get services/web-preview:80 --subresource=proxy"]);
    }

    #[test]
    fn all_pods_are_asked() {
        let wanted = Wanted { asks_pods: true, ..Wanted::default() };
        assert_eq!(wanted.needs().unwrap()[0].words(), "get pods --subresource=proxy");
    }

    #[test]
    fn a_prometheus_of_this_namespace_is_asked_by_its_name() {
        let server = "service:shop/prometheus:9090".parse().unwrap();
        let prometheus = |home: &str| crate::preflight::prometheus_need(&server, home);
        let words = |home: &str| {
            let wanted = Wanted { prometheus: prometheus(home), ..Wanted::default() };
            wanted.needs().unwrap().iter().map(Need::words).collect::<Vec<_>>()
        };
        assert_eq!(words("shop"), ["get services/prometheus:9090 --subresource=proxy"]);
        assert_eq!(words("other"), [""; 0], "rights end at one namespace");
    }

    #[test]
    fn routes_are_looked_for_by_those_who_split_traffic() {
        let searched = vec![("networking.k8s.io".to_owned(), "ingresses".to_owned())];
        let mut wanted = Wanted { searched, strategies: vec![Strategy::Rolling], ..Wanted::default() };
        assert_eq!(wanted.needs().unwrap(), []);
        wanted.strategies.push(Strategy::Canary);
        assert_eq!(wanted.needs().unwrap()[0].words(), "list ingresses.networking.k8s.io");
    }
}
