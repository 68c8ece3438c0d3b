//! How many pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::{Value, from_value, json};

use super::{arcs, deployment, look, noted, rolling, set};
use crate::controllers::Write;
use crate::controllers::deployment::limits::{fenceposts, max_unavailable, new_replicas, proportion, size};
use crate::controllers::deployment::newest::name;
use crate::controllers::talk::tests::run;
use crate::object::Object;

/// `TestResolveFenceposts`, `pkg/controller/deployment/util/deployment_util_test.go`, but for what validation refuses.
#[test]
fn limits_round_the_safe_way() {
    let cases = [
        (json!("0%"), json!("0%"), 0, (0, 1)),
        (json!("39%"), json!("39%"), 10, (4, 3)),
        (Value::Null, json!("39%"), 10, (0, 3)),
        (json!("39%"), Value::Null, 10, (4, 0)),
        (Value::Null, Value::Null, 10, (0, 1)),
    ];
    for (surge, unavailable, total, expected) in cases {
        let read = |value: &Value| from_value::<Option<_>>(value.clone()).unwrap();
        assert_eq!(
            fenceposts(read(&surge).as_ref(), read(&unavailable).as_ref(), total),
            expected,
            "{surge} {unavailable}"
        );
    }
}

/// `TestMaxUnavailable`, `pkg/controller/deployment/util/deployment_util_test.go`.
#[test]
fn no_more_may_be_missing_than_there_are() {
    let cases = [
        (10, json!(5), 5),
        (10, json!(10), 10),
        (5, json!(10), 5),
        (0, json!(10), 0),
        (10, json!("50%"), 5),
        (10, json!("100%"), 10),
        (5, json!("100%"), 5),
    ];
    for (replicas, unavailable, expected) in cases {
        assert_eq!(
            max_unavailable(&rolling(replicas, &json!(1), &unavailable)),
            expected,
            "{replicas} {unavailable}"
        );
    }
    assert_eq!(max_unavailable(&deployment(&json!({"strategy": {"type": "Recreate"}}))), 0);
}

/// `TestNewRSNewReplicas`, `pkg/controller/deployment/util/deployment_util_test.go`.
#[test]
fn a_new_set_grows_into_the_surge() {
    assert_eq!(new_replicas(&rolling(1, &json!(1), &json!(1)), 5, 5), 5);
    assert_eq!(new_replicas(&rolling(6, &json!(10), &json!(1)), 5, 2), 6);
    let recreate = deployment(&json!({"replicas": 3, "strategy": {"type": "Recreate"}}));
    assert_eq!(new_replicas(&recreate, 5, 1), 3);
}

/// `TestGetReplicaSetFraction`, `pkg/controller/deployment/util/deployment_util_test.go`.
#[test]
fn a_set_takes_its_part_of_a_scaling() {
    let cases = [
        (0, 0, 0, 10, None, -10),
        (10, 0, 0, 5, None, 0),
        (10, 0, 0, 5, Some("0"), 0),
        (120, 100, 0, 50, None, 10),
        (120, 100, 0, 50, Some("0"), 10),
        (120, 0, 0, 50, Some("100"), 10),
        (120, 0, 10, 50, Some("110"), 9),
        (10, 0, 0, 6, Some("12"), -1),
        (100, 0, 10, 50, Some("130"), -8),
    ];
    for (replicas, status, surge, own, most, expected) in cases {
        let mut deployment = rolling(replicas, &json!(surge), &json!(1));
        deployment.status.get_or_insert_default().replicas = Some(status);
        let mut set = set("web-1", own, 0, 0);
        if let Some(most) = most {
            let key = "deployment.kubernetes.io/max-replicas".to_owned();
            set.metadata.annotations = Some([(key, most.to_owned())].into());
        }
        // So much is to be added or taken that the part alone decides.
        let to_add = if expected < 0 { -1000 } else { 1000 };
        assert_eq!(proportion(&set, &deployment, to_add, 0), expected, "{replicas} {own} {most:?}");
    }
}

type Sizes = BTreeMap<String, i32>;

