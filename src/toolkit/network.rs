//! Actions beside pods: scale, restart, policies, faults of a mesh. What stays is put back at the end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::functions::kind_of;
use super::kill::refused;
use super::{Place, TICK, Undo, Why};
use crate::chaos::Candidate;
use crate::cluster::{Asked, Cluster};
use crate::experiment::{Direction, Fault, Function, Network, VirtualService};
use crate::keys::{MANAGED_BY, RESTARTED_AT};
use crate::model::Resource;
use crate::model::resource::PODS;
use crate::world::now;

/// How soon a policy has to be in force.
const TAKES: Duration = Duration::from_secs(10);

/// Does it.
///
/// # Errors
/// What the server said.
pub(super) async fn act(place: &Place<'_>, cluster: &Cluster, function: &Function) -> Result<Value, Why> {
    match function {
        Function::Scale { workload, name, namespace, replicas } => {
            let of = cluster.of_namespace(namespace);
            let (resource, _) = kind_of(*workload);
            let before = of.set_replicas(resource, name, *replicas).await.map_err(refused)?;
            place.done.borrow_mut().undo.push(Undo::Scale {
                workload: *workload,
                name: name.clone(),
                namespace: namespace.clone(),
                before,
                given: *replicas,
            });
            Ok(Value::Null)
        }
        Function::Restart { name, namespace } => {
            let of = cluster.of_namespace(namespace);
            let moment = format!("{:.0}", now());
            of.set_template_annotation(name, RESTARTED_AT, &moment).await.map_err(refused)?;
            Ok(Value::Null)
        }
        Function::Network(network) => policy(place, cluster, network).await,
        Function::VirtualService(service) => mesh(place, cluster, service).await,
        Function::TerminatePods { .. }
        | Function::ExecInPods(_)
        | Function::Pods(_)
        | Function::ReadLogs(_)
        | Function::FoundInLogs { .. }
        | Function::Workload(_)
        | Function::Delete(_)
        | Function::ServiceExists { .. }
        | Function::Node(_)
        | Function::Prometheus(_)
        | Function::Events { .. } => Err(Why::Failed("it is no such action".to_owned())),
    }
}

async fn policy(place: &Place<'_>, cluster: &Cluster, network: &Network) -> Result<Value, Why> {
    let of = cluster.of_namespace(&network.namespace);
    let name = network.direction.policy();
    if network.remove {
        of.delete_policy(name).await.map_err(refused)?;
        let is_other = |undo: &Undo| !matches!(undo, Undo::Policy { name: made, .. } if *made == name);
        place.done.borrow_mut().undo.retain(is_other);
        return Ok(Value::Null);
    }
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {MANAGED_BY: "rollout-plus"}},
        "spec": network.spec(),
    });
    of.create_policy(policy).await.map_err(refused)?;
    place.done.borrow_mut().undo.push(Undo::Policy { name, namespace: network.namespace.clone() });
    match network.direction {
        Direction::DenyIngress => is_cut(&of, network).await?,
        // What pods cannot reach is seen by themselves alone.
        Direction::DenyEgress | Direction::AllowDns => {}
    }
    Ok(Value::Null)
}

/// Makes sure that a policy is in force: where nothing enforces policies, everything holds and nothing is proven.
async fn is_cut(cluster: &Cluster, network: &Network) -> Result<(), Why> {
    let labels: Vec<String> = network.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let pods = cluster.objects_of(&PODS, Some(&labels.join(","))).await.map_err(refused)?;
    let asked = pods.iter().filter(|pod| Candidate::of(pod).ready).find_map(|pod| {
        let port = pod["spec"]["containers"]
            .as_array()?
            .iter()
            .find_map(|one| one["ports"][0]["containerPort"].as_u64())?;
        let name = pod["metadata"]["name"].as_str()?;
        Some(Asked::Pod(name.to_owned(), u16::try_from(port).ok()?))
    });
    let Some(asked) = asked else {
        return Err(Why::Nobody(
            "no Ready pod that it selects names a port: nothing shows whether it is cut off".into(),
        ));
    };
    let end = Instant::now() + TAKES;
    while Instant::now() < end {
        if !cluster.reaches(&asked).await {
            return Ok(());
        }
        sleep(TICK).await;
    }
    Err(Why::Nobody(
        "the pods still answer: nothing in this cluster enforces NetworkPolicies, or another one lets requests in".into(),
    ))
}

