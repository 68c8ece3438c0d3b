//! RP014: whether the pods beside those of now are let in.

use serde_json::Value;

use crate::check::pod_size::{of_container, of_pod, read};
use crate::check::{Facts, Finding, Judged, Kind, Quantity, Subject, references};

const TEMPLATE: &str = "spec.template";

/// The pod as the server would make it, with the defaults of LimitRanges and injected sidecars, or else as it
/// is written.
fn pod<'a>(subject: &'a Subject, facts: &'a Facts) -> &'a Value {
    match &facts.pod_dry_run {
        Ok(Ok(pod)) => &pod["spec"],
        _ => subject.pod(),
    }
}

/// The arithmetic of ResourceQuotas for all pods of the surge: a dry run tries only one.
pub(super) fn headroom(subject: &Subject, facts: &Facts) -> Judged {
    if subject.surge_pods == 0 {
        return Ok(Vec::new());
    }
    let quotas = facts.quotas.as_ref().map_err(Clone::clone)?;
    let amounts = of_pod(pod(subject, facts));
    let mut found = Vec::new();
    for quota in quotas.iter().filter(|quota| applies(quota, amounts.is_empty())) {
        let hard = [&quota["status"]["hard"], &quota["spec"]["hard"]];
        let hard = hard.into_iter().find_map(Value::as_object);
        for (key, limit) in hard.into_iter().flatten() {
            let one = match key.as_str() {
                "pods" | "count/pods" => Some(Quantity::whole(1)),
                "cpu" | "memory" | "ephemeral-storage" => amounts.get(&format!("requests.{key}")).copied(),
                key => amounts.get(key).copied(),
            };
            let (Some(one), Some(limit)) = (one, read(limit)) else { continue };
            let used = read(&quota["status"]["used"][key]).unwrap_or_default();
            let need = one * subject.surge_pods;
            // A quota that is overrun refuses only who asks for more of it.
            if need > Quantity::default() && used + need > limit {
                let name = quota["metadata"]["name"].as_str().unwrap_or_default();
                let free = (limit - used).max(Quantity::default());
                let why = format!(
                    "leaves {free} of {limit}, and {} more {} need {need}",
                    subject.surge_pods,
                    if subject.surge_pods == 1 { "pod" } else { "pods" }
                );
                found.push(
                    Finding::error(
                        format!("spec.hard.{key}"),
                        why,
                        "raise the quota, or ask for fewer pods or less for each",
                    )
                    .on(format!("resourcequota/{name}")),
                );
            }
        }
    }
    Ok(found)
}

/// Whether a quota counts the pods of a Deployment. A scope that cannot be told from the pod (a priority class)
/// is left to the server's dry run.
fn applies(quota: &Value, best_effort: bool) -> bool {
    quota["spec"]["scopeSelector"].is_null()
        && quota["spec"]["scopes"].as_array().into_iter().flatten().all(|scope| match scope.as_str() {
            Some("NotTerminating") => true,
            Some("BestEffort") => best_effort,
            Some("NotBestEffort") => !best_effort,
            _ => false,
        })
}

/// Quota, LimitRange, PodSecurity and admission webhooks in the server's own words.
pub(super) fn admission(subject: &Subject, facts: &Facts) -> Judged {
    let Err(message) = facts.pod_dry_run.as_ref().map_err(Clone::clone)? else { return Ok(Vec::new()) };
    // Other rules say the same, and where.
    let found = |judged: Judged| judged.is_ok_and(|found| !found.is_empty());
    if (message.contains("exceeded quota") && found(headroom(subject, facts)))
        || (message.contains("looking up service account")
            && found(references::exist(subject, facts, Kind::ServiceAccount)))
    {
        return Ok(Vec::new());
    }
    let fix = if message.contains("PodSecurity") {
        "meet the policy of the namespace, or have it changed: kubectl get namespace --show-labels"
    } else {
        "change the template, or what refuses it"
    };
    Ok(vec![Finding::error(TEMPLATE, format!("is refused as a pod: {message}"), fix)])
}

