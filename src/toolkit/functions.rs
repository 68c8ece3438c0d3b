//! Probes of chaosk8s and chaosprometheus: what they look at, and the output that Chaos Toolkit's have.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::kill::refused;
use super::{TICK, Why, http};
use crate::cluster::Cluster;
use crate::experiment::{
    Body, Candidates, Condition, Function, LogsOf, Moment, PodProbe, PrometheusQuery, Request, Values,
    Workload, WorkloadCheck, WorkloadProbe,
};
use crate::model::Resource;
use crate::model::resource::{DAEMON_SETS, DEPLOYMENTS, EVENTS, PODS, SERVICES, STATEFUL_SETS};
use crate::world::now;

/// Looks once, or until a time is over where the function says it.
///
/// # Errors
/// What is not as it has to be, where the function raises then; what the server said.
pub(super) async fn look(cluster: &Cluster, function: &Function) -> Result<Value, Why> {
    match function {
        Function::Pods(probe) => pods(cluster, probe).await,
        Function::ReadLogs(logs) => read_logs(cluster, logs).await,
        Function::Workload(probe) => workload(cluster, probe).await,
        Function::ServiceExists { name, namespace, label_selector, raises } => {
            let of = cluster.of_namespace(namespace);
            let mut services = of.objects_of(&SERVICES, label_selector.as_deref()).await.map_err(refused)?;
            services.retain(|service| name.as_ref().is_none_or(|name| service["metadata"]["name"] == *name));
            let which = name.as_deref().unwrap_or("any name");
            verdict(!services.is_empty(), *raises, || {
                format!("there is no Service of {which} in namespace {namespace}")
            })
        }
        Function::Events { label_selector, field_selector: _, limit } => {
            let mut events = cluster.objects_of(&EVENTS, label_selector.as_deref()).await.map_err(refused)?;
            events.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
            Ok(Value::Array(events))
        }
        Function::TerminatePods { .. }
        | Function::ExecInPods(_)
        | Function::FoundInLogs { .. }
        | Function::Scale { .. }
        | Function::Restart { .. }
        | Function::Delete(_)
        | Function::Network(_)
        | Function::Node(_)
        | Function::VirtualService(_)
        | Function::Prometheus(_) => Err(Why::Failed("it looks at nothing".to_owned())),
    }
}

/// True, or false or an error for what is not so.
fn verdict(is_so: bool, raises: bool, why: impl Fn() -> String) -> Result<Value, Why> {
    if is_so || !raises { Ok(Value::Bool(is_so)) } else { Err(Why::Failed(why())) }
}

async fn list(cluster: &Cluster, candidates: &Candidates) -> Result<Vec<Value>, Why> {
    let of = cluster.of_namespace(&candidates.namespace);
    let mut pods = of.objects_of(&PODS, candidates.label_selector.as_deref()).await.map_err(refused)?;
    pods.retain(|pod| candidates.has_name(name_of(pod)));
    Ok(pods)
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

async fn pods(cluster: &Cluster, probe: &PodProbe) -> Result<Value, Why> {
    let is_in = |pod: &Value, phase: &str| pod["status"]["phase"] == phase;
    let said = |pods: &[Value]| {
        let each: Vec<String> = pods
            .iter()
            .take(5)
            .map(|pod| {
                format!("{} {}", name_of(pod), pod["status"]["phase"].as_str().unwrap_or("of no phase"))
            })
            .collect();
        if each.is_empty() { "there is no pod with these labels".to_owned() } else { each.join(", ") }
    };
    match probe {
        PodProbe::Count { pods, phase } => {
            let all = list(cluster, pods).await?;
            let count = all.iter().filter(|pod| phase.as_ref().is_none_or(|phase| is_in(pod, phase))).count();
            Ok(json!(count))
        }
        PodProbe::CountAtLeast { pods, phase, least } => {
            let all = list(cluster, pods).await?;
            let count = all.iter().filter(|pod| is_in(pod, phase)).count();
            Ok(json!(u64::try_from(count).unwrap_or(u64::MAX) >= *least))
        }
        PodProbe::InPhase { pods, phase, raises } => {
            let all = list(cluster, pods).await?;
            let is_so = !all.is_empty() && all.iter().all(|pod| is_in(pod, phase));
            verdict(is_so, *raises, || format!("not all pods are {phase}: {}", said(&all)))
        }
        PodProbe::NotInPhase { pods, phase, raises } => {
            let all = list(cluster, pods).await?;
            let is_so = !all.is_empty() && !all.iter().any(|pod| is_in(pod, phase));
            verdict(is_so, *raises, || format!("some pod is {phase}: {}", said(&all)))
        }
        PodProbe::InConditions { pods, conditions, raises } => {
            let all = list(cluster, pods).await?;
            let is_so = !all.is_empty() && all.iter().all(|pod| conditions.iter().all(|one| has(pod, one)));
            verdict(is_so, *raises, || format!("not all pods have the conditions: {}", said(&all)))
        }
        PodProbe::NotAvailable { pods, raises } => {
            let all = list(cluster, pods).await?;
            verdict(!all.iter().any(|pod| is_in(pod, "Running")), *raises, || {
                format!("some pod is Running: {}", said(&all))
            })
        }
        PodProbe::AllHealthy { namespace, raises } => {
            let all = cluster.of_namespace(namespace).objects_of(&PODS, None).await.map_err(refused)?;
            let sick: Vec<Value> =
                all.into_iter().filter(|pod| !is_in(pod, "Running") && !is_in(pod, "Succeeded")).collect();
            verdict(sick.is_empty(), *raises, || format!("some pods are not healthy: {}", said(&sick)))
        }
    }
}

fn has(pod: &Value, condition: &Condition) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        all.iter().any(|one| one["type"] == condition.kind && one["status"] == condition.status)
    })
}

