//! RP004, RP005, RP006, RP013, RP031: strategy, replicas, disruption budgets, the share.

use serde_json::Value;

use crate::preflight::{Facts, Finding, Judged, Level, Subject, selector};
use crate::words::counted;

/// The stock rolling update ends every promotion, so its limits matter for a canary too.
pub(super) fn limits(subject: &Subject, _: &Facts) -> Judged {
    let deployment = &subject.deployment;
    let replicas = deployment.replicas();
    if deployment.is_recreate() || replicas == 0 {
        return Ok(Vec::new());
    }
    let (surge, unavailable) = (deployment.limit("maxSurge"), deployment.limit("maxUnavailable"));
    let zero = |value: &Value| *value == 0 || *value == "0%";
    let path = "spec.strategy.rollingUpdate.maxUnavailable";
    if zero(&surge) && zero(&unavailable) {
        let why = "and maxSurge are both 0: no pod could ever be replaced, and the API refuses it";
        return Ok(vec![Finding::error(path, why, "set maxSurge to 1")]);
    }
    let resolved = deployment.max_unavailable();
    Ok(if resolved >= replicas {
        vec![Finding::warning(
            path,
            format!(
                "is {resolved} of {} ({}): all may be taken away at once",
                counted(replicas, "pod"),
                text(&unavailable)
            ),
            "set maxUnavailable to 0 and maxSurge to 1",
        )]
    } else {
        Vec::new()
    })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The old pods go before the new ones come.
pub(super) fn recreate(subject: &Subject, _: &Facts) -> Judged {
    Ok(if subject.deployment.is_recreate() {
        vec![Finding::warning(
            "spec.strategy.type",
            "is Recreate: nothing serves between the old pods and the new ones",
            "use RollingUpdate if two versions may run at once",
        )]
    } else {
        Vec::new()
    })
}

/// A share of nothing cannot be compared with anything. A rolling update sets the template, as kubectl does.
pub(super) fn none(subject: &Subject, _: &Facts) -> Judged {
    if subject.deployment.replicas() > 0 {
        return Ok(Vec::new());
    }
    let path = "spec.replicas";
    Ok(vec![if subject.strategy.is_judged() {
        Finding::error(path, "is 0: nothing serves, and nothing can be compared", "scale to at least 2")
    } else {
        Finding::new(
            Level::Info,
            path,
            "is 0: no pod tells whether the version is healthy",
            "scale it up to see",
        )
    }])
}

/// One pod is no redundancy.
pub(super) fn single(subject: &Subject, _: &Facts) -> Judged {
    if subject.deployment.replicas() != 1 {
        return Ok(Vec::new());
    }
    let share =
        if subject.strategy.is_judged() { "a canary would get half of the requests, and " } else { "" };
    Ok(vec![Finding::warning(
        "spec.replicas",
        format!("is 1: {share}a lost node takes all"),
        "scale to at least 2",
    )])
}

/// Evictions need exactly one budget that leaves room.
pub(super) fn budgets(subject: &Subject, facts: &Facts) -> Judged {
    let labels = subject.labels();
    let budgets = facts.budgets.as_ref().map_err(Clone::clone)?;
    let own: Vec<&Value> =
        budgets.iter().filter(|budget| selector::matches(&budget["spec"]["selector"], &labels)).collect();
    let name = |budget: &Value| budget["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    if own.len() > 1 {
        let names: Vec<String> = own.iter().map(|budget| name(budget)).collect();
        found.push(Finding::warning(
            "spec.template.metadata.labels",
            format!(
                "match the PodDisruptionBudgets {}: with more than one, every eviction fails",
                names.join(", ")
            ),
            "leave one of them",
        ));
    }
    for budget in &own {
        let status = &budget["status"];
        if status["disruptionsAllowed"] == 0 && status["expectedPods"].as_i64().unwrap_or(0) > 0 {
            found.push(
                Finding::warning(
                    "status.disruptionsAllowed",
                    "is 0: no node with such a pod can be drained",
                    "get the pods healthy, or lower minAvailable",
                )
                .on(format!("poddisruptionbudget/{}", name(budget))),
            );
        }
    }
    if own.is_empty() && subject.deployment.replicas() > 1 {
        found.push(Finding::warning(
            "",
            "has no PodDisruptionBudget: a drain may take all pods at once",
            "add a PodDisruptionBudget with maxUnavailable 1",
        ));
    }
    Ok(found)
}

/// Pods are whole: not every share can be had.
pub(super) fn share(subject: &Subject, _: &Facts) -> Judged {
    let Some(sizing) = subject.sizing.filter(|sizing| !sizing.is_exact()) else { return Ok(Vec::new()) };
    Ok(vec![Finding::warning("spec.replicas", sizing.sentence(), sizing.advice().unwrap_or_default())])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Strategy;
    use crate::preflight::fixtures::{facts, subject};
    use crate::share::{Size, Sizing, Stable};

    fn rolling(replicas: i64, surge: &Value, unavailable: &Value) -> Subject {
        let mut subject = subject();
        subject.deployment.spec.replicas = Some(replicas);
        subject.deployment.spec.strategy =
            Some(json!({"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}));
        subject
    }

    #[test]
    fn limits_that_take_all_pods_or_none_are_found() {
        assert_eq!(limits(&subject(), &facts()), Ok(vec![]));
        for (replicas, surge, unavailable, level) in [
            (1, json!(1), json!(1), Level::Warning),
            (3, json!(1), json!("100%"), Level::Warning),
            (3, json!(0), json!("0%"), Level::Error),
            (1, json!(0), json!("25%"), Level::Warning),
        ] {
            let found = limits(&rolling(replicas, &surge, &unavailable), &facts()).unwrap();
            assert_eq!(found.iter().map(|f| f.level).collect::<Vec<_>>(), [level], "{replicas}");
        }
        assert_eq!(limits(&rolling(1, &json!(1), &json!("25%")), &facts()), Ok(vec![]));
        assert_eq!(limits(&rolling(3, &json!(0), &json!(1)), &facts()), Ok(vec![]));
    }

    #[test]
    fn recreate_and_few_replicas_are_found() {
        let mut subject = subject();
        assert_eq!(recreate(&subject, &facts()), Ok(vec![]));
        subject.deployment.spec.strategy = Some(json!({"type": "Recreate"}));
        assert_eq!(recreate(&subject, &facts()).unwrap().len(), 1);
        for (strategy, count, level) in [
            (Strategy::Canary, 0, Some(Level::Error)),
            (Strategy::BlueGreen, 0, Some(Level::Error)),
            (Strategy::Rolling, 0, Some(Level::Info)),
            (Strategy::Canary, 1, Some(Level::Warning)),
            (Strategy::Rolling, 1, Some(Level::Warning)),
            (Strategy::Canary, 2, None),
        ] {
            subject.strategy = strategy;
            subject.deployment.spec.replicas = Some(count);
            let mut found = none(&subject, &facts()).unwrap();
            found.extend(single(&subject, &facts()).unwrap());
            assert_eq!(found.first().map(|f| f.level), level, "{strategy:?} {count}");
            assert!(found.len() < 2);
        }
    }

    #[test]
    fn exactly_one_budget_with_room_is_right() {
        assert_eq!(budgets(&subject(), &facts()), Ok(vec![]));
        let mut other = facts();
        let full = json!({"metadata": {"name": "all"}, "spec": {"selector": {}},
            "status": {"disruptionsAllowed": 0, "expectedPods": 3}});
        other.budgets.as_mut().unwrap().push(full);
        let found = budgets(&subject(), &other).unwrap();
        assert!(
            found[0].why.contains("web, all") && found[1].object == "poddisruptionbudget/all",
            "{found:?}"
        );
        other.budgets = Ok(vec![]);
        insta::assert_snapshot!(budgets(&subject(), &other).unwrap()[0].why, @"has no PodDisruptionBudget: a drain may take all pods at once");
        let mut one = subject();
        one.deployment.spec.replicas = Some(1);
        assert_eq!(budgets(&one, &other), Ok(vec![]));
        other.budgets = Err("no right".into());
        assert!(budgets(&one, &other).is_err());
    }

    #[test]
    fn a_share_that_is_not_exact_is_found() {
        let mut subject = subject();
        assert_eq!(share(&subject, &facts()), Ok(vec![]));
        for (weight, count) in [(10, 1), (25, 0)] {
            subject.sizing =
                Some(Sizing::choose("Deployment", Size::Weight(weight), Stable::Whole, 3, 3).unwrap());
            assert_eq!(share(&subject, &facts()).unwrap().len(), count, "{weight}");
        }
    }
}
