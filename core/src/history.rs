//! Revisions of a workload: what they were, how they ended, and which one to go back to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::journal::{Ending, Outcome, Verb};
use crate::model::{Revision, images};
use crate::situation::{Observed, Situation};

/// The annotation in which kubectl's users note why.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// The numbers that a version had before it was used again (`SetNewReplicaSetAnnotations` in
/// kubernetes/pkg/controller/deployment/util).
const FORMER_REVISIONS: &str = "deployment.kubernetes.io/revision-history";

/// One revision, as `history` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRow {
    /// Its number in `kubectl rollout history`.
    pub revision: u64,
    /// Its pod-template-hash.
    pub hash: String,
    /// Images of its containers.
    pub images: Vec<String>,
    /// Whether it is the live template.
    pub live: bool,
    /// When its object was made, RFC 3339.
    pub created: Option<String>,
    /// What kubectl's users noted.
    pub cause: Option<String>,
    /// How our last run on it ended; null for a revision that others made.
    pub outcome: Option<Outcome>,
}

/// Returns the revisions that still have an object, the oldest first.
pub fn revisions(observed: &Observed, outcomes: &[Outcome]) -> Vec<RevisionRow> {
    let live = Situation::of(observed).current.map(Revision::hash).unwrap_or_default().to_owned();
    let mut found: Vec<RevisionRow> = observed
        .revisions
        .iter()
        .filter_map(|rs| {
            let revision = rs.revision()?;
            // The same template may have been another revision before: that outcome is not this one's.
            let ours = |outcome: &&Outcome| outcome.hash == rs.hash() && outcome.revision == Some(revision);
            let annotations = rs.metadata.annotations.as_ref();
            Some(RevisionRow {
                revision,
                hash: rs.hash().to_owned(),
                images: images(&rs.spec.template),
                live: rs.hash() == live,
                created: rs.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()),
                cause: annotations.and_then(|annotations| annotations.get(CHANGE_CAUSE)).cloned(),
                outcome: outcomes.iter().rev().find(ours).cloned(),
            })
        })
        .collect();
    found.sort_by_key(|revision| revision.revision);
    found
}

/// Returns the version to go back to, and why that one.
///
/// Without a number it is the last version that ended healthy in our history, or else the one before. A version
/// that was left by a rollback and not healthy since, failed or was aborted is not chosen; nor is one from which the live version was
/// come back to, because that would toggle.
///
/// # Errors
/// [`crate::error::Kind::Usage`] for a number that there is not, [`crate::error::Kind::Refused`] if nothing is left
/// to choose.
pub fn target<'a>(
    observed: &'a Observed,
    outcomes: &[Outcome],
    number: Option<u64>,
) -> Result<(&'a Revision, String), Error> {
    let id = observed.workload.id();
    let current = Situation::of(observed).current;
    let mut others: Vec<&Revision> = observed
        .revisions
        .iter()
        .filter(|rs| rs.revision().is_some() && current.is_none_or(|current| current.name() != rs.name()))
        .collect();
    others.sort_by_key(|rs| std::cmp::Reverse(rs.revision()));
    let history = id.command("history");
    if let Some(number) = number {
        if current.and_then(Revision::revision) == Some(number) {
            return Err(Error::usage(format!("revision {number} of {id} is live already")).next(history));
        }
        let found = others.iter().find(|rs| rs.revision() == Some(number));
        return found.map(|rs| (*rs, "asked for".to_owned())).ok_or_else(|| {
            let have: Vec<String> =
                others.iter().filter_map(|rs| rs.revision()).map(|n| n.to_string()).collect();
            let have = if have.is_empty() { "no former ones".to_owned() } else { have.join(", ") };
            Error::usage(format!("there is no revision {number} of {id}; there are {have}")).next(history)
        });
    }
    let last: BTreeMap<&str, &Outcome> = outcomes.iter().map(|o| (o.hash.as_str(), o)).collect();
    let left = left(outcomes);
    let ending = |rs: &Revision| last.get(rs.hash()).map(|outcome| outcome.ending);
    let bad = |rs: &&&Revision| left.contains(rs.hash()) || ending(rs).is_some_and(Ending::is_bad);
    let good: Vec<&Revision> = others.iter().filter(|rs| !bad(rs)).copied().collect();
    if let Some(healthy) = good.iter().find(|rs| ending(rs) == Some(Ending::Healthy)) {
        return Ok((healthy, "the last that our history calls healthy".to_owned()));
    }
    let Some(previous) = good.first().copied() else {
        return Err(Error::refused(format!("{id} has no former version that did not fail or was not left"))
            .next(history)
            .next(format!("{} --to-revision N", id.command("rollback"))));
    };
    if came_back(current, previous) {
        return Err(Error::refused(format!(
            "the live version of {id} was itself come back to, from revision {}: going there would only toggle",
            previous.revision().unwrap_or_default()
        ))
        .next(history)
        .next(format!("{} --to-revision N", id.command("rollback"))));
    }
    Ok((previous, "the one before; our history does not know it".to_owned()))
}

