//! RP018: pods that exclude each other from a node.

use serde_json::Value;

use crate::keys::POD_TEMPLATE_HASH;
use crate::preflight::{Facts, Finding, Judged, Subject, selector};

/// Whether no two pods of the template fit on one node.
pub fn wants_own_nodes(subject: &Subject) -> bool {
    reason(subject).is_some()
}

/// What keeps two pods from one node: its path, and the words for it.
fn reason(subject: &Subject) -> Option<(String, &'static str)> {
    for (path, container) in subject.all_containers() {
        let host_port = |port: &Value| port["hostPort"].as_i64().unwrap_or(0) > 0;
        if container["ports"].as_array().into_iter().flatten().any(host_port) {
            return Some((format!("{path}.ports"), "a hostPort"));
        }
    }
    if subject.pod()["hostNetwork"] == true
        && subject.all_containers().iter().any(|(_, container)| container["ports"].is_array())
    {
        return Some(("spec.template.spec.hostNetwork".into(), "ports on the host's network"));
    }
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let labels = subject.labels();
    let excludes_itself = |term: &Value| {
        let by_version = term["matchLabelKeys"].as_array().into_iter().flatten();
        term["topologyKey"] == "kubernetes.io/hostname"
            && selector::matches(&term["labelSelector"], &labels)
            // Then pods of another version are no obstacle.
            && by_version.into_iter().all(|key| key != POD_TEMPLATE_HASH)
    };
    let terms = subject.pod()["affinity"]["podAntiAffinity"][required].as_array();
    terms.into_iter().flatten().any(excludes_itself).then(|| {
        (
            format!("spec.template.spec.affinity.podAntiAffinity.{required}"),
            "a required anti-affinity to itself",
        )
    })
}

/// Each pod of the surge needs a node of its own.
pub(super) fn nodes(subject: &Subject, facts: &Facts) -> Judged {
    let Some((path, what)) = reason(subject).filter(|_| subject.surge_pods > 0) else {
        return Ok(Vec::new());
    };
    let nodes = facts.nodes.as_ref().map_err(Clone::clone)?;
    let usable = nodes.iter().filter(|node| can_have(node, subject.pod())).count();
    let wanted = u64::from(subject.deployment.replicas()) + u64::from(subject.surge_pods);
    Ok(if (usable as u64) < wanted {
        vec![Finding::warning(
            path,
            format!(
                "{what} allows one pod on each node: {wanted} pods need as many nodes, and {usable} can have one"
            ),
            "drop it, add nodes, or ask for fewer pods",
        )]
    } else {
        Vec::new()
    })
}

/// Whether a node takes new pods of this spec, as far as labels and taints tell.
fn can_have(node: &Value, pod: &Value) -> bool {
    let spec = &node["spec"];
    let labels = &node["metadata"]["labels"];
    let mut conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    let not_ready = conditions.any(|condition| condition["type"] == "Ready" && condition["status"] != "True");
    let tolerations: Vec<&Value> = pod["tolerations"].as_array().into_iter().flatten().collect();
    let tolerated = |taint: &Value| {
        tolerations.iter().any(|toleration| {
            let any = toleration["operator"] == "Exists";
            (toleration["key"] == taint["key"] || (any && toleration["key"].is_null()))
                && (any
                    || toleration["value"].as_str().unwrap_or("") == taint["value"].as_str().unwrap_or(""))
                && (toleration["effect"].is_null() || toleration["effect"] == taint["effect"])
        })
    };
    let mut taints = spec["taints"].as_array().into_iter().flatten();
    let mut wanted = pod["nodeSelector"].as_object().into_iter().flatten();
    !not_ready
        && spec["unschedulable"] != true
        && taints.all(|taint| taint["effect"] == "PreferNoSchedule" || tolerated(taint))
        && wanted.all(|(key, value)| labels[key] == *value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::fixtures::{facts, subject, with};

    fn with_nodes(count: usize) -> Facts {
        let mut facts = facts();
        facts.nodes = Ok(vec![json!({"metadata": {"labels": {"disk": "ssd"}}, "spec": {}}); count]);
        facts
    }

    #[test]
    fn pods_that_exclude_each_other_need_nodes() {
        assert_eq!(nodes(&subject(), &with_nodes(0)), Ok(vec![]), "pods that share nodes");
        let term = json!([{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]);
        let path = "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
        for alone in [
            with("containers/0/ports/0/hostPort", json!(80)),
            with(path, term.clone()),
            with("hostNetwork", json!(true)),
        ] {
            // Three replicas and one more.
            assert_eq!(nodes(&alone, &with_nodes(4)), Ok(vec![]));
            assert_eq!(nodes(&alone, &with_nodes(3)).unwrap().len(), 1);
            let mut unread = facts();
            unread.nodes = Err("no right to list nodes".into());
            assert!(nodes(&alone, &unread).is_err());
        }
        let mut by_version = term.clone();
        by_version[0]["matchLabelKeys"] = json!(["pod-template-hash"]);
        assert!(!wants_own_nodes(&with(path, by_version)));
        let mut other = term;
        other[0]["labelSelector"]["matchLabels"]["app"] = json!("db");
        assert!(!wants_own_nodes(&with(path, other)));
    }

    #[test]
    fn only_nodes_that_take_the_pods_count() {
        let node = json!({"metadata": {"labels": {"disk": "ssd"}}, "spec": {}});
        let pod =
            json!({"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]});
        let change = |path: &str, value: Value| {
            let mut node = node.clone();
            node["spec"][path] = value;
            can_have(&node, &pod)
        };
        assert!(can_have(&node, &pod));
        assert!(!can_have(&json!({"spec": {}}), &pod));
        assert!(!change("unschedulable", json!(true)));
        assert!(!change("taints", json!([{"key": "cp", "effect": "NoSchedule"}])));
        assert!(change("taints", json!([{"key": "gpu", "value": "1", "effect": "NoSchedule"}])));
        assert!(change("taints", json!([{"key": "cp", "effect": "PreferNoSchedule"}])));
    }
}
