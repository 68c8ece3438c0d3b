//! RP030: what the user must be allowed to do.

use serde::Deserialize;
use serde_json::Value;

use crate::chaos::Fault;
use crate::journal::lease_name;
use crate::model::DEPLOYMENT;
use crate::preflight::{Facts, Finding, Judged, Level, Subject};
use crate::prometheus::Server;
use crate::router::Router;
use crate::traffic::{Role, Traffic};

/// A right that a rollout needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What is done.
    pub verb: &'static str,
    /// The API group; empty for the core.
    pub group: String,
    /// The resource, with its subresource after a slash.
    pub resource: String,
    /// The object, where the request names one.
    pub name: Option<String>,
    /// How grave it is if the right is missing.
    pub level: Level,
}

impl Need {
    /// A right; without a name to all objects.
    pub fn new(verb: &'static str, group: &str, resource: &str, name: Option<&str>, level: Level) -> Self {
        Self { verb, group: group.into(), resource: resource.into(), name: name.map(str::to_owned), level }
    }

    /// Returns it as `kubectl auth can-i` takes it.
    pub fn words(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((&self.resource, ""));
        let name = self.name.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        let subresource =
            if subresource.is_empty() { String::new() } else { format!(" --subresource={subresource}") };
        format!("{} {resource}{group}{name}{subresource}", self.verb)
    }
}

/// Returns what a canary of a Deployment needs; `lowers` says that a share may be made smaller.
///
/// A list or watch of one object by name counts as naming it: the API server takes the name from the field
/// selector (`RequestInfoFactory` in k8s.io/apiserver).
pub fn needs(deployment: &str, lowers: bool) -> Vec<Need> {
    let lease = lease_name(DEPLOYMENT.names(), deployment);
    let mut needs = Vec::new();
    for verb in ["get", "list", "watch", "patch"] {
        needs.push(Need::new(verb, "apps", "deployments", Some(deployment), Level::Error));
    }
    for (group, resource) in [("apps", "replicasets"), ("", "pods")] {
        for verb in ["list", "watch"] {
            needs.push(Need::new(verb, group, resource, None, Level::Error));
        }
    }
    for (verb, name) in [("get", Some(&*lease)), ("create", None), ("update", Some(&*lease))] {
        needs.push(Need::new(verb, "coordination.k8s.io", "leases", name, Level::Error));
    }
    if lowers {
        needs.push(Need::new("update", "apps", "replicasets/scale", None, Level::Warning));
    }
    needs.push(Need::new("get", "", "pods/log", None, Level::Info));
    needs.push(Need::new("list", "", "events", None, Level::Info));
    needs
}

