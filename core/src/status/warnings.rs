//! What is left over or dangerous, and what to do about it.

use crate::journal::Journal;
use crate::model::{GITOPS_MANAGERS, GITOPS_MARKS, Revision, images};
use crate::situation::{HoldSource, Phase, Situation};
use crate::status::{TrafficStatus, Warning};

/// Returns leftovers and dangers, each with what to do.
pub(super) fn warnings(
    situation: &Situation<'_>,
    traffic: Option<&TrafficStatus>,
    autoscalers: &[String],
) -> Vec<Warning> {
    let workload = situation.workload();
    let id = workload.id();
    let verb = |verb: &str| id.command(verb);
    let mut found = Vec::new();
    let mut warn = |code, message: String| found.push(Warning { code, message });
    if let Some(fault) = &situation.observed.fault {
        warn(
            "fault",
            format!(
                "{} of {} is not over: pods {}, {} since {}, for {} s at most: {}",
                fault.fault.name(),
                fault.run.holder,
                fault.names(),
                fault.fault.done(),
                fault.since,
                fault.seconds,
                verb("abort")
            ),
        );
    }
    if let Some(hold) = &situation.hold {
        match hold.source {
            HoldSource::Annotation => {}
            HoldSource::Journal => warn(
                "held-without-annotation",
                format!(
                    "held, but the record of this hold is not on the {}: {}",
                    id.kind.kind,
                    verb("abort")
                ),
            ),
            HoldSource::Nowhere => warn(
                "held-without-record",
                format!(
                    "held, but nothing says what the settings were: abort and promote restore the API's defaults: {}",
                    verb("abort")
                ),
            ),
        }
        if situation.is_superseded() {
            warn(
                "superseded",
                format!(
                    "a third version ({}) took the place of the canary: {}",
                    images(&workload.spec.template).join(", "),
                    verb("abort")
                ),
            );
        } else if situation.is_taken_back() {
            warn(
                "undone",
                format!(
                    "the stable template is back under the hold; canary pods may still serve: {}",
                    verb("abort")
                ),
            );
        }
        if let Some(record) = &hold.record
            && !(workload.has_limits(record.bounds) && workload.has_no_deadline())
        {
            warn(
                "field-changed",
                format!(
                    "the strategy or the deadline was changed during the hold; abort and promote keep those: {}",
                    verb("abort")
                ),
            );
        }
        let (wanted, have) = (workload.replicas(), situation.stable.map_or(0, Revision::replicas));
        if have < wanted {
            warn(
                "stable-shrunk",
                format!("the stable set is {have} of {wanted} pods; it grows back only by {}", verb("abort")),
            );
        }
    } else {
        if situation.observed.has_broken_hold() {
            warn(
                "leftover",
                format!("no longer held, but some settings of a hold are left: {}", verb("abort")),
            );
        }
        let open = situation.observed.journal.as_ref().is_some_and(Journal::is_open);
        if open
            && situation.phase != Phase::Idle
            && situation.observed.lock.as_ref().is_none_or(|lock| lock.holder.is_none())
        {
            warn("interrupted", format!("a run was interrupted: {} or {}", verb("resume"), verb("abort")));
        }
    }
    for service in traffic.map(TrafficStatus::deserted).into_iter().flatten() {
        warn(
            "no-pods",
            format!(
                "requests go to service/{service}, and none of its pods is Ready: these fail: {}",
                verb("abort")
            ),
        );
    }
    if let Some((service, _)) = situation.loose_pin() {
        // Whether a run lives cannot be told at one look.
        let unless = match situation.observed.lock.as_ref().and_then(|lock| lock.holder.as_deref()) {
            Some(holder) => format!("unless the run of {holder} is alive, nothing holds it"),
            None => "nothing holds it".to_owned(),
        };
        warn(
            "pinned",
            format!(
                "service/{service} is pinned to one version and {unless}: the next ordinary deploy would lose all endpoints: {}",
                verb("abort")
            ),
        );
    }
    if workload.spec.paused {
        warn("paused", format!("paused: no template change takes effect ({})", id.kubectl("rollout resume")));
    }
    if let Some(message) = workload.deadline_exceeded() {
        warn("failed", message.to_owned());
    }
    for name in autoscalers {
        warn(
            "autoscaler",
            format!("HorizontalPodAutoscaler {name} changes the number of pods, and with it the share"),
        );
    }
    if let Some(owner) = gitops_owner(situation) {
        warn("gitops", format!("{owner} may put its own template and settings back while a canary is held"));
    }
    found
}

