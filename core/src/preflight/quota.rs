//! RP014: whether the pods beside those of now, and what else is made, are let in.

use serde_json::Value;

use crate::preflight::pod_size::{Amounts, of_container, of_pod, read};
use crate::preflight::{Facts, Finding, Judged, Kind, Level, Quantity, Subject, references};
use crate::words::counted;

const TEMPLATE: &str = "spec.template";

/// The pod as the server would make it, with the defaults of LimitRanges and injected sidecars, or else as it
/// is written.
fn pod<'a>(subject: &'a Subject, facts: &'a Facts) -> &'a Value {
    match &facts.pod_dry_run {
        Ok(Ok(pod)) => &pod["spec"],
        _ => subject.pod(),
    }
}

/// The arithmetic of ResourceQuotas for all that the rollout makes: a dry run tries only one pod.
pub(super) fn headroom(subject: &Subject, facts: &Facts) -> Judged {
    if !subject.makes_pods() && subject.makes.is_empty() {
        return Ok(Vec::new());
    }
    let quotas = facts.quotas.as_ref().map_err(Clone::clone)?;
    let sizes = Sizes::of(subject, facts);
    let mut found = Vec::new();
    for quota in quotas {
        let hard = [&quota["status"]["hard"], &quota["spec"]["hard"]];
        let hard = hard.into_iter().find_map(Value::as_object);
        for (key, limit) in hard.into_iter().flatten() {
            let Some(limit) = read(limit) else { continue };
            let used = read(&quota["status"]["used"][key]).unwrap_or_default();
            let finding = match sizes.of_key(key) {
                Some((old, new)) if sizes.are_counted_by(quota) => {
                    pods(subject, Room { limit, used }, old, new)
                }
                Some(_) => None,
                None => objects(subject, Room { limit, used }, key),
            };
            let name = quota["metadata"]["name"].as_str().unwrap_or_default();
            found.extend(finding.map(|finding| {
                Finding { path: format!("spec.hard.{key}"), ..finding }.on(format!("resourcequota/{name}"))
            }));
        }
    }
    Ok(found)
}

/// What a quota allows of something, and what is taken.
#[derive(Clone, Copy)]
struct Room {
    limit: Quantity,
    used: Quantity,
}

impl Room {
    /// A quota that is overrun refuses only who asks for more of it.
    fn is_too_small_for(self, need: Quantity) -> bool {
        need > Quantity::default() && self.used + need > self.limit
    }

    fn sentence(self) -> String {
        format!("leaves {} of {}", (self.limit - self.used).max(Quantity::default()), self.limit)
    }
}

/// Whether the pods fit. A rolling update may do without its surge: old pods go first then.
fn pods(subject: &Subject, room: Room, old: Option<Quantity>, new: Quantity) -> Option<Finding> {
    let surge = subject.surge_pods;
    let leaves = room.sentence();
    let fix = "raise the quota, or ask for fewer pods or less for each";
    let need = new * surge;
    let more = format!(
        "{leaves}, and {} {} {need}",
        counted(surge, "more pod"),
        if surge == 1 { "needs" } else { "need" }
    );
    let Some(rolling) = &subject.replacing else {
        return room.is_too_small_for(need).then(|| Finding::error("", more, fix));
    };
    // What old pods give back may not be known: as much as anybody could wish.
    let old = old.unwrap_or(new * rolling.wanted.max(1));
    let reached = rolling.reaches(room.limit - room.used, old, new);
    if new > Quantity::default() && reached < rolling.wanted {
        let why = format!(
            "{leaves}, and each new pod needs {new}: the rolling update would stop at {reached} of {} new pods",
            rolling.wanted
        );
        let fix = if rolling.may_miss == 0 {
            "raise the quota, or set maxUnavailable to 1: an old pod goes first then"
        } else {
            fix
        };
        return Some(Finding::error("", why, fix));
    }
    room.is_too_small_for(need).then(|| {
        let why = format!("{more}: old pods go before new ones come, as maxUnavailable allows");
        Finding::warning("", why, "raise the quota by the surge to keep all pods")
    })
}

/// Whether what the rollout makes besides pods fits. All of it is needed.
fn objects(subject: &Subject, room: Room, key: &str) -> Option<Finding> {
    let made = subject.makes.iter().filter(|made| made.is_counted_by(key));
    let count: u32 = made.map(|made| made.count).sum();
    room.is_too_small_for(Quantity::whole(count)).then(|| {
        let why = format!("{}, and the rollout makes {count}", room.sentence());
        let fix = if key == "count/replicasets.apps" {
            "raise the quota, or delete an old ReplicaSet without pods (spec.revisionHistoryLimit keeps them)"
        } else {
            "raise the quota, or delete what is not needed any more"
        };
        Finding::error("", why, fix)
    })
}

/// What pods of the version that goes, and of the one that comes, take of a quota.
struct Sizes {
    old: Amounts,
    written: Amounts,
    new: Amounts,
}

impl Sizes {
    fn of(subject: &Subject, facts: &Facts) -> Self {
        let live = subject.live.as_ref().map(|live| of_pod(&live.spec.template["spec"]));
        let (written, new) = (of_pod(subject.pod()), of_pod(pod(subject, facts)));
        Self { old: live.unwrap_or_default(), written, new }
    }

    /// Returns what one of each takes by a quota's key. The old one is unknown where only the namespace's defaults
    /// say it.
    fn of_key(&self, key: &str) -> Option<(Option<Quantity>, Quantity)> {
        let name = match key {
            "pods" | "count/pods" => return Some((Some(Quantity::whole(1)), Quantity::whole(1))),
            "cpu" | "memory" | "ephemeral-storage" => &format!("requests.{key}"),
            key => key,
        };
        let new = self.new.get(name).copied()?;
        let old = self.old.get(name).copied();
        // Where neither says anything, both get the same default.
        Some((old.or_else(|| (!self.written.contains_key(name)).then_some(new)), new))
    }

