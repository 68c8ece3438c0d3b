//! RP020: the Services in front of the pods.

use serde_json::Value;

use crate::preflight::{Facts, Finding, Judged, Subject};

/// Whether a Service selects pods with the subject's labels. One without a selector selects none.
pub fn selects(service: &Value, subject: &Subject) -> bool {
    let labels = subject.labels();
    let Some(selector) = service["spec"]["selector"].as_object() else { return false };
    service["spec"]["type"] != "ExternalName"
        && !selector.is_empty()
        && selector.iter().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
}

/// The Services that select the subject's pods.
pub(super) fn selecting<'f>(subject: &Subject, facts: &'f Facts) -> Result<Vec<&'f Value>, String> {
    let services = facts.services.as_ref().map_err(Clone::clone)?;
    Ok(services.iter().filter(|service| selects(service, subject)).collect())
}

/// The containers that declare a port which the Service targets.
pub(super) fn target_containers<'c, 'v>(
    service: &Value,
    containers: &'c [(String, &'v Value)],
) -> Vec<&'c (String, &'v Value)> {
    let ports = || service["spec"]["ports"].as_array().into_iter().flatten();
    let declares = |container: &Value| {
        let mut declared = container["ports"].as_array().into_iter().flatten();
        declared.any(|port| {
            ports().map(target).any(|target| *target == port["name"] || *target == port["containerPort"])
        })
    };
    containers.iter().filter(|(_, container)| declares(container)).collect()
}

/// A port that names no target goes to the port of the same number.
fn target(port: &Value) -> &Value {
    if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] }
}

/// A named port that the pods lack gives the Service no endpoint for them.
pub(super) fn target_ports(subject: &Subject, facts: &Facts) -> Judged {
    let containers = subject.containers();
    let mut found = Vec::new();
    for service in selecting(subject, facts)? {
        let object = format!("service/{}", service["metadata"]["name"].as_str().unwrap_or_default());
        for (index, port) in service["spec"]["ports"].as_array().into_iter().flatten().enumerate() {
            let Some(named) = target(port).as_str() else { continue };
            let mut declared =
                containers.iter().flat_map(|(_, c)| c["ports"].as_array().into_iter().flatten());
            if !declared.any(|port| port["name"] == named) {
                let why = format!("{named} is no port of the new template: its pods would get no requests");
                let fix = format!("name a container's port {named}, or change the Service");
                found.push(
                    Finding::error(format!("spec.ports[{index}].targetPort"), why, fix).on(object.clone()),
                );
            }
        }
    }
    Ok(found)
}

/// A Service that serves nobody now hides what the new version would do.
pub(super) fn endpoints(subject: &Subject, facts: &Facts) -> Judged {
    if subject.live.as_ref().is_none_or(|live| live.replicas() == 0) {
        return Ok(Vec::new());
    }
    let mut services = selecting(subject, facts)?;
    // One that stands in a manifest only has none yet.
    services.retain(|service| service["metadata"]["uid"].is_string());
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let slices = facts.endpoint_slices.as_ref().map_err(Clone::clone)?;
    let ready = |name: &Value| {
        let of_service = |slice: &&Value| slice["metadata"]["labels"]["kubernetes.io/service-name"] == *name;
        // Ready is true where the API leaves it out.
        let is_ready = |endpoint: &Value| endpoint["conditions"]["ready"] != false;
        let mut endpoints = slices
            .iter()
            .filter(of_service)
            .flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
        endpoints.any(is_ready)
    };
    let silent = services.into_iter().filter(|service| !ready(&service["metadata"]["name"]));
    Ok(silent
        .map(|service| {
            let name = service["metadata"]["name"].as_str().unwrap_or_default();
            Finding::warning(
                "",
                "has no Ready endpoint: nobody is served",
                "get the stable version healthy first",
            )
            .on(format!("service/{name}"))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::fixtures::{facts, slice, subject, with};

    #[test]
    fn a_named_port_must_stay() {
        assert_eq!(target_ports(&subject(), &facts()), Ok(vec![]));
        let renamed = with("containers/0/ports/0/name", json!("web"));
        let found = target_ports(&renamed, &facts()).unwrap();
        assert_eq!(
            (found[0].object.as_str(), found[0].path.as_str()),
            ("service/web", "spec.ports[0].targetPort")
        );
        let mut by_number = facts();
        by_number.services = Ok(vec![
            json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        ]);
        assert_eq!(target_ports(&renamed, &by_number), Ok(vec![]));
    }

    #[test]
    fn a_service_without_ready_endpoints_is_found() {
        assert_eq!(endpoints(&subject(), &facts()), Ok(vec![]));
        let mut silent = facts();
        silent.endpoint_slices = Ok(vec![slice(false)]);
        assert_eq!(endpoints(&subject(), &silent).unwrap()[0].object, "service/web");
        silent.endpoint_slices = Err("no right to list endpointslices".into());
        assert!(endpoints(&subject(), &silent).is_err());
        silent.services = Ok(vec![]);
        assert_eq!(endpoints(&subject(), &silent), Ok(vec![]), "not needed without a Service");
    }

    #[test]
    fn a_service_selects_by_all_its_labels() {
        for (selector, expected) in [
            (json!({"app": "web"}), true),
            (json!({"app": "web", "pod-template-hash": "1"}), false),
            (json!({}), false),
            (json!(null), false),
        ] {
            assert_eq!(selects(&json!({"spec": {"selector": selector}}), &subject()), expected);
        }
    }
}
