//! RP016: what the live Deployment is doing, and who else writes it.

use crate::keys::{MANAGED_BY, is_held};
use crate::model::{GITOPS_MANAGERS, GITOPS_MARKS, Workload};
use crate::preflight::{Facts, Finding, Judged, Level, Subject};

/// A Deployment that is not at rest.
pub(super) fn at_rest(subject: &Subject, _: &Facts) -> Judged {
    let Some(live) = &subject.live else { return Ok(Vec::new()) };
    let held = is_held(live.spec.min_ready_seconds);
    let mut found = Vec::new();
    if live.spec.paused && !subject.pending {
        found.push(Finding::error(
            "spec.paused",
            "is true: somebody stopped rollouts of this Deployment",
            format!("kubectl rollout resume {}", subject.object()),
        ));
    }
    if !held && !live.spec.paused && !live.is_complete() {
        found.push(Finding::warning(
            "status",
            "is not that of a finished rollout: one is under way, or pods of it are not Available",
            format!("kubectl rollout status {}", subject.object()),
        ));
    }
    Ok(found)
}

/// A tool that keeps the template as a repository has it undoes what we do.
///
/// That refuses only a share of the traffic: it has to last while somebody else puts another template there. A stock rolling
/// update does what `kubectl apply`, `kubectl set image` and `kubectl rollout undo` do, which go through; what is put back
/// afterwards is no failure of this plan. Nor is it certain: whoever is named in `managedFields` may be suspended, or gone
/// since long.
pub(super) fn owner(subject: &Subject, _: &Facts) -> Judged {
    let Some(live) = &subject.live else { return Ok(Vec::new()) };
    for entry in live.metadata.managed_fields.iter().flatten() {
        let manager = entry.manager.as_deref().unwrap_or_default();
        let Some((_, tool)) = GITOPS_MANAGERS.iter().find(|(name, _)| *name == manager) else { continue };
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        if fields.is_some_and(|fields| !fields["f:spec"]["f:template"].is_null()) {
            // What `restart` adds is nothing that the repository has.
            let restarts = live.spec.template["spec"] == subject.deployment.spec.template["spec"];
            let (level, puts) = if subject.strategy.is_judged() && !restarts {
                (Level::Error, "would put")
            } else {
                (Level::Warning, "may put")
            };
            return Ok(vec![Finding::new(
                level,
                "spec.template",
                format!("is kept by {tool} (field manager {manager}): it {puts} its own template back"),
                format!("suspend {tool} for this Deployment, or change the version in its repository"),
            )]);
        }
    }
    if let Some((mark, tool)) = GITOPS_MARKS.iter().find(|(mark, _)| has_mark(live, mark, None)) {
        return Ok(vec![Finding::warning(
            "metadata",
            format!("has the mark {mark} of {tool}: it may put its own template and settings back"),
            format!("suspend {tool} for this Deployment, or change the version in its repository"),
        )]);
    }
    let helm = has_mark(live, "meta.helm.sh/release-name", None) || has_mark(live, MANAGED_BY, Some("Helm"));
    Ok(if helm {
        vec![Finding::new(
            Level::Info,
            "metadata",
            "is of a Helm release: the next upgrade brings the chart's own version",
            "tell the chart the version once it is promoted",
        )]
    } else {
        Vec::new()
    })
}

fn has_mark(live: &Workload, key: &str, value: Option<&str>) -> bool {
    let metadata = &live.metadata;
    let maps = [&metadata.labels, &metadata.annotations];
    maps.into_iter()
        .flatten()
        .filter_map(|map| map.get(key))
        .any(|found| value.is_none_or(|value| value == found))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::HELD;
    use crate::model::Strategy;
    use crate::preflight::fixtures::{facts, subject};

    fn live(change: impl Fn(&mut Workload)) -> Subject {
        let mut subject = subject();
        subject.live.iter_mut().for_each(change);
        subject
    }

    fn managed(manager: &str, fields: &Value) -> Subject {
        live(|live| {
            live.metadata.managed_fields =
                Some(vec![serde_json::from_value(json!({"manager": manager, "fieldsV1": fields})).unwrap()]);
        })
    }

    fn level(judged: Judged) -> Option<Level> {
        judged.unwrap().first().map(|finding| finding.level)
    }

    #[test]
    fn a_pause_counts_unless_its_pending_template_is_meant() {
        assert_eq!(level(at_rest(&subject(), &facts())), None);
        let mut paused = live(|live| live.spec.paused = true);
        assert_eq!(level(at_rest(&paused, &facts())), Some(Level::Error));
        paused.pending = true;
        assert_eq!(level(at_rest(&paused, &facts())), None);
    }

    #[test]
    fn a_rollout_under_way_counts_unless_it_is_held() {
        let mut under_way = live(|live| live.status.updated_replicas = 1);
        assert_eq!(level(at_rest(&under_way, &facts())), Some(Level::Warning));
        under_way.live.iter_mut().for_each(|live| live.spec.min_ready_seconds = Some(HELD));
        assert_eq!(level(at_rest(&under_way, &facts())), None);
    }

    #[test]
    fn who_keeps_the_template_is_found() {
        let template = json!({"f:spec": {"f:template": {}}});
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        for (manager, tool) in GITOPS_MANAGERS {
            let found = owner(&managed(manager, &template), &facts()).unwrap();
            assert!(found[0].level == Level::Error && found[0].why.contains(tool), "{found:?}");
            assert_eq!(level(owner(&managed(manager, &replicas), &facts())), None, "{manager}");
        }
        assert_eq!(level(owner(&managed("kubectl-client-side-apply", &template), &facts())), None);
        let mut restarted = managed(GITOPS_MANAGERS[0].0, &template);
        restarted.deployment.spec.template = restarted.live.as_ref().unwrap().spec.template.clone();
        restarted.deployment.spec.template["metadata"]["annotations"] = json!({"at": "now"});
        assert_eq!(level(owner(&restarted, &facts())), Some(Level::Warning), "nothing is put back");
    }

    #[test]
    fn what_kubectl_would_do_too_is_not_refused_for_who_keeps_the_template() {
        for (strategy, wanted) in [
            (Strategy::Canary, Level::Error),
            (Strategy::BlueGreen, Level::Error),
            (Strategy::Rolling, Level::Warning),
        ] {
            let kept = managed(GITOPS_MANAGERS[0].0, &json!({"f:spec": {"f:template": {}}}));
            let found = owner(&Subject { strategy, ..kept }, &facts());
            assert_eq!(level(found), Some(wanted), "{strategy:?}");
        }
    }

    #[test]
    fn marks_warn_and_helm_is_told() {
        let label = |key: &'static str, value: &'static str| {
            live(move |live| live.metadata.labels = Some([(key.into(), value.into())].into()))
        };
        for (mark, _) in GITOPS_MARKS {
            assert_eq!(level(owner(&label(mark, "x"), &facts())), Some(Level::Warning));
        }
        assert_eq!(level(owner(&label(MANAGED_BY, "Helm"), &facts())), Some(Level::Info));
        assert_eq!(level(owner(&label(MANAGED_BY, "me"), &facts())), None);
    }
}
