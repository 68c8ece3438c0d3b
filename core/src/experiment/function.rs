//! The functions of Python modules that are known: a typed value for each, with upstream's defaults.

mod names;
mod network;
mod pods;
mod virtual_service;
mod workloads;

use std::time::Duration;

use serde_json::Value;

use super::activity::{ActivityKind, Call};
use super::arguments::Arguments;
use super::moment::Moment;
use super::substitute::Values;

pub use names::Unknown;
pub use network::{Direction, Network};
pub use pods::{Candidates, Condition, ExecInPods, LogsOf, Mode, Order, Pick, PodProbe};
pub use virtual_service::{Fault, FaultRoute, VirtualService};
pub use workloads::{Delete, Deleted, Workload, WorkloadCheck, WorkloadProbe};

/// A known function with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// `chaosk8s.pod.actions.terminate_pods`, and `delete_pods`, which upstream calls it by.
    TerminatePods {
        /// Which pods.
        pick: Pick,
        /// The seconds that they get; without it, their own.
        grace_period: Option<u64>,
    },
    /// `chaosk8s.pod.actions.exec_in_pods`.
    ExecInPods(ExecInPods),
    /// A probe of `chaosk8s.pod.probes`; its output is what [`PodProbe`] says.
    Pods(PodProbe),
    /// `read_pod_logs`: its output is a map of pods to their logs with timestamps.
    ReadLogs(LogsOf),
    /// `should_be_found_in_logs`, the tolerance of `read_pod_logs`; [`super::found_in_logs`] is its meaning.
    FoundInLogs {
        /// What is looked for, as a regular expression.
        pattern: String,
        /// Whether each log has to have it, not only one of them.
        all_containers: bool,
    },
    /// A probe of a Deployment, StatefulSet or DaemonSet.
    Workload(WorkloadProbe),
    /// `scale_deployment`, `scale_statefulset`.
    Scale {
        /// The kind.
        workload: Workload,
        /// The name of the object.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The replicas that it gets.
        replicas: u32,
    },
    /// `rollout_deployment`: every pod is replaced, as `kubectl rollout restart` does.
    Restart {
        /// The name of the Deployment.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// What deletes objects other than pods: never run.
    Delete(Delete),
    /// `chaosk8s.service.probes.service_is_initialized`: true if there is such a Service.
    ServiceExists {
        /// Its name.
        name: Option<String>,
        /// Its namespace.
        namespace: String,
        /// Its labels.
        label_selector: Option<String>,
        /// Whether a Service that is not there fails the probe; the output is false otherwise.
        raises: bool,
    },
    /// The helpers for `NetworkPolicies` of `chaosk8s.networking.actions`.
    Network(Network),
    /// `chaosk8s.node`: known so that it is refused by name and rights.
    Node(ClusterUse),
    /// `chaosistio.fault`.
    VirtualService(VirtualService),
    /// `chaosprometheus.probes.query` and `query_interval`: the output is Prometheus' answer.
    Prometheus(PrometheusQuery),
    /// `chaosk8s.event.probes.get_events`: the output is the list of events of all namespaces.
    Events {
        /// Labels of the events.
        label_selector: Option<String>,
        /// Fields of the events (`events.k8s.io/v1`).
        field_selector: Option<String>,
        /// The most events.
        limit: u64,
    },
}

/// What needs rights of the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterUse {
    /// The function: `drain_nodes`.
    pub func: String,
    /// Whether it looks or acts.
    pub kind: ActivityKind,
    /// The rights, as `kubectl auth can-i` takes them: "patch nodes".
    pub rights: &'static [&'static str],
}

/// A query to Prometheus, whose address is the setting `prometheus_base_url`.
#[derive(Clone, Debug, PartialEq)]
pub struct PrometheusQuery {
    /// The query.
    pub query: String,
    /// When it is asked for: now if there is neither this nor a range.
    pub when: Option<Moment>,
    /// The range of `query_interval`: begin, end and step in seconds.
    pub range: Option<(Moment, Moment, u64)>,
    /// How long Prometheus may take, in seconds.
    pub timeout: Option<f64>,
    /// Whether the certificate is verified.
    pub verify_tls: bool,
}

impl PrometheusQuery {
    /// Where Prometheus is asked without a setting `prometheus_base_url`.
    pub const DEFAULT_URL: &'static str = "http://localhost:9090";
}

impl Function {
    /// Reads a call.
    ///
    /// # Errors
    /// That the function is not known, or which argument is wrong.
    pub fn read(call: &Call, values: &Values) -> Result<Self, Unknown> {
        let (module, func) = names::resolved(&call.module, &call.func);
        if !names::module_has(module, func) {
            return Err(names::unknown(call));
        }
        let mut arguments = Arguments::of(call, values);
        let read = match module {
            "chaosk8s.pod.actions" | "chaosk8s.pod.probes" => pods::read(func, &mut arguments),
            "chaosk8s.deployment.actions"
            | "chaosk8s.deployment.probes"
            | "chaosk8s.statefulset.actions"
            | "chaosk8s.statefulset.probes"
            | "chaosk8s.daemonset.actions"
            | "chaosk8s.daemonset.probes"
            | "chaosk8s.replicaset.actions"
            | "chaosk8s.service.actions"
            | "chaosk8s.service.probes"
            | "chaosk8s.namespace.actions" => workloads::read(func, &mut arguments),
            "chaosk8s.networking.actions" => network::read(func, &mut arguments),
            "chaosk8s.node.actions" | "chaosk8s.node.probes" => Ok(node(func)),
            "chaosistio.fault.actions" | "chaosistio.fault.probes" => {
                virtual_service::read(func, &mut arguments)
            }
            "chaosprometheus.probes" => prometheus(func, &mut arguments),
            "chaosk8s.event.probes" => events(func, &mut arguments),
            _ => Ok(None),
        };
        match read {
            Ok(Some(Self::Node(use_))) => Ok(Self::Node(use_)),
            Ok(Some(function)) => {
                arguments.end().map_err(Unknown::Argument)?;
                Ok(function)
            }
            Ok(None) => Err(names::unknown(call)),
            Err(why) => Err(Unknown::Argument(why)),
        }
    }

