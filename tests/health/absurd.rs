//! Objects with missing and absurd fields: never a panic, never healthy by accident, and never well again
//! without a new pod.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;
use rollout_plus::health::{State, Watch};
use rollout_plus::model::{Deployment, Packed, ReplicaSet, Siblings, Texts};
use rollout_plus::situation::Observed;
use rollout_plus::status::WorkloadStatus;
use serde_json::{Value, json};

use crate::{Recorded, all_ready, is_healthy};

fn recordings() -> &'static [Value] {
    static ALL: OnceLock<Vec<Value>> = OnceLock::new();
    ALL.get_or_init(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/health");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        files.sort();
        files
            .iter()
            .map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
            .collect()
    })
}

fn parsed() -> &'static [Recorded] {
    static ALL: OnceLock<Vec<Recorded>> = OnceLock::new();
    ALL.get_or_init(|| recordings().iter().map(|value| Recorded::parse(value).unwrap()).collect())
}

/// How many values there are below one.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(size).sum(),
        Value::Array(items) => items.iter().map(size).sum(),
        _ => 0,
    }
}

/// Puts something else in the place of the value of that number; `None` takes it away.
fn replace(value: &mut Value, place: &mut usize, by: Option<&Value>) -> bool {
    if *place == 0 {
        *value = by.cloned().unwrap_or(Value::Null);
        return true;
    }
    *place -= 1;
    match value {
        Value::Object(fields) => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            for key in keys {
                if *place == 0 && by.is_none() {
                    fields.remove(&key);
                    return true;
                }
                if replace(&mut fields[&key], place, by) {
                    return true;
                }
            }
            false
        }
        Value::Array(items) => items.iter_mut().any(|item| replace(item, place, by)),
        _ => false,
    }
}

fn anything() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        Just(Some(json!({}))),
        Just(Some(json!([]))),
        Just(Some(json!(true))),
        any::<i64>().prop_map(|number| Some(json!(number))),
        Just(Some(json!(i64::MAX))),
        Just(Some(json!(-1))),
        Just(Some(json!(1e300))),
        ".{0,12}".prop_map(|text| Some(json!(text))),
        Just(Some(json!("True"))),
        Just(Some(json!("False"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn absurd_objects_do_no_harm(
        which: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), anything()), 0..6),
        seconds in prop::collection::vec(0_u64..10_000, 1..4),
    ) {
        let mut value = recordings()[which.index(recordings().len())].clone();
        for (place, by) in &changes {
            let mut place = place.index(size(&value));
            replace(&mut value, &mut place, by.as_ref());
        }
        // What is no object of the API is an error of the reader, not a verdict.
        if let Some(recorded) = Recorded::parse(&value) {
            let mut watch = Watch::default();
            let mut seconds = seconds;
            seconds.sort_unstable();
            for second in seconds {
                let verdict = recorded.judge(&mut watch, second);
                prop_assert_eq!(verdict.state == State::Failed, verdict.failure.is_some());
                if is_healthy(&verdict) {
                    prop_assert!(all_ready(&recorded.observed), "healthy by accident");
                    prop_assert!(!recorded.observed.workload.spec.paused);
                }
            }
        }
    }

    #[test]
    fn what_is_kept_of_many_tells_what_the_whole_tells(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), anything()), 0..6),
    ) {
        let mut value = recordings()[which.index(recordings().len())].clone();
        let pods = value["pods"].as_array().cloned().unwrap_or_default();
        value["pods"].as_array_mut().unwrap().extend(pods.into_iter().map(|mut pod| {
            for key in ["name", "uid"] {
                pod["metadata"][key] = json!(format!("{}-2", pod["metadata"][key]));
            }
            pod
        }));
        for (place, by) in &changes {
            let mut place = place.index(size(&value));
            replace(&mut value, &mut place, by.as_ref());
        }
        if let Some(Recorded { observed, .. }) = Recorded::parse(&value) {
            let (mut siblings, mut texts) = (Siblings::default(), Texts::default());
            let packed = Packed::of(Deployment(observed.workload.clone()), &mut texts);
            let sets = observed.revisions.iter().map(|set| {
                let packed = Packed::of(ReplicaSet(set.clone()), &mut texts);
                packed.unpacked().unwrap().0
            });
            let kept = Observed {
                workload: packed.unpacked().unwrap().0,
                revisions: sets.collect(),
                pods: observed.pods.iter().map(|pod| siblings.shared((**pod).clone())).collect(),
                ..observed.clone()
            };
            prop_assert_eq!(WorkloadStatus::brief(&kept), WorkloadStatus::brief(&observed));
        }
    }

    #[test]
    fn a_failure_stands_until_there_is_a_new_pod(
        looks in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..400), 2..12),
    ) {
        let mut watch = Watch::default();
        let mut now = 0;
        let mut failed: Option<BTreeSet<String>> = None;
        for (which, later) in looks {
            now += later;
            let recorded = &parsed()[which.index(parsed().len())];
            let current = rollout_plus::situation::Situation::of(&recorded.observed);
            let pods: BTreeSet<String> = current
                .current
                .map(|rs| current.pods_of(rs).map(|pod| pod.uid().to_owned()).collect())
                .unwrap_or_default();
            let verdict = recorded.judge(&mut watch, now);
            if let Some(before) = &failed {
                prop_assert!(verdict.state == State::Failed || !pods.is_subset(before), "well again by itself");
            }
            failed = verdict.failure.map(|_| pods);
        }
    }
}
