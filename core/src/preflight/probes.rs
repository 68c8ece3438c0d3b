//! RP001, RP008, RP010: probes, the time they may take, and the time that a pod has to go.

use serde_json::Value;

use crate::keys::NO_DEADLINE;
use crate::preflight::services::{selecting, target_containers};
use crate::preflight::{Facts, Finding, Judged, Level, Subject};

/// Seconds that a program gets between the end of preStop and SIGKILL at least.
const MARGIN: i64 = 5;

/// Without a readiness probe a pod is Ready as soon as it runs: a canary cannot be judged.
pub(super) fn readiness(subject: &Subject, facts: &Facts) -> Judged {
    let level = if subject.strategy.is_judged() { Level::Error } else { Level::Warning };
    let containers = subject.containers();
    let probed = |container: &Value| container["readinessProbe"].is_object();
    let mut found = Vec::new();
    for service in selecting(subject, facts)? {
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        let mut behind = target_containers(service, &containers);
        if behind.is_empty() {
            // The port is declared nowhere, so it may be any container's.
            if containers.iter().any(|(_, container)| probed(container)) {
                continue;
            }
            behind = containers.first().into_iter().collect();
        }
        for (path, container) in behind {
            let path = format!("{path}.readinessProbe");
            if probed(container) || found.iter().any(|finding: &Finding| finding.path == path) {
                continue;
            }
            let container = container["name"].as_str().unwrap_or_default();
            found.push(Finding::new(
                level,
                path,
                format!("container {container} is behind service/{name} and has no readiness probe: it gets requests as soon as its process runs"),
                "add a readinessProbe that fails until the container can serve",
            ));
        }
    }
    Ok(found)
}

/// The Deployment controller calls a rollout failed that its own probes still allow.
pub(super) fn deadline(subject: &Subject, _: &Facts) -> Judged {
    let spec = &subject.deployment.spec;
    let path = "spec.progressDeadlineSeconds";
    let deadline = spec.progress_deadline_seconds.unwrap_or(600);
    if deadline == NO_DEADLINE {
        let why = "means that a rolling update never counts as failed";
        return Ok(vec![Finding::warning(path, why, "set a deadline, for example 600")]);
    }
    let budgets = subject.containers().into_iter().map(|(_, container)| {
        let startup = probe_seconds(&container["startupProbe"], "failureThreshold", 3);
        startup.saturating_add(probe_seconds(&container["readinessProbe"], "successThreshold", 1))
    });
    let probes = budgets.max().unwrap_or(0);
    let available = spec.min_ready_seconds.unwrap_or(0);
    let budget = probes.saturating_add(available);
    Ok(if budget > deadline {
        vec![Finding::warning(
            path,
            format!(
                "is {deadline}, but the probes allow a start of {probes} s and minReadySeconds asks for {available} s more: a rollout that goes well may count as failed"
            ),
            format!("set it to more than {budget}, or shorten the startup probe"),
        )]
    } else {
        Vec::new()
    })
}

/// How long a probe may take until it decides, in seconds.
fn probe_seconds(probe: &Value, threshold: &str, default: i64) -> i64 {
    if !probe.is_object() {
        return 0;
    }
    let number = |field: &str, default: i64| probe[field].as_i64().unwrap_or(default);
    let tries = number("periodSeconds", 10).saturating_mul(number(threshold, default));
    number("initialDelaySeconds", 0).saturating_add(tries)
}