    /// Whether it looks or acts, whatever the file calls it.
    pub const fn kind(&self) -> ActivityKind {
        match self {
            Self::TerminatePods { .. }
            | Self::ExecInPods(_)
            | Self::Scale { .. }
            | Self::Restart { .. }
            | Self::Delete(_)
            | Self::Network(_) => ActivityKind::Action,
            Self::Node(node) => node.kind,
            Self::VirtualService(service) => match service.fault {
                Fault::Look => ActivityKind::Probe,
                Fault::Set(_) | Fault::Unset => ActivityKind::Action,
            },
            Self::Pods(_)
            | Self::ReadLogs(_)
            | Self::FoundInLogs { .. }
            | Self::Workload(_)
            | Self::ServiceExists { .. }
            | Self::Prometheus(_)
            | Self::Events { .. } => ActivityKind::Probe,
        }
    }

    /// Returns the namespace that it reads or writes, where it is of one.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::TerminatePods { pick, .. } => Some(&pick.candidates.namespace),
            Self::ExecInPods(exec) => Some(&exec.pick.candidates.namespace),
            Self::Pods(probe) => Some(probe.namespace()),
            Self::ReadLogs(logs) => Some(&logs.namespace),
            Self::Workload(probe) => Some(&probe.namespace),
            Self::Scale { namespace, .. }
            | Self::Restart { namespace, .. }
            | Self::ServiceExists { namespace, .. } => Some(namespace),
            Self::Delete(delete) => delete.namespace.as_deref(),
            Self::Network(network) => Some(&network.namespace),
            Self::VirtualService(service) => Some(&service.namespace),
            Self::FoundInLogs { .. } | Self::Node(_) | Self::Prometheus(_) | Self::Events { .. } => None,
        }
    }
}

/// A function that was read, or none if it has no such name.
type Read = Result<Option<Function>, String>;

fn node(func: &str) -> Option<Function> {
    let rights: &'static [&'static str] = match func {
        "delete_nodes" => &["list nodes", "delete nodes"],
        "create_node" => &["create nodes"],
        "cordon_node" | "uncordon_node" => &["list nodes", "patch nodes"],
        "drain_nodes" => &["list nodes", "patch nodes", "list pods -A", "create pods/eviction -A"],
        "get_nodes"
        | "get_all_node_status_conditions"
        | "all_nodes_must_be_ready_to_schedule"
        | "verify_nodes_condition"
        | "nodes_must_be_healthy" => &["list nodes"],
        _ => return None,
    };
    let kind = if rights == ["list nodes"] { ActivityKind::Probe } else { ActivityKind::Action };
    Some(Function::Node(ClusterUse { func: func.to_owned(), kind, rights }))
}

fn prometheus(func: &str, arguments: &mut Arguments<'_>) -> Read {
    let query = match func {
        "query" => PrometheusQuery {
            query: arguments.wanted("query")?,
            when: arguments.moment("when")?,
            range: None,
            timeout: arguments.number("timeout")?,
            verify_tls: arguments.flag("verify_tls", true)?,
        },
        "query_interval" => {
            let query = arguments.wanted("query")?;
            let mut moment = |name: &'static str| {
                let now = Moment::Back(Duration::ZERO);
                arguments.wanted(name)?;
                Ok::<Moment, String>(arguments.moment(name)?.unwrap_or(now))
            };
            let (start, end) = (moment("start")?, moment("end")?);
            let step = arguments.whole("step")?.unwrap_or(1);
            let step = u64::try_from(step).ok().filter(|step| *step > 0);
            PrometheusQuery {
                query,
                when: None,
                range: Some((start, end, step.ok_or("argument 'step' has to be at least 1")?)),
                timeout: arguments.number("timeout")?,
                verify_tls: arguments.flag("verify_tls", true)?,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(Function::Prometheus(query)))
}

fn events(func: &str, arguments: &mut Arguments<'_>) -> Read {
    if func != "get_events" {
        return Ok(None);
    }
    let limit = arguments.whole("limit")?.unwrap_or(100);
    Ok(Some(Function::Events {
        label_selector: selector(arguments)?,
        field_selector: arguments.text("field_selector")?,
        limit: u64::try_from(limit).map_err(|_| "argument 'limit' has to be 0 or more")?,
    }))
}

/// Reads a label selector; an empty one is none.
fn selector(arguments: &mut Arguments<'_>) -> Result<Option<String>, String> {
    Ok(arguments.text("label_selector")?.filter(|selector| !selector.trim().is_empty()))
}

/// Reads a map of labels.
fn labels(labels: serde_json::Map<String, Value>, name: &str) -> Result<Vec<(String, String)>, String> {
    let label = |(key, value): (String, Value)| match value {
        Value::String(value) => Ok((key, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("argument '{name}' has to be a map of labels to texts"))
        }
    };
    labels.into_iter().map(label).collect()
}