/// Names the tool that keeps the workload as some repository has it.
fn gitops_owner(situation: &Situation<'_>) -> Option<String> {
    let metadata = &situation.workload().metadata;
    let marked = |key: &str| {
        metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(key))
            || metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(key))
    };
    let managed = |name: &str| {
        metadata.managed_fields.iter().flatten().any(|entry| entry.manager.as_deref() == Some(name))
    };
    let mark = GITOPS_MARKS.iter().find(|(key, _)| marked(key));
    let manager = GITOPS_MANAGERS.iter().find(|(name, _)| managed(name));
    mark.or(manager).map(|(key, tool)| format!("{tool} ({key})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{held, idle};
    use crate::journal::LockState;
    use crate::keys;
    use crate::situation::Observed;
    use crate::traffic::{Target, Traffic};

    fn pinned(mut observed: Observed) -> Observed {
        let service = json!({"metadata": {"name": "web", "annotations": {keys::SELECTOR_ANNOTATION: "{\"app\":\"web\"}"}},
            "spec": {"selector": {"app": "web", "pod-template-hash": "web-2"}}});
        observed.traffic = Some(Traffic::direct("web"));
        observed.traffic_objects.objects.insert(Target::service("shop", "web"), service);
        observed
    }

    fn messages(observed: &Observed) -> Vec<String> {
        let all = warnings(&Situation::of(observed), None, &[]);
        all.into_iter().filter(|warning| warning.code == "pinned").map(|warning| warning.message).collect()
    }

    #[test]
    fn among_many_a_pinned_service_is_that_of_its_own_pods() {
        let seen = |namespace: &str, app: &str, mut observed: Observed| {
            let labels = json!({"app": app, "pod-template-hash": "web-2"});
            let service = json!({"metadata": {"name": "front", "namespace": namespace,
                "annotations": {keys::SELECTOR_ANNOTATION: "{}"}}, "spec": {"selector": labels}});
            observed.workload.spec.template["metadata"]["labels"] = json!({"app": "web"});
            observed.see_pinned(&[service]);
            messages(&observed)
        };
        insta::assert_snapshot!(seen("shop", "web", idle())[0], @"service/front is pinned to one version and nothing holds it: the next ordinary deploy would lose all endpoints: kubectl rollout-plus abort web -n shop");
        for (namespace, app, observed) in
            [("other", "web", idle()), ("shop", "api", idle()), ("shop", "web", held())]
        {
            assert_eq!(seen(namespace, app, observed), [""; 0], "{namespace} {app}");
        }
    }

    #[test]
    fn a_service_that_stayed_pinned_is_named_with_the_way_out() {
        let mut observed = pinned(idle());
        assert_eq!(
            messages(&observed),
            [
                "service/web is pinned to one version and nothing holds it: the next ordinary deploy would lose all \
              endpoints: kubectl rollout-plus abort web -n shop"
            ]
        );
        observed.lock = Some(LockState { holder: Some("me@here/r1".into()), renewed: None, duration: 30 });
        insta::assert_snapshot!(messages(&observed)[0], @"service/web is pinned to one version and unless the run of me@here/r1 is alive, nothing holds it: the next ordinary deploy would lose all endpoints: kubectl rollout-plus abort web -n shop");
        assert!(messages(&pinned(held())).is_empty(), "a hold keeps the pods");
        observed
            .traffic_objects
            .objects
            .values_mut()
            .for_each(|service| service["metadata"] = json!({"name": "web"}));
        assert!(messages(&observed).is_empty(), "the user's own selector may say anything");
    }
}