/// Returns the versions that were left by a rollback, and not brought back to health since.
fn left(outcomes: &[Outcome]) -> BTreeSet<&str> {
    let mut left = BTreeSet::new();
    for outcome in outcomes {
        if outcome.ending == Ending::Healthy {
            left.remove(outcome.hash.as_str());
        }
        if outcome.verb == Verb::Rollback && outcome.ending.is_through() {
            left.insert(outcome.from.as_str());
        }
    }
    left
}

/// Whether somebody went back to the live version from the one before: it had a lower number once.
fn came_back(current: Option<&Revision>, previous: &Revision) -> bool {
    let annotations = current.and_then(|rs| rs.metadata.annotations.as_ref());
    let former = annotations.and_then(|annotations| annotations.get(FORMER_REVISIONS));
    let mut former =
        former.into_iter().flat_map(|text| text.split(',')).filter_map(|n| n.trim().parse().ok());
    former.any(|revision: u64| previous.revision().is_some_and(|previous| revision < previous))
}

/// Returns what differs between two templates in images and names of environment variables, a line each. Values are not
/// told: they may be secret.
pub fn difference(from: &Value, to: &Value) -> Vec<String> {
    let (from, to) = (containers(from), containers(to));
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let (old, new) = match (from.get(name), to.get(name)) {
            (Some(old), Some(new)) => (old, new),
            (None, _) => {
                lines.push(format!("container {name}: added"));
                continue;
            }
            (_, None) => {
                lines.push(format!("container {name}: removed"));
                continue;
            }
        };
        if old["image"] != new["image"] {
            let image = |container: &Value| container["image"].as_str().unwrap_or("none").to_owned();
            lines.push(format!("image of {name}: {} -> {}", image(old), image(new)));
        }
        let (old, new) = (variables(old), variables(new));
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changes: Vec<String> = keys
            .into_iter()
            .filter_map(|key| match (old.get(key), new.get(key)) {
                (None, _) => Some(format!("+{key}")),
                (_, None) => Some(format!("-{key}")),
                (old, new) if old != new => Some(format!("~{key}")),
                _ => None,
            })
            .collect();
        if !changes.is_empty() {
            lines.push(format!("environment of {name}: {}", changes.join(" ")));
        }
    }
    lines
}

fn containers(template: &Value) -> BTreeMap<String, Value> {
    ["initContainers", "containers"]
        .iter()
        .flat_map(|list| template["spec"][list].as_array().into_iter().flatten())
        .map(|container| (container["name"].as_str().unwrap_or_default().to_owned(), container.clone()))
        .collect()
}