/// Returns what routing the traffic needs besides: a right that is missed half way leaves a route half changed.
pub fn routing_needs(traffic: &Traffic) -> Vec<Need> {
    let need = |verb, group: &str, resource: &str, name: Option<&str>| {
        Need::new(verb, group, resource, name, Level::Error)
    };
    let mut needs = Vec::new();
    for (group, resource) in [("", "services"), ("discovery.k8s.io", "endpointslices")] {
        needs.extend(["list", "watch"].map(|verb| need(verb, group, resource, None)));
    }
    needs.push(need("create", "", "services", None));
    // Whatever is there is read; a Service that is switched itself needs no other beside the preview.
    for role in Role::ALL {
        let name = role.service(&traffic.service);
        let is_written =
            if role == Role::Preview { traffic.switch.is_some() } else { !traffic.routes.is_empty() };
        let verbs: &[&'static str] = if is_written { &["get", "patch", "delete"] } else { &["get"] };
        needs.extend(verbs.iter().map(|verb| need(verb, "", "services", Some(&name))));
    }
    needs.push(need("get", "", "services", Some(&traffic.service)));
    if traffic.isolate || traffic.routes.is_empty() {
        needs.push(need("patch", "", "services", Some(&traffic.service)));
    }
    let verbs = ["get", "list", "watch", "patch"];
    for target in &traffic.routes {
        needs.extend(verbs.map(|verb| need(verb, target.group(), &target.plural, Some(&target.name))));
    }
    let amends = crate::router::router(&traffic.router).is_some_and(Router::amends);
    let beside = if amends { &verbs[..] } else { &verbs[..3] };
    for target in &traffic.beside {
        let of = |verb: &&'static str| need(verb, target.group(), &target.plural, Some(&target.name));
        needs.extend(beside.iter().map(of));
    }
    for target in &traffic.own {
        needs.push(need("create", target.group(), &target.plural, None));
        let verbs = verbs.into_iter().chain(["delete"]);
        needs.extend(verbs.map(|verb| need(verb, target.group(), &target.plural, Some(&target.name))));
    }
    needs
}

/// Returns what asking pods through the API server needs besides: for their metrics, or what they answer.
pub fn asking_need() -> Need {
    Need::new("get", "", "pods/proxy", None, Level::Error)
}

/// Returns what a fault needs besides, if pods are evicted or if they are deleted: a right that is missed half way leaves it on until the kubelet ends it.
pub fn fault_needs(fault: Fault, deletes: bool) -> Vec<Need> {
    let need = |verb, group: &str, resource: &str| Need::new(verb, group, resource, None, Level::Error);
    let mut needs = Vec::new();
    if fault.lasts() {
        needs.extend(["get", "patch", "delete"].map(|verb| need(verb, "", "pods")));
    }
    match fault {
        Fault::KillPods if deletes => needs.push(need("delete", "", "pods")),
        Fault::KillPods => needs.push(need("create", "", "pods/eviction")),
        Fault::FailPods => {}
        Fault::SlowPods => needs.push(need("patch", "", "pods/resize")),
        Fault::CutPods => {
            let policies = ["create", "delete"];
            needs.extend(policies.map(|verb| need(verb, "networking.k8s.io", "networkpolicies")));
            needs.push(asking_need());
        }
    }
    needs
}

/// Returns what reading metrics of a Prometheus needs, if it is a Service of this namespace. Of another one, or of what is no
/// part of the cluster, the trial look tells.
pub fn prometheus_need(server: &Server, home: &str) -> Option<Need> {
    match server {
        Server::Service { namespace, name, port, .. } => {
            let service = format!("{name}:{port}");
            let need = || Need::new("get", "", "services/proxy", Some(&service), Level::Error);
            (namespace == home).then(need)
        }
        Server::Address(_) => None,
    }
}

/// Returns what following a workload needs besides (`status -w` and `--until`): without, it is not seen who holds it.
pub fn following_needs(deployment: &str) -> [Need; 2] {
    let lease = lease_name(DEPLOYMENT.names(), deployment);
    ["list", "watch"].map(|verb| Need::new(verb, "coordination.k8s.io", "leases", Some(&lease), Level::Info))
}

/// The answer to a `SelfSubjectRulesReview`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rights {
    resource_rules: Vec<ResourceRule>,
    /// Whether an authorizer could not say what it allows.
    pub incomplete: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceRule {
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

impl Rights {
    /// Reads the review as the server returned it.
    pub fn of(review: &Value) -> Self {
        serde_json::from_value(review["status"].clone()).unwrap_or_default()
    }
}

impl Rights {
    /// Returns a need as a rule gives it: whole, or for one object by name.
    pub fn given(&self, need: &Need) -> Option<Need> {
        let any = |rule: &&ResourceRule| {
            let rule = ResourceRule { resource_names: Vec::new(), ..(*rule).clone() };
            covers(&rule, need)
        };
        let rule = self.resource_rules.iter().find(any)?;
        Some(Need { name: rule.resource_names.first().cloned(), ..need.clone() })
    }
}

/// Returns the needs that no rule covers, in their order
/// (`RulesAllow` in kubernetes/plugin/pkg/auth/authorizer/rbac).
pub fn missing(needs: &[Need], rights: &Rights) -> Vec<Need> {
    let allowed = |need: &Need| rights.resource_rules.iter().any(|rule| covers(rule, need));
    needs.iter().filter(|need| !allowed(need)).cloned().collect()
}

fn covers(rule: &ResourceRule, need: &Need) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
    let subresource = need.resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
    has(&rule.verbs, need.verb)
        && has(&rule.api_groups, &need.group)
        && (has(&rule.resources, &need.resource)
            || subresource.is_some_and(|any| rule.resources.contains(&any)))
        && (rule.resource_names.is_empty()
            || need.name.as_ref().is_some_and(|name| rule.resource_names.contains(name)))
}

/// A right that is missing now would be missed half way.
pub(super) fn rights(subject: &Subject, facts: &Facts) -> Judged {
    let namespace = subject.deployment.id().namespace;
    let missing = facts.missing_rights.as_ref().map_err(Clone::clone)?;
    let finding = |need: &Need| {
        let group = if need.group.is_empty() { String::new() } else { format!(" (group {})", need.group) };
        let why = match need.level {
            Level::Error => "the rollout cannot be done",
            Level::Warning => "the share cannot be made smaller",
            Level::Info => "there is less evidence when a pod fails",
        };
        Finding::new(
            need.level,
            "",
            format!("no right to {} {}{group}: {why}", need.verb, need.resource),
            format!("check with: kubectl auth can-i {} -n {namespace}", need.words()),
        )
        .on(format!("namespace/{namespace}"))
    };
    Ok(missing.iter().map(finding).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::fixtures::{facts, subject};
    use crate::traffic::Target;

    fn left(rules: &Value) -> Vec<String> {
        let rights = Rights::of(&json!({"status": {"resourceRules": rules, "incomplete": false}}));
        missing(&needs("web", true), &rights).iter().map(Need::words).collect()
    }

    #[test]
    fn wildcards_allow_everything_and_nothing_allows_nothing() {
        assert_eq!(left(&json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}])), [""; 0]);
        assert_eq!(left(&json!([])).len(), needs("web", true).len());
    }

    #[test]
    fn exactly_what_is_missing_is_named() {
        let mut rules = json!([
            {"verbs": ["get", "list", "watch"], "apiGroups": ["apps"], "resources": ["deployments", "replicasets"]},
            {"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["web"]},
            {"verbs": ["get", "create", "update"], "apiGroups": ["coordination.k8s.io"], "resources": ["leases"]},
            {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods", "*/log", "events"]},
            {"verbs": ["update"], "apiGroups": ["apps"], "resources": ["replicasets/scale"]},
        ]);
        assert_eq!(left(&rules), [""; 0]);
        rules[1]["resourceNames"] = json!(["other"]);
        assert_eq!(left(&rules), ["patch deployments.apps/web"]);
        rules[1]["resourceNames"] = json!(["web"]);
        rules[1]["apiGroups"] = json!(["extensions"]);
        assert_eq!(left(&rules), ["patch deployments.apps/web"]);
        rules[1]["apiGroups"] = json!(["*"]);
        rules[3]["resources"] = json!(["pods", "events"]);
        assert_eq!(
            left(&rules),
            ["get pods --subresource=log"],
            "a resource does not stand for its subresources"
        );
        rules[3]["resources"] = json!(["*"]);
        rules[4]["resourceNames"] = json!(["web-1"]);
        assert_eq!(left(&rules), ["update replicasets.apps --subresource=scale"]);
    }

    #[test]
    fn a_route_needs_rights_of_its_own() {
        let target = |plural: &str, name: &str| Target {
            api: "/apis/networking.k8s.io/v1".into(),
            plural: plural.into(),
            ..Target::service("shop", name)
        };
        let traffic = Traffic {
            routes: vec![target("ingresses", "web")],
            own: vec![target("ingresses", "web-rp-canary")],
            beside: vec![target("classes", "web")],
            ..Traffic::direct("web")
        };
        let words = |traffic: &Traffic| routing_needs(traffic).iter().map(Need::words).collect::<Vec<_>>();
        let needs = words(&traffic);
        for wanted in [
            "create services",
            "delete services/web-rp-stable",
            "patch ingresses.networking.k8s.io/web",
            "create ingresses.networking.k8s.io",
            "delete ingresses.networking.k8s.io/web-rp-canary",
            "watch classes.networking.k8s.io/web",
        ] {
            assert!(needs.iter().any(|need| need == wanted), "{wanted}: {needs:?}");
        }
        for own in [
            "patch classes.networking.k8s.io/web",
            "delete ingresses.networking.k8s.io/web",
            "patch services/web",
        ] {
            assert!(!needs.iter().any(|need| need == own), "the user's own stay: {own}");
        }
        let switched = words(&Traffic { switch: Some(30), ..Traffic::direct("web") });
        for wanted in ["patch services/web", "delete services/web-preview", "get services/web-rp-stable"] {
            assert!(switched.contains(&wanted.to_owned()), "the switch: {switched:?}");
        }
        assert!(!switched.contains(&"delete services/web-rp-stable".to_owned()), "{switched:?}");
    }

    #[test]
    fn a_create_cannot_be_allowed_by_name() {
        let named = json!([{"verbs": ["*"], "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "resourceNames": ["rollout-plus.deployment.web"]}]);
        let left = left(&named);
        assert!(left.contains(&"create leases.coordination.k8s.io".to_owned()), "{left:?}");
        assert!(!left.iter().any(|need| need.starts_with("update leases")), "{left:?}");
    }

    #[test]
    fn a_missing_right_is_as_grave_as_its_use() {
        assert_eq!(rights(&subject(), &facts()), Ok(vec![]));
        let mut none = facts();
        none.missing_rights = Ok(needs("web", true));
        let found = rights(&subject(), &none).unwrap();
        let level = |word: &str| found.iter().find(|f| f.why.contains(word)).map(|f| f.level);
        assert_eq!(level("patch deployments (group apps)"), Some(Level::Error));
        assert_eq!(level("update replicasets/scale"), Some(Level::Warning));
        assert_eq!(level("get pods/log"), Some(Level::Info));
        assert!(!needs("web", false).iter().any(|need| need.resource == "replicasets/scale"));
    }
}