/// The sizes of the sets after one scaling.
fn scaled(deployment: Deployment, new: Option<ReplicaSet>, old: &[ReplicaSet]) -> Sizes {
    let name = |set: &ReplicaSet| set.metadata.name.clone().unwrap();
    let mut sizes: Sizes = old.iter().chain(&new).map(|set| (name(set), size(set))).collect();
    let (new, old) = (new.map(Arc::new), arcs(old));
    let (written, _) = run(
        |server| async move {
            look(server, deployment, Vec::new()).scale(new.as_ref(), &old).await.map(|()| None)
        },
        |_| Ok(None),
    );
    for write in written {
        if let Write::Update(Object::ReplicaSet(set)) = write {
            sizes.insert(name(&set), size(&set));
        }
    }
    sizes
}

/// `TestScale`, `pkg/controller/deployment/sync_test.go`. Sets are the new one first, and then from the youngest.
#[test]
fn a_scaling_keeps_the_parts() {
    type Case = (i32, i32, Option<i32>, &'static [i32], Option<i32>, &'static [i32]);
    let cases: [Case; 14] = [
        (10, 12, Some(10), &[], Some(12), &[]),
        (10, 5, Some(10), &[], Some(5), &[]),
        (5, 10, Some(2), &[3], Some(4), &[6]),
        (5, 3, Some(2), &[3], Some(1), &[2]),
        (9, 4, Some(8), &[1], Some(4), &[0]),
        (7, 10, Some(2), &[3, 2], Some(3), &[4, 3]),
        (13, 8, Some(2), &[8, 3], Some(1), &[5, 2]),
        (3, 4, Some(1), &[1, 1], Some(2), &[1, 1]),
        (3, 2, Some(1), &[1, 1], Some(1), &[1, 0]),
        (4, 5, None, &[2, 2], None, &[3, 2]),
        (6, 0, Some(3), &[2, 1], Some(0), &[0, 0]),
        (6, 6, Some(0), &[0, 0], Some(6), &[0, 0]),
        (10, 14, None, &[7, 3], None, &[10, 4]),
        (2, 2, Some(2), &[1], Some(2), &[1]),
    ];
    for (before, after, new, old, new_after, old_after) in cases {
        let broken = (before, new) == (2, Some(2));
        let (surge, unavailable) = if broken { (json!(1), json!(1)) } else { (Value::Null, Value::Null) };
        let former = rolling(before, &surge, &unavailable);
        let count = old.len();
        let names = |old: &[i32]| {
            old.iter().enumerate().map(|(i, _)| format!("web-{}", count - i)).collect::<Vec<_>>()
        };
        let sets: Vec<ReplicaSet> = names(old)
            .iter()
            .zip(old)
            .enumerate()
            .map(|(i, (name, size))| noted(name, *size, i64::try_from(count - i).unwrap(), &former))
            .collect();
        let newest = new.map(|size| noted("web-new", size, 9, &former));
        let mut expected: Sizes = names(old).into_iter().zip(old_after.iter().copied()).collect();
        expected.extend(new_after.map(|size| ("web-new".to_owned(), size)));
        assert_eq!(
            scaled(rolling(after, &surge, &unavailable), newest, &sets),
            expected,
            "{before} to {after}"
        );
    }
}

/// The two cases with a surge of `TestScale`, `pkg/controller/deployment/sync_test.go`.
#[test]
fn a_scaling_counts_the_surge() {
    let cases = [(10, 2, 20, 2, [6, 6], [11, 11]), (10, 3, 50, 6, [5, 8], [22, 34])];
    for (before, surge, after, more, sizes, expected) in cases {
        let former = rolling(before, &json!(surge), &Value::Null);
        let new = noted("web-new", sizes[0], 9, &former);
        let old = noted("web-1", sizes[1], 1, &former);
        let now = scaled(rolling(after, &json!(more), &Value::Null), Some(new), &[old]);
        assert_eq!((now["web-new"], now["web-1"]), (expected[0], expected[1]));
    }
}

/// `TestGenerateReplicaSetName`, `pkg/controller/deployment/sync_test.go`.
#[test]
fn a_long_name_is_cut() {
    assert_eq!(name("nginx-deployment", "hash"), "nginx-deployment-hash");
    assert_eq!(name(&"a".repeat(244), "12345678"), format!("{}-12345678", "a".repeat(244)));
    assert_eq!(name(&"a".repeat(245), "12345678"), format!("{}-12345678", "a".repeat(244)));
}