/// A fault in the routes of a `VirtualService`.
async fn mesh(place: &Place<'_>, cluster: &Cluster, service: &VirtualService) -> Result<Value, Why> {
    let of = cluster.of_namespace(&service.namespace);
    let resource = Resource {
        api_version: service.version.clone().into(),
        plural: "virtualservices".into(),
        namespaced: true,
    };
    let found = of.object_of(&resource, &service.name).await.map_err(refused)?;
    let Some(found) = found else {
        return Err(Why::Nobody(format!(
            "there is no VirtualService {} in namespace {}",
            service.name, service.namespace
        )));
    };
    let fault = match &service.fault {
        Fault::Look => return Ok(json!({"status": 200, "body": found})),
        Fault::Set(fault) => Some(Value::Object(fault.clone())),
        Fault::Unset => None,
    };
    let (patch, before) = service.patch(&found, fault.as_ref());
    if patch.is_empty() {
        return if fault.is_some() {
            Err(Why::Nobody(format!(
                "no route of VirtualService {} leads to these destinations",
                service.name
            )))
        } else {
            Ok(Value::Null)
        };
    }
    of.patch_object(&resource, &service.name, &patch).await.map_err(refused)?;
    let mut done = place.done.borrow_mut();
    let is_other =
        |undo: &Undo| !matches!(undo, Undo::Mesh { service: other, .. } if other.name == service.name);
    match fault {
        Some(_) if done.undo.iter().all(is_other) => {
            done.undo.push(Undo::Mesh { service: Box::new(service.clone()), before });
        }
        Some(_) => {}
        None => done.undo.retain(is_other),
    }
    Ok(Value::Null)
}

/// Puts back what stayed, the last first. Returns what could not be put back.
pub(super) async fn put_back(place: &Place<'_>) -> Vec<String> {
    let Some(cluster) = place.cluster else { return Vec::new() };
    let mut failed = Vec::new();
    let all = std::mem::take(&mut place.done.borrow_mut().undo);
    for undo in all.into_iter().rev() {
        if let Err(why) = one_back(cluster, &undo).await {
            failed.push(format!("{}: {}", undo.title(), why.text()));
        }
    }
    failed
}

async fn one_back(cluster: &Cluster, undo: &Undo) -> Result<(), Why> {
    match undo {
        Undo::Scale { workload, name, namespace, before, given } => {
            let of = cluster.of_namespace(namespace);
            let (resource, _) = kind_of(*workload);
            let now = of.object_of(resource, name).await.map_err(refused)?;
            let now = now.and_then(|now| now["spec"]["replicas"].as_u64());
            // Somebody else, or the experiment itself, has set it since.
            if now == Some(u64::from(*given)) && before != given {
                of.set_replicas(resource, name, *before).await.map_err(refused)?;
            }
            Ok(())
        }
        Undo::Policy { name, namespace } => {
            cluster.of_namespace(namespace).delete_policy(name).await.map_err(refused)
        }
        Undo::Mesh { service, before } => {
            let of = cluster.of_namespace(&service.namespace);
            let resource = Resource {
                api_version: service.version.clone().into(),
                plural: "virtualservices".into(),
                namespaced: true,
            };
            let Some(found) = of.object_of(&resource, &service.name).await.map_err(refused)? else {
                return Ok(());
            };
            let (patch, _) = service.patch(&found, before.as_ref());
            if patch.is_empty() {
                Ok(())
            } else {
                of.patch_object(&resource, &service.name, &patch).await.map_err(refused)
            }
        }
    }
}