/// LimitRanges, where the server was not asked.
pub(super) fn limit_ranges(subject: &Subject, facts: &Facts) -> Judged {
    if facts.pod_dry_run.is_ok() {
        return Ok(Vec::new());
    }
    let ranges = facts.limit_ranges.as_ref().map_err(Clone::clone)?;
    let mut found = Vec::new();
    let items = ranges.iter().flat_map(|range| {
        let items = range["spec"]["limits"].as_array().into_iter().flatten();
        items.filter(|item| item["type"] == "Container").map(move |item| (range, item))
    });
    for (range, item) in items {
        for (path, container) in subject.all_containers() {
            for (bound, part, default) in
                [("min", "requests", "defaultRequest"), ("max", "limits", "default")]
            {
                for (name, limit) in item[bound].as_object().into_iter().flatten() {
                    let own = of_container(container, part, name).or_else(|| read(&item[default][name]));
                    let (Some(own), Some(limit)) = (own, read(limit)) else { continue };
                    if (bound == "min" && own < limit) || (bound == "max" && own > limit) {
                        let range = range["metadata"]["name"].as_str().unwrap_or_default();
                        found.push(Finding::error(
                            format!("{path}.resources.{part}.{name}"),
                            format!("is {own}, and limitrange/{range} has the {bound} {limit}"),
                            format!("stay within the {bound}"),
                        ));
                    }
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::fixtures::{facts, subject, with};

    fn quota(hard: &Value, used: &Value) -> Facts {
        let mut facts = facts();
        facts.quotas = Ok(vec![
            json!({"metadata": {"name": "q"}, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}}),
        ]);
        facts
    }

    #[test]
    fn the_surge_must_fit_into_the_quota() {
        assert_eq!(headroom(&subject(), &facts()), Ok(vec![]));
        let two = Subject { surge_pods: 2, ..subject() };
        for (key, limit, used, fits) in [
            ("pods", "5", "3", true),
            ("pods", "4", "3", false),
            ("count/pods", "4", "3", false),
            ("requests.cpu", "500m", "300m", true),
            ("requests.cpu", "499m", "300m", false),
            ("cpu", "499m", "300m", false),
            ("requests.memory", "1Gi", "900Mi", false),
            ("limits.memory", "1Mi", "1Mi", true),
            ("services", "1", "1", true),
        ] {
            let found = headroom(&two, &quota(&json!({key: limit}), &json!({key: used}))).unwrap();
            assert_eq!(found.is_empty(), fits, "{key} {limit} {used}");
        }
        let found = headroom(&two, &quota(&json!({"pods": "4"}), &json!({"pods": "3"}))).unwrap();
        assert_eq!(found[0].why, "leaves 1 of 4, and 2 more pods need 2");
        assert_eq!((found[0].object.as_str(), found[0].path.as_str()), ("resourcequota/q", "spec.hard.pods"));
        let none = Subject { surge_pods: 0, ..subject() };
        assert_eq!(headroom(&none, &quota(&json!({"pods": "1"}), &json!({"pods": "3"}))), Ok(vec![]));
    }

    #[test]
    fn the_pod_of_the_server_counts_with_its_defaults() {
        let mut tight = quota(&json!({"requests.cpu": "1"}), &json!({"requests.cpu": "0"}));
        assert_eq!(headroom(&subject(), &tight), Ok(vec![]));
        tight.pod_dry_run =
            Ok(Ok(json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "2"}}}]}})));
        assert_eq!(headroom(&subject(), &tight).unwrap().len(), 1);
    }

    #[test]
    fn quotas_of_other_scopes_do_not_count() {
        for (scope, count) in [
            ("NotTerminating", 1),
            ("Terminating", 0),
            ("BestEffort", 0),
            ("NotBestEffort", 1),
            ("PriorityClass", 0),
        ] {
            let mut facts = quota(&json!({"pods": "0"}), &json!({}));
            facts.quotas.as_mut().unwrap()[0]["spec"]["scopes"] = json!([scope]);
            assert_eq!(headroom(&subject(), &facts).unwrap().len(), count, "{scope}");
        }
    }

    #[test]
    fn a_pod_that_the_server_refuses_is_found() {
        assert_eq!(admission(&subject(), &facts()), Ok(vec![]));
        let mut other = facts();
        other.pod_dry_run = Ok(Err("violates PodSecurity \"restricted:latest\"".into()));
        let found = admission(&subject(), &other).unwrap();
        assert!(found[0].why.contains("restricted") && found[0].fix.contains("namespace"), "{found:?}");
        let mut full = quota(&json!({"pods": "3"}), &json!({"pods": "3"}));
        full.pod_dry_run = Ok(Err("exceeded quota: q".into()));
        assert_eq!(admission(&subject(), &full), Ok(vec![]), "said once");
        full.quotas = Err("no right".into());
        assert_eq!(admission(&subject(), &full).unwrap().len(), 1);
        let mut account = with("serviceAccountName", json!("nobody"));
        let mut none = facts();
        none.pod_dry_run = Ok(Err("error looking up service account shop/nobody".into()));
        assert_eq!(admission(&account, &none).unwrap().len(), 1);
        none.named.insert((Kind::ServiceAccount, "nobody".into()), Ok(None));
        assert_eq!(admission(&account, &none), Ok(vec![]), "said once");
        account.deployment.spec.template["spec"]["serviceAccountName"] = json!("default");
        assert_eq!(admission(&account, &none).unwrap().len(), 1);
        full.pod_dry_run = Err("no right to create pods".into());
        assert!(admission(&subject(), &full).is_err());
    }

    #[test]
    fn limit_ranges_count_where_the_server_was_not_asked() {
        let mut other = facts();
        other.limit_ranges = Ok(vec![json!({"metadata": {"name": "r"}, "spec": {"limits": [
            {"type": "Container", "min": {"cpu": "200m"}, "max": {"memory": "1Gi"}, "default": {"memory": "2Gi"}}]}})]);
        assert_eq!(limit_ranges(&subject(), &other), Ok(vec![]));
        other.pod_dry_run = Err("no right to create pods".into());
        let found = limit_ranges(&subject(), &other).unwrap();
        assert!(found[0].why.contains("is 100m") && found[1].why.contains("is 2048Mi"), "{found:?}");
        let fits = with(
            "containers/0/resources",
            json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "1Gi"}}),
        );
        assert_eq!(limit_ranges(&fits, &other), Ok(vec![]));
    }
}