fn variables(container: &Value) -> BTreeMap<String, Value> {
    let variables = container["env"].as_array().into_iter().flatten();
    variables.map(|one| (one["name"].as_str().unwrap_or_default().to_owned(), one.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Kind;
    use crate::fixtures::{idle, replica_set, template};

    /// Revisions `web:1`, `web:2`, ... made in that order; the last is live.
    fn revised(count: u32) -> Observed {
        let mut observed = idle();
        observed.revisions =
            (1..=count).map(|n| made(n, u64::from(n), if n == count { 3 } else { 0 })).collect();
        observed.workload.spec.template = template(&format!("web:{count}"));
        observed
    }

    fn made(version: u32, revision: u64, pods: u32) -> Revision {
        let mut rs = replica_set(&format!("web:{version}"), pods);
        rs.metadata.annotations = Some([].into());
        rs.number = Some(revision);
        rs.metadata.creation_timestamp =
            serde_json::from_value(json!(format!("2026-01-01T00:00:0{version}Z"))).unwrap();
        rs
    }

    fn ended(version: u32, verb: Verb, ending: Ending, from: u32) -> Outcome {
        Outcome {
            verb,
            ending,
            reason: None,
            revision: Some(u64::from(version)),
            hash: format!("web-{version}"),
            from: format!("web-{from}"),
            who: "me".into(),
            commit: None,
            link: None,
            author: None,
            began: String::new(),
            seconds: 1,
        }
    }

    fn chosen(observed: &Observed, outcomes: &[Outcome], number: Option<u64>) -> Result<u64, Kind> {
        let found = target(observed, outcomes, number);
        found.map(|(rs, _)| rs.revision().unwrap()).map_err(|error| error.kind)
    }

    #[test]
    fn the_last_healthy_version_wins_over_the_one_before() {
        let outcomes = [
            ended(1, Verb::Rolling, Ending::Healthy, 0),
            ended(2, Verb::Rolling, Ending::Healthy, 1),
            ended(3, Verb::Canary, Ending::Failed, 2),
        ];
        assert_eq!(chosen(&revised(4), &outcomes, None), Ok(2));
        assert_eq!(chosen(&revised(4), &outcomes, Some(1)), Ok(1));
        assert_eq!(chosen(&revised(4), &[], None), Ok(3), "the one before, where nothing is known");
        assert_eq!(chosen(&revised(4), &outcomes[2..], None), Ok(2), "never one that failed");
    }

    #[test]
    fn going_back_twice_does_not_toggle() {
        // kubectl went back from 2 to 1, which became revision 3.
        let mut observed = revised(2);
        observed.revisions[0] = made(1, 3, 3);
        let annotations = observed.revisions[0].metadata.annotations.as_mut().unwrap();
        annotations.insert(FORMER_REVISIONS.to_owned(), "1".to_owned());
        observed.workload.spec.template = template("web:1");
        assert_eq!(chosen(&observed, &[], None), Err(Kind::Refused));
        assert_eq!(chosen(&observed, &[], Some(2)), Ok(2));
        // We did, with a healthy past.
        let outcomes =
            [ended(2, Verb::Rolling, Ending::Healthy, 1), ended(1, Verb::Rollback, Ending::Healthy, 2)];
        assert_eq!(chosen(&observed, &outcomes, None), Err(Kind::Refused));
    }

    #[test]
    fn a_version_that_was_healthy_again_after_a_rollback_is_chosen() {
        let left = [
            ended(1, Verb::Rolling, Ending::Healthy, 0),
            ended(2, Verb::Rolling, Ending::Healthy, 1),
            ended(1, Verb::Rollback, Ending::Healthy, 2),
        ];
        let then = |version: u32, ending: Ending| {
            let mut all = left.to_vec();
            all.push(ended(version, Verb::Rolling, ending, 1));
            all.push(ended(3, Verb::Rolling, Ending::Healthy, version));
            chosen(&revised(3), &all, None)
        };
        assert_eq!(then(2, Ending::Healthy), Ok(2));
        assert_eq!(then(2, Ending::Failed), Ok(1), "it was left, and is no better");
        assert_eq!(then(2, Ending::Unjudged), Ok(1), "nobody knows");
        assert_eq!(chosen(&revised(3), &left, None), Ok(1));
    }

    #[test]
    fn a_version_that_nobody_judged_is_not_called_healthy() {
        let outcomes =
            [ended(1, Verb::Rolling, Ending::Healthy, 0), ended(2, Verb::Rolling, Ending::Unjudged, 1)];
        assert_eq!(chosen(&revised(3), &outcomes, None), Ok(1));
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert_eq!(chosen(&revised(2), &[], Some(7)), Err(Kind::Usage));
        assert_eq!(chosen(&revised(2), &[], Some(2)), Err(Kind::Usage), "it is live");
        assert_eq!(chosen(&revised(1), &[], None), Err(Kind::Refused));
    }

    #[test]
    fn an_outcome_belongs_to_its_own_revision() {
        let mut observed = revised(2);
        let outcomes =
            [ended(1, Verb::Rolling, Ending::Healthy, 0), ended(2, Verb::Rolling, Ending::Healthy, 1)];
        assert!(revisions(&observed, &outcomes).iter().all(|revision| revision.outcome.is_some()));
        // Somebody went back: the same template, another revision.
        observed.revisions[0] = made(1, 3, 3);
        let rows = revisions(&observed, &outcomes);
        assert_eq!((rows[1].revision, &rows[1].outcome), (3, &None));
    }

    #[test]
    fn differences_name_images_and_keys_but_no_values() {
        let env = |value: &str| json!([{"name": "MODE", "value": value}, {"name": "OLD", "value": "x"}]);
        let mut old = template("web:1");
        old["spec"]["containers"][0]["env"] = env("fast");
        let mut new = template("web:2");
        new["spec"]["containers"][0]["env"] = json!([{"name": "MODE", "value": "s3cret"}, {"name": "NEW"}]);
        let lines = difference(&old, &new);
        assert_eq!(lines, ["image of web: web:1 -> web:2", "environment of web: ~MODE +NEW -OLD"]);
    }
}
