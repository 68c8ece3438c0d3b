//! Why a function is dangerous.

use super::{Danger, Terms};
use crate::brief;
use crate::experiment::function::{Fault, Function, Mode, Pick};
use crate::experiment::{Activity, ActivityKind};

/// Up to this share of the candidates, pods are hit without a word; above, it counts as all of them.
const MOST_PERCENT: u64 = 50;

/// Returns why a function is dangerous.
pub(super) fn dangers(function: &Function, activity: &Activity, terms: &Terms) -> Vec<(Danger, String)> {
    let mut found = Vec::new();
    match function {
        Function::TerminatePods { pick, .. } => found.extend(of_pick(pick)),
        Function::ExecInPods(exec) => {
            found.push((Danger::Exec, "it runs a command in pods, which is not done here".to_owned()));
            found.extend(of_pick(&exec.pick));
        }
        Function::Scale { name, namespace, replicas, .. } => {
            let why = format!(
                "it scales {name} in namespace {namespace} to {replicas}, which stays if the run is killed"
            );
            found.push((Danger::Scale, why));
        }
        Function::Restart { name, namespace } => {
            found
                .push((Danger::Restart, format!("it replaces every pod of {name} in namespace {namespace}")));
        }
        Function::Delete(delete) => {
            found.push((
                Danger::Delete,
                format!("it deletes {}, which nothing brings back", delete.deleted.words()),
            ));
        }
        Function::Network(network) if !network.remove => {
            if network.labels.is_empty() {
                let place = &network.namespace;
                let why = format!("it has no label_selectors: it is for every pod of namespace {place}");
                found.push((Danger::NoSelector, why));
            }
            let policy = network.direction.policy();
            let why = format!("it makes networkpolicy/{policy}, which stays if the run is killed");
            found.push((Danger::Network, why));
        }
        Function::VirtualService(service) if matches!(service.fault, Fault::Set(_)) => {
            let name = &service.name;
            let why =
                format!("it changes routes of virtualservice/{name}, which stay so if the run is killed");
            found.push((Danger::Network, why));
        }
        Function::Node(node) => {
            let rights = node.rights.join(", ");
            found.push((
                Danger::Node,
                format!("it needs rights of the whole cluster ({rights}), which a run never uses"),
            ));
        }
        Function::Network(_)
        | Function::VirtualService(_)
        | Function::Pods(_)
        | Function::ReadLogs(_)
        | Function::FoundInLogs { .. }
        | Function::Workload(_)
        | Function::ServiceExists { .. }
        | Function::Prometheus(_)
        | Function::Events { .. } => {}
    }
    if function.kind() == ActivityKind::Action
        && let Some(namespace) = function.namespace().filter(|namespace| *namespace != terms.namespace)
    {
        let own = &terms.namespace;
        let why = match activity.document["provider"]["arguments"].get("ns") {
            Some(_) => format!("it acts in namespace {namespace}, and the run is in {own}"),
            None => format!("it has no ns, which is namespace {namespace}, and the run is in {own}"),
        };
        found.push((Danger::Namespace, why));
    }
    found.retain(|(danger, _)| !terms.allowed.contains(danger) || danger.allow().is_none());
    found.into_iter().map(|(danger, why)| (danger, brief::line(&why, 300))).collect()
}

fn of_pick(pick: &Pick) -> Vec<(Danger, String)> {
    let mut found = Vec::new();
    if pick.candidates.label_selector.is_none() && pick.candidates.name_pattern.is_none() {
        let namespace = &pick.candidates.namespace;
        let why = format!(
            "it has neither label_selector nor name_pattern: every pod of namespace {namespace} may be hit"
        );
        found.push((Danger::NoSelector, why));
    }
    if pick.all {
        found.push((Danger::All, "it hits all pods that match".to_owned()));
    } else if pick.mode == Mode::Percentage && pick.quantity > MOST_PERCENT {
        let share = pick.quantity;
        found.push((
            Danger::All,
            format!("it hits {share}% of the pods that match; {MOST_PERCENT}% are allowed"),
        ));
    }
    found
}
