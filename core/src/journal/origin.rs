//! Which commit and build made the version that a Deployment has, noted on it for whoever looks at it.
//!
//! They stand on the Deployment and not on its pod template: another build of the same version brings no new pods.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Outcome, Verb};
use crate::keys;

/// Returns the JSON Patch that notes where the version of a run that is through comes from; nothing if it is noted, or if the run
/// has brought no version.
///
/// A version that was there before keeps what is known of the run that brought it. What is not known is taken away: it
/// would be that of another version.
pub fn note_origin(
    uid: &str,
    annotations: Option<&BTreeMap<String, String>>,
    outcome: &Outcome,
    former: &[Outcome],
) -> Vec<Value> {
    if !outcome.ending.is_through() || outcome.verb == Verb::Restart {
        return Vec::new();
    }
    let brought = |one: &&Outcome| one.hash == outcome.hash && one.verb.brings_a_version();
    let origin = if brought(&outcome) { Some(outcome) } else { former.iter().rev().find(brought) };
    let wanted = [
        (keys::COMMIT_ANNOTATION, origin.and_then(|one| one.commit.as_ref())),
        (keys::BUILD_ANNOTATION, origin.and_then(|one| one.link.as_ref())),
        (keys::AUTHOR_ANNOTATION, origin.and_then(|one| one.author.as_ref())),
    ];
    let mut patch = Vec::new();
    for (key, value) in wanted {
        let path = format!("/metadata/annotations/{}", key.replace('/', "~1"));
        let there = annotations.and_then(|all| all.get(key));
        match value {
            _ if value == there => {}
            Some(value) => patch.push(json!({"op": "add", "path": path, "value": value})),
            None => patch.push(json!({"op": "remove", "path": path})),
        }
    }
    if patch.is_empty() {
        return patch;
    }
    if annotations.is_none() {
        patch.insert(0, json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    patch.insert(0, json!({"op": "test", "path": "/metadata/uid", "value": uid}));
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Ending;
    use crate::journal::history::tests::outcome;

    fn run(verb: Verb, hash: &str, commit: Option<&str>) -> Outcome {
        Outcome { verb, hash: hash.into(), commit: commit.map(str::to_owned), link: None, ..outcome(1) }
    }

    fn noted(annotations: &[(&str, &str)], outcome: &Outcome, former: &[Outcome]) -> Vec<String> {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let annotations: BTreeMap<String, String> = annotations.iter().map(pair).collect();
        let patch = note_origin("u", Some(&annotations), outcome, former);
        patch
            .iter()
            .map(|one| format!("{} {}", one["op"].as_str().unwrap(), one["value"].as_str().unwrap_or("-")))
            .collect()
    }

    #[test]
    fn a_version_is_noted_with_the_run_that_brought_it() {
        let first = run(Verb::Rolling, "a", Some("c1"));
        assert_eq!(noted(&[], &first, &[]), ["test u", "add c1"]);
        assert_eq!(noted(&[(keys::COMMIT_ANNOTATION, "c1")], &first, &[]), Vec::<String>::new());
        let held = Outcome { ending: Ending::Held, ..run(Verb::Canary, "b", Some("c2")) };
        assert_eq!(noted(&[], &held, &[]), Vec::<String>::new(), "it is not the only one yet");
        // A later build promotes it, and another goes back.
        let promoted = run(Verb::Promote, "b", Some("c9"));
        let all = [first, held];
        assert_eq!(noted(&[(keys::COMMIT_ANNOTATION, "c1")], &promoted, &all), ["test u", "add c2"]);
        let back = run(Verb::Rollback, "a", Some("c9"));
        assert_eq!(noted(&[(keys::COMMIT_ANNOTATION, "c2")], &back, &all), ["test u", "add c1"]);
        let unknown = run(Verb::Rollback, "z", Some("c9"));
        assert_eq!(noted(&[(keys::COMMIT_ANNOTATION, "c2")], &unknown, &all), ["test u", "remove -"]);
        assert_eq!(
            noted(&[(keys::COMMIT_ANNOTATION, "c2")], &run(Verb::Restart, "y", None), &all),
            Vec::<String>::new()
        );
    }

    #[test]
    fn nothing_known_is_nothing_written() {
        assert_eq!(noted(&[], &run(Verb::Rolling, "a", None), &[]), Vec::<String>::new());
        let first = note_origin("u", None, &run(Verb::Rolling, "a", Some("c")), &[]);
        assert_eq!(first[1]["value"], json!({}), "there has to be a map to add to");
    }
}