/// A pod that goes must finish its requests first.
pub(super) fn grace(subject: &Subject, facts: &Facts) -> Judged {
    let grace = subject.pod()["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    let mut found = Vec::new();
    for (path, container) in subject.containers() {
        let Some(sleep) = sleep_seconds(&container["lifecycle"]["preStop"]) else { continue };
        if grace <= sleep.saturating_add(MARGIN) {
            found.push(Finding::warning(
                "spec.template.spec.terminationGracePeriodSeconds",
                format!("is {grace}, and {path}.lifecycle.preStop sleeps {sleep} s of them: less than {MARGIN} s are left to end in order"),
                format!("set it to more than {}", sleep.saturating_add(MARGIN)),
            ));
        }
    }
    let containers = subject.containers();
    let drains = |container: &Value| container["lifecycle"]["preStop"].is_object();
    let services = selecting(subject, facts)?;
    if let Some(service) = services.first()
        && !containers.iter().any(|(_, container)| drains(container))
    {
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        found.push(Finding::warning(
            "spec.template.spec.containers[0].lifecycle.preStop",
            format!("is missing behind service/{name}: a pod that stops at once still gets requests until every proxy has heard of it"),
            "add lifecycle.preStop.sleep.seconds: 5, unless the program goes on serving after SIGTERM",
        ));
    }
    Ok(found)
}

/// The seconds that a preStop hook certainly sleeps.
fn sleep_seconds(hook: &Value) -> Option<i64> {
    if let Some(seconds) = hook["sleep"]["seconds"].as_i64() {
        return Some(seconds);
    }
    let words: Vec<&str> = hook["exec"]["command"].as_array()?.iter().filter_map(Value::as_str).collect();
    let sleep = |words: &[&str]| match words {
        ["sleep" | "/bin/sleep" | "/usr/bin/sleep", seconds] => seconds.parse().ok(),
        _ => None,
    };
    match words.as_slice() {
        ["sh" | "/bin/sh" | "bash" | "/bin/bash", "-c", line] => {
            sleep(&line.split_whitespace().collect::<Vec<_>>())
        }
        words => sleep(words),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Strategy;
    use crate::preflight::fixtures::{facts, service, subject, with};

    #[test]
    fn a_container_behind_a_service_needs_a_readiness_probe() {
        assert_eq!(readiness(&subject(), &facts()), Ok(vec![]));
        let bare = with("containers/0/readinessProbe", json!(null));
        let found = readiness(&bare, &facts()).unwrap();
        assert_eq!(
            (found[0].level, found[0].path.as_str()),
            (Level::Error, "spec.template.spec.containers[0].readinessProbe")
        );
        let rolling = Subject { strategy: Strategy::Rolling, ..bare.clone() };
        assert_eq!(readiness(&rolling, &facts()).unwrap()[0].level, Level::Warning);
        let mut elsewhere = facts();
        elsewhere.services = Ok(vec![json!({"spec": {"selector": {"app": "other"}}})]);
        assert_eq!(readiness(&bare, &elsewhere), Ok(vec![]), "no Service, no rule");
        elsewhere.services = Err("no right to list services".into());
        assert!(readiness(&bare, &elsewhere).is_err());
    }

    #[test]
    fn only_the_container_behind_the_port_counts() {
        let sidecar = json!([
            {"name": "web", "ports": [{"name": "http", "containerPort": 8080}], "readinessProbe": {"tcpSocket": {"port": 8080}}},
            {"name": "log"}]);
        assert_eq!(readiness(&with("containers", sidecar.clone()), &facts()), Ok(vec![]));
        let mut undeclared = facts();
        let mut other = service();
        other["spec"]["ports"] = json!([{"port": 9000}]);
        undeclared.services = Ok(vec![other]);
        assert_eq!(readiness(&with("containers", sidecar), &undeclared), Ok(vec![]));
        assert_eq!(readiness(&with("containers", json!([{"name": "web"}])), &undeclared).unwrap().len(), 1);
    }

    #[test]
    fn the_probes_must_fit_into_the_deadline() {
        assert_eq!(deadline(&subject(), &facts()), Ok(vec![]));
        let slow = json!({"periodSeconds": 10, "failureThreshold": 60, "initialDelaySeconds": 1});
        let found = deadline(&with("containers/0/startupProbe", slow), &facts()).unwrap();
        // 1 + 10 * 60 of the startup probe, 10 of the readiness probe.
        insta::assert_snapshot!(found[0].why, @"is 600, but the probes allow a start of 611 s and minReadySeconds asks for 0 s more: a rollout that goes well may count as failed");
        let mut slow = subject();
        slow.deployment.spec.min_ready_seconds = Some(590);
        assert_eq!(deadline(&slow, &facts()), Ok(vec![]), "600 is not more than 600");
        slow.deployment.spec.min_ready_seconds = Some(591);
        assert_eq!(deadline(&slow, &facts()).unwrap().len(), 1);
        slow.deployment.spec.progress_deadline_seconds = Some(NO_DEADLINE);
        assert!(deadline(&slow, &facts()).unwrap()[0].why.contains("never"));
    }

    #[test]
    fn only_a_provable_sleep_counts() {
        for (hook, seconds) in [
            (json!({"sleep": {"seconds": 30}}), Some(30)),
            (json!({"exec": {"command": ["sleep", "30"]}}), Some(30)),
            (json!({"exec": {"command": ["/bin/sh", "-c", "sleep 30"]}}), Some(30)),
            (json!({"exec": {"command": ["sh", "-c", "sleep 30; nginx -s quit"]}}), None),
            (json!({"exec": {"command": ["drain"]}}), None),
            (json!({"httpGet": {"path": "/drain"}}), None),
            (json!(null), None),
        ] {
            assert_eq!(sleep_seconds(&hook), seconds, "{hook}");
        }
    }

    #[test]
    fn a_pod_needs_time_to_go() {
        assert_eq!(grace(&subject(), &facts()), Ok(vec![]));
        let sleeps = |seconds: i64| with("containers/0/lifecycle/preStop/sleep/seconds", json!(seconds));
        assert_eq!(grace(&sleeps(24), &facts()), Ok(vec![]));
        assert!(grace(&sleeps(25), &facts()).unwrap()[0].why.starts_with("is 30"));
        let none = with("containers/0/lifecycle", json!(null));
        assert!(grace(&none, &facts()).unwrap()[0].path.ends_with("preStop"));
        let mut alone = facts();
        alone.services = Ok(vec![]);
        assert_eq!(grace(&none, &alone), Ok(vec![]));
    }
}