    /// Whether a quota counts the pods of a Deployment. A scope that cannot be told from the pod (a priority class)
    /// is left to the server's dry run.
    fn are_counted_by(&self, quota: &Value) -> bool {
        let best_effort = self.new.is_empty();
        quota["spec"]["scopeSelector"].is_null()
            && quota["spec"]["scopes"].as_array().into_iter().flatten().all(|scope| match scope.as_str() {
                Some("NotTerminating") => true,
                Some("BestEffort") => best_effort,
                Some("NotBestEffort") => !best_effort,
                _ => false,
            })
    }
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
    // A rolling update that may take an old pod away first makes its own room.
    let makes_room = subject.replacing.as_ref().is_some_and(|rolling| rolling.may_miss > 0);
    let level = if message.contains("exceeded quota") && makes_room { Level::Warning } else { Level::Error };
    Ok(vec![Finding::new(level, TEMPLATE, format!("is refused as a pod: {message}"), fix)])
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
    use crate::model::Strategy;
    use crate::preflight::fixtures::{facts, subject, with};
    use crate::preflight::{Made, Replacing};

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

    fn rolling(wanted: u32, may_miss: u32) -> Subject {
        let replacing = Some(Replacing { new: 0, old: wanted, wanted, may_miss });
        Subject { strategy: Strategy::Rolling, replacing, ..subject() }
    }

    #[test]
    fn a_rolling_update_goes_on_without_its_surge_where_a_pod_may_be_missing() {
        let full = |key: &str, limit: &str| quota(&json!({key: limit}), &json!({key: limit}));
        for (key, limit) in
            [("pods", "4"), ("count/pods", "4"), ("requests.cpu", "400m"), ("requests.memory", "256Mi")]
        {
            let level = |may_miss: u32| {
                let found = headroom(&rolling(4, may_miss), &full(key, limit)).unwrap();
                found.iter().map(|finding| finding.level).collect::<Vec<_>>()
            };
            assert_eq!((level(1), level(0)), (vec![Level::Warning], vec![Level::Error]), "{key}");
        }
        let found = headroom(&rolling(4, 1), &full("pods", "4")).unwrap();
        insta::assert_snapshot!(found[0].why, @"leaves 0 of 4, and 1 more pod needs 1: old pods go before new ones come, as maxUnavailable allows");
        let found = headroom(&rolling(4, 0), &full("pods", "4")).unwrap();
        insta::assert_snapshot!(found[0].why, @"leaves 0 of 4, and each new pod needs 1: the rolling update would stop at 0 of 4 new pods");
        // The new pods are larger than what the old ones give back.
        let mut larger = rolling(4, 1);
        larger.deployment.spec.template["spec"]["containers"][0]["resources"]["requests"]["cpu"] =
            json!("150m");
        let mut facts = full("requests.cpu", "400m");
        facts.pod_dry_run = Err("no right".into());
        assert_eq!(headroom(&larger, &facts).unwrap()[0].level, Level::Error);
        // What the old ones take is not written in their template: nothing is certain.
        larger.live.as_mut().unwrap().spec.template["spec"]["containers"][0]["resources"] = json!({});
        assert_eq!(headroom(&larger, &facts).unwrap()[0].level, Level::Warning);
    }

    #[test]
    fn a_version_that_has_its_pods_needs_no_quota() {
        let whole = Some(Replacing { new: 3, old: 1, wanted: 3, may_miss: 0 });
        let back = Subject { replacing: whole, surge_pods: 0, ..subject() };
        assert_eq!(headroom(&back, &quota(&json!({"pods": "3"}), &json!({"pods": "4"}))), Ok(vec![]));
    }

    #[test]
    fn what_is_made_besides_pods_must_fit_too() {
        for (key, group, plural) in [
            ("count/replicasets.apps", "apps", "replicasets"),
            ("services", "", "services"),
            ("count/services", "", "services"),
            ("count/leases.coordination.k8s.io", "coordination.k8s.io", "leases"),
            ("count/destinationrules.networking.istio.io", "networking.istio.io", "destinationrules"),
        ] {
            let makes = vec![Made::new(group, plural, 2)];
            for (may_miss, limit, count) in [(0, "3", 0), (1, "2", 1), (0, "1", 1)] {
                let subject = Subject { makes: makes.clone(), ..rolling(4, may_miss) };
                let found = headroom(&subject, &quota(&json!({key: limit}), &json!({key: "1"}))).unwrap();
                let errors = found.iter().filter(|finding| finding.level == Level::Error).count();
                assert_eq!((found.len(), errors), (count, count), "{key} {limit}");
            }
            let whole = Replacing { new: 4, old: 0, wanted: 4, may_miss: 0 };
            let no_pods = Subject { makes, replacing: Some(whole), surge_pods: 0, ..subject() };
            let found = headroom(&no_pods, &quota(&json!({key: "1"}), &json!({key: "1"}))).unwrap();
            assert_eq!(
                found[0].sentence(),
                format!("resourcequota/q spec.hard.{key}: leaves 0 of 1, and the rollout makes 2")
            );
        }
    }

    #[test]
    fn a_pod_that_only_the_quota_refuses_may_come_later() {
        let mut unread = facts();
        unread.pod_dry_run = Ok(Err("exceeded quota: q".into()));
        for (may_miss, level) in [(1, Level::Warning), (0, Level::Error)] {
            assert_eq!(admission(&rolling(4, may_miss), &unread).unwrap()[0].level, level);
        }
        assert_eq!(admission(&subject(), &unread).unwrap()[0].level, Level::Error, "a canary comes beside");
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