async fn read_logs(cluster: &Cluster, logs: &LogsOf) -> Result<Value, Why> {
    let of = cluster.of_namespace(&logs.namespace);
    let since = match logs.last {
        None => None,
        Some(Moment::Back(time)) => Some(time.as_secs()),
        Some(Moment::At(then)) => Some(u64::try_from(now().duration_since(then).as_secs()).unwrap_or(0)),
    };
    let pods = of.objects_of(&PODS, logs.label_selector.as_deref()).await.map_err(refused)?;
    let mut found = Map::new();
    for pod in &pods {
        let first = || pod["spec"]["containers"][0]["name"].as_str();
        let container = logs.container_name.as_deref().or_else(first);
        let text = of.pod_log(name_of(pod), container, since, logs.from_previous).await;
        found.insert(name_of(pod).to_owned(), text.map_err(|error| Why::Failed(error.message))?.into());
    }
    Ok(Value::Object(found))
}

async fn workload(cluster: &Cluster, probe: &WorkloadProbe) -> Result<Value, Why> {
    let of = cluster.of_namespace(&probe.namespace);
    let (resource, kind) = kind_of(probe.workload);
    let waits = matches!(probe.check, WorkloadCheck::FullyAvailable | WorkloadCheck::NotFullyAvailable);
    let end = Instant::now() + Duration::from_secs(if waits { probe.timeout } else { 0 });
    loop {
        let found = of.object_of(resource, &probe.name).await.map_err(refused)?;
        let state = found.as_ref().map(|found| numbers(probe.workload, found));
        let is_so = state.is_some_and(|(wanted, available, ready)| match probe.check {
            WorkloadCheck::AvailableAndHealthy => available == wanted,
            WorkloadCheck::PartiallyAvailable => available > 0,
            WorkloadCheck::FullyAvailable => ready == wanted,
            WorkloadCheck::NotFullyAvailable => ready != wanted,
        });
        if is_so || Instant::now() >= end {
            let name = &probe.name;
            return verdict(is_so, probe.raises, || match state {
                Some((wanted, available, ready)) => {
                    format!("{kind} {name}: {available} available and {ready} Ready of {wanted}")
                }
                None => format!("there is no {kind} {name} in namespace {}", probe.namespace),
            });
        }
        sleep(TICK).await;
    }
}

pub(super) fn kind_of(workload: Workload) -> (&'static Resource, &'static str) {
    match workload {
        Workload::Deployment => (&DEPLOYMENTS, "Deployment"),
        Workload::StatefulSet => (&STATEFUL_SETS, "StatefulSet"),
        Workload::DaemonSet => (&DAEMON_SETS, "DaemonSet"),
    }
}

/// Returns how many pods are wanted, available and Ready.
fn numbers(workload: Workload, found: &Value) -> (u64, u64, u64) {
    let status = |field: &str| found["status"][field].as_u64().unwrap_or(0);
    match workload {
        Workload::Deployment | Workload::StatefulSet => (
            found["spec"]["replicas"].as_u64().unwrap_or(1),
            status("availableReplicas"),
            status("readyReplicas"),
        ),
        Workload::DaemonSet => {
            (status("desiredNumberScheduled"), status("numberAvailable"), status("numberReady"))
        }
    }
}

/// Asks a Prometheus; the output is its answer.
///
/// # Errors
/// Why there was none.
pub(super) async fn prometheus(query: &PrometheusQuery, values: &Values) -> Result<Value, Why> {
    let base =
        values.setting("prometheus_base_url").and_then(Value::as_str).unwrap_or(PrometheusQuery::DEFAULT_URL);
    let at = |moment: Moment| -> Result<String, Why> {
        let then = match moment {
            Moment::Back(time) => now().checked_sub(time).map_err(|error| Why::Failed(error.to_string()))?,
            Moment::At(then) => then,
        };
        Ok(format!("{then:.3}"))
    };
    let mut pairs = vec![("query".to_owned(), query.query.clone())];
    let place = if let Some((start, end, step)) = &query.range {
        let range = [("start", at(*start)?), ("end", at(*end)?), ("step", step.to_string())];
        pairs.extend(range.map(|(name, value)| (name.to_owned(), value)));
        "query_range"
    } else {
        if let Some(when) = query.when {
            pairs.push(("time".to_owned(), at(when)?));
        }
        "query"
    };
    let timeout = query.timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let request = Request {
        url: format!("{}/api/v1/{place}", base.trim_end_matches('/')),
        method: "GET".to_owned(),
        headers: vec![("Accept".to_owned(), "application/json".to_owned())],
        connect_timeout: None,
        read_timeout: timeout,
        body: Body::Query(pairs),
        verify_tls: query.verify_tls,
        max_retries: 0,
    };
    let answer = http::ask(&request).await.map_err(Why::Failed)?;
    if answer["status"] != 200 {
        return Err(Why::Failed(format!("Prometheus answered {}", answer["status"])));
    }
    Ok(answer["body"].clone())
}
