//! Names of modules and functions: old ones, those that are known and not run, and those that are strange.

use crate::brief;
use crate::experiment::Call;

/// Why a call is not a function that is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The module or function is not known.
    Name {
        /// Why, as a sentence.
        why: String,
        /// What to type instead, if something fits.
        next: Option<String>,
    },
    /// An argument is wrong; which one and why, as a sentence.
    Argument(String),
}

impl Unknown {
    /// Returns the sentence.
    pub fn text(&self) -> &str {
        match self {
            Self::Name { why, .. } | Self::Argument(why) => why,
        }
    }
}

/// The modules of chaosk8s that have functions which are read here, and the functions of each.
const MODULES: [(&str, &[&str]); 13] = [
    ("chaosk8s.pod.actions", &["terminate_pods", "exec_in_pods", "delete_pods"]),
    (
        "chaosk8s.pod.probes",
        &[
            "read_pod_logs",
            "pods_in_phase",
            "pods_in_conditions",
            "pods_not_in_phase",
            "count_pods",
            "pod_is_not_available",
            "all_pods_healthy",
            "count_min_pods",
            "should_be_found_in_logs",
        ],
    ),
    ("chaosk8s.deployment.actions", &["delete_deployment", "scale_deployment", "rollout_deployment"]),
    (
        "chaosk8s.deployment.probes",
        &[
            "deployment_available_and_healthy",
            "deployment_partially_available",
            "deployment_not_fully_available",
            "deployment_fully_available",
        ],
    ),
    ("chaosk8s.statefulset.actions", &["scale_statefulset", "remove_statefulset"]),
    ("chaosk8s.statefulset.probes", &["statefulset_not_fully_available", "statefulset_fully_available"]),
    ("chaosk8s.daemonset.actions", &["delete_daemon_set"]),
    (
        "chaosk8s.daemonset.probes",
        &[
            "daemon_set_available_and_healthy",
            "daemon_set_partially_available",
            "daemon_set_not_fully_available",
            "daemon_set_fully_available",
        ],
    ),
    ("chaosk8s.replicaset.actions", &["delete_replica_set"]),
    ("chaosk8s.service.actions", &["delete_service"]),
    ("chaosk8s.service.probes", &["service_is_initialized"]),
    ("chaosk8s.namespace.actions", &["delete_namespace"]),
    ("chaosk8s.event.probes", &["get_events"]),
];

/// The first releases' names (`chaosk8s/probes.py`, `chaosk8s/actions.py`) and the modules of what they mean.
const OLD: [(&str, &str); 11] = [
    ("all_microservices_healthy", "chaosk8s.pod.probes"),
    ("microservice_available_and_healthy", "chaosk8s.deployment.probes"),
    ("microservice_is_not_available", "chaosk8s.pod.probes"),
    ("service_endpoint_is_initialized", "chaosk8s.service.probes"),
    ("deployment_is_not_fully_available", "chaosk8s.deployment.probes"),
    ("deployment_is_fully_available", "chaosk8s.deployment.probes"),
    ("read_microservices_logs", "chaosk8s.pod.probes"),
    ("kill_microservice", "chaosk8s.deployment.actions"),
    ("scale_microservice", "chaosk8s.deployment.actions"),
    ("remove_service_endpoint", "chaosk8s.service.actions"),
    ("start_microservice", "chaosk8s.deployment.actions"),
];

/// Returns the module that a function is in now. The old modules import functions of the new ones, so that these can be
/// called by the old modules too.
pub(super) fn resolved<'a>(module: &'a str, func: &'a str) -> (&'a str, &'a str) {
    let ending = match module {
        "chaosk8s.probes" => ".probes",
        "chaosk8s.actions" => ".actions",
        _ => return (module, func),
    };
    let old = OLD.iter().find(|(name, module)| *name == func && module.ends_with(ending));
    let new = || MODULES.iter().find(|(module, has)| module.ends_with(ending) && has.contains(&func));
    let found = old.map(|(_, module)| *module).or_else(|| new().map(|(module, _)| *module));
    found.map_or((module, func), |module| (module, func))
}

/// Whether the module has the function; of modules that have no list here, the reader knows.
pub(super) fn module_has(module: &str, func: &str) -> bool {
    let listed = MODULES.iter().find(|(name, _)| *name == module);
    listed.is_none_or(|(_, has)| has.contains(&func) || OLD.contains(&(func, module)))
}

/// Functions for images that experiments name and no release of chaosk8s ever had.
const IMAGE: [&str; 3] = ["set_deployment_image", "rollback_deployment", "collect_deployment_status"];

/// Says why a call is not run.
pub(super) fn unknown(call: &Call) -> Unknown {
    let path = brief::line(&call.path(), 120);
    let (module, func) = (call.module.as_str(), call.func.as_str());
    if module.starts_with("chaosk8s.") && IMAGE.contains(&func) {
        let text = |key: &str| call.arguments.get(key).and_then(serde_json::Value::as_str);
        let word = |given: Option<&str>, other: &str| {
            let plain = |text: &&str| {
                !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/:@".contains(c))
            };
            given.filter(plain).unwrap_or(other).to_owned()
        };
        let name = word(text("deployment_name").or_else(|| text("name")), "NAME");
        let image = word(text("image"), "IMAGE");
        return Unknown::Name {
            why: format!("{path} is in no release of chaosk8s: a new image during an experiment is a canary"),
            next: Some(format!("kubectl rollout-plus canary {name} --image {image} --chaos FILE")),
        };
    }
    let root = module.split('.').next().unwrap_or_default();
    let why = match root {
        "chaosk8s" | "chaosistio" | "chaosprometheus" => {
            let known: Vec<&str> = MODULES
                .iter()
                .filter(|(name, _)| *name == module)
                .flat_map(|(_, has)| *has)
                .copied()
                .collect();
            let alike = |known: &&&str| strsim::jaro_winkler(func, known) > 0.9;
            match known.iter().find(alike) {
                Some(near) => format!("{path} is not a function that is run here: is {near} meant?"),
                None => format!("{path} is not a function that is run here"),
            }
        }
        _ => format!(
            "{path} is Python code, and none is run here: only functions of chaosk8s, chaosistio.fault and chaosprometheus"
        ),
    };
    Unknown::Name { why, next: None }
}
