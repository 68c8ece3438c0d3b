//! Findings that are about time, numbers or absence, on objects made by hand.

use std::sync::Arc;
use std::time::Duration;

use rollout_plus::health::{Class, State, Tolerances, Verdict, View, Watch};
use rollout_plus::model::{ClusterEvent, Pod};
use rollout_plus::scrub::Scrubber;
use rollout_plus::situation::{Observed, Situation};
use serde_json::{Value, json};

/// A Deployment of `wanted` pods whose newest version has these.
struct Made {
    observed: Observed,
    events: Vec<ClusterEvent>,
    soaking: bool,
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn replica_set(image: &str, uid: &str, replicas: usize, ready: usize, conditions: &Value) -> Value {
    json!({
        "metadata": {"name": format!("web-{uid}"), "uid": uid, "labels": {"pod-template-hash": uid},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": true}]},
        "spec": {"replicas": replicas, "template": template(image)},
        "status": {"replicas": replicas, "readyReplicas": ready, "conditions": conditions},
    })
}

fn made(wanted: usize, pods: &[Value]) -> Made {
    with_conditions(wanted, pods, &json!([]))
}

fn with_conditions(wanted: usize, pods: &[Value], conditions: &Value) -> Made {
    let ready = pods.iter().filter(|pod| pod["status"]["conditions"][0]["status"] == "True").count();
    let deployment = json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 2},
        "spec": {"replicas": wanted, "template": template("web:2"), "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
        "status": {"observedGeneration": 2},
    });
    let observed = Observed {
        workload: serde_json::from_value(deployment).unwrap(),
        revisions: vec![
            serde_json::from_value(replica_set("web:2", "new", wanted, ready, conditions)).unwrap(),
        ],
        pods: pods.iter().map(|pod| Arc::new(serde_json::from_value::<Pod>(pod.clone()).unwrap())).collect(),
        ..Observed::default()
    };
    Made { observed, events: Vec::new(), soaking: false }
}

fn pod(uid: &str, ready: bool, container: Value) -> Value {
    let mut container = container;
    container["name"] = json!("web");
    let truth = if ready { "True" } else { "False" };
    json!({
        "metadata": {"name": uid, "uid": uid, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-new", "uid": "new", "controller": true}]},
        "spec": {"containers": [{"name": "web", "image": "web:2"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": truth},
            {"type": "ContainersReady", "status": truth}, {"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [container]},
    })
}

fn ready(uid: &str) -> Value {
    pod(uid, true, json!({"ready": true, "state": {"running": {}}}))
}

fn unready(uid: &str) -> Value {
    pod(uid, false, json!({"ready": false, "state": {"running": {}}}))
}

fn waiting(uid: &str, reason: &str, message: &str) -> Value {
    pod(uid, false, json!({"ready": false, "state": {"waiting": {"reason": reason, "message": message}}}))
}

fn crashed(uid: &str) -> Value {
    pod(
        uid,
        false,
        json!({"ready": false, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}),
    )
}

impl Made {
    fn look(&self, watch: &mut Watch, second: u64) -> Verdict {
        let situation = Situation::of(&self.observed);
        watch.look(&View::of(&situation, &self.events, self.soaking), Duration::from_secs(second))
    }

    fn watch(&self) -> Watch {
        let situation = Situation::of(&self.observed);
        Watch::new(&View::of(&situation, &[], false), Tolerances::default())
    }
}

/// Looks at once and after these seconds; returns the reason of the failure.
#[track_caller]
fn fails_after(made: &Made, seconds: u64, reason: &str) -> Class {
    let mut watch = Watch::default();
    made.look(&mut watch, 0);
    if seconds > 0 {
        let before = made.look(&mut watch, seconds - 1);
        assert_eq!(before.failure, None, "too soon");
        assert_eq!(before.wake, Some(Duration::from_secs(seconds)), "time alone decides, and when");
    }
    let failure = made.look(&mut watch, seconds).failure.expect("it fails");
    assert_eq!(failure.reason, reason);
    failure.class
}

#[test]
fn a_registry_in_trouble_is_not_the_versions_fault() {
    let busy = waiting("p", "ErrImagePull", "429 Too Many Requests: toomanyrequests: denied");
    assert_eq!(fails_after(&made(1, &[busy]), 90, "ImagePull"), Class::Infrastructure);
    let gone = waiting("p", "ErrImagePull", "failed to resolve reference: not found");
    assert_eq!(fails_after(&made(1, &[gone]), 15, "ImageNotFound"), Class::Version);
    let signed = waiting("p", "SignatureValidationFailed", "no");
    assert_eq!(fails_after(&made(1, &[signed]), 0, "SignatureValidationFailed"), Class::Version);
}

/// Kubelets before 1.32 do not repeat the cause while they wait for the next try.
#[test]
fn what_a_registry_said_counts_until_it_says_something_else() {
    let waits = made(1, &[waiting("p", "ImagePullBackOff", "Back-off pulling image \"web:2\"")]);
    let gone = made(1, &[waiting("p", "ErrImagePull", "failed to resolve reference: not found")]);
    let busy = made(1, &[waiting("p", "ErrImagePull", "429 Too Many Requests")]);
    let mut watch = Watch::default();
    gone.look(&mut watch, 0);
    assert_eq!(waits.look(&mut watch, 10).failure, None, "a push may be a few seconds late");
    assert_eq!(waits.look(&mut watch, 15).failure.expect("it fails").reason, "ImageNotFound");
    let mut watch = Watch::default();
    gone.look(&mut watch, 0);
    busy.look(&mut watch, 10);
    assert_eq!(waits.look(&mut watch, 15).failure, None, "the registry is in trouble");
    assert_eq!(waits.look(&mut watch, 100).failure.expect("it fails").reason, "ImagePull");
}

#[test]
fn a_node_that_lacks_an_image_is_told_from_a_version_that_does() {
    let lacks = waiting("p", "ErrImageNeverPull", "not present");
    assert_eq!(fails_after(&made(1, std::slice::from_ref(&lacks)), 2, "ErrImageNeverPull"), Class::Version);
    let mut watch = Watch::default();
    let beside = made(2, &[lacks, ready("q")]);
    beside.look(&mut watch, 0);
    assert_eq!(beside.look(&mut watch, 3600).failure, None, "one of two, and the other runs");
}

#[test]
fn most_pods_have_to_be_sick_where_the_others_may_do_better() {
    let fine = |count: usize| (0..count).map(|n| ready(&format!("r{n}"))).collect::<Vec<_>>();
    let verdict = |sick: usize, well: usize| {
        let mut pods = fine(well);
        pods.extend((0..sick).map(|n| crashed(&format!("s{n}"))));
        let made = made(sick + well, &pods);
        // Seen first when nothing had happened to them.
        let mut watch = Watch::default();
        made.look(&mut watch, 0).failure
    };
    assert!(verdict(1, 0).is_some(), "all of one");
    assert!(verdict(2, 2).is_some(), "half of four");
    assert!(verdict(1, 1).is_none(), "half, but only one");
    assert!(verdict(2, 3).is_none(), "two of five");
    let one = waiting("p", "InvalidImageName", "no");
    let mut pods = fine(9);
    pods.push(one);
    assert!(
        made(10, &pods).look(&mut Watch::default(), 0).failure.is_some(),
        "the same would happen to each"
    );
}

#[test]
fn a_container_that_could_not_be_run_gets_a_second_chance() {
    let once = json!({"ready": false, "restartCount": 0, "state": {"waiting": {"reason": "RunContainerError", "message": "odd"}}});
    let mut twice = once.clone();
    twice["restartCount"] = json!(1);
    assert_eq!(made(1, &[pod("p", false, once)]).look(&mut Watch::default(), 9999).failure, None);
    assert_eq!(fails_after(&made(1, &[pod("p", false, twice)]), 0, "RunContainerError"), Class::Version);
}

#[test]
fn never_ready_gets_what_its_probes_allow_and_no_more_than_the_deployments_own_deadline() {
    assert_eq!(fails_after(&made(1, &[unready("p")]), 120, "NeverReady"), Class::Version);
    let mut slow = unready("p");
    slow["spec"]["containers"][0]["startupProbe"] = json!({"periodSeconds": 10, "failureThreshold": 30});
    fails_after(&made(1, std::slice::from_ref(&slow)), 450, "NeverReady");
    let mut hurried = made(1, &[slow]);
    hurried.observed.workload.spec.progress_deadline_seconds = Some(200);
    fails_after(&hurried, 200, "NeverReady");
}

#[test]
fn a_container_that_somebody_added_is_not_the_versions_fault() {
    let text = include_str!("../fixtures/health/34-injected-sidecar-never-ready.json");
    let mut recording: Value = serde_json::from_str(text).unwrap();
    for owner in ["/deployment", "/replicaSets/0", "/replicaSets/1"] {
        let containers = recording.pointer_mut(&format!("{owner}/spec/template/spec/containers")).unwrap();
        containers.as_array_mut().unwrap().retain(|container| container["name"] != "istio-proxy");
    }
    // Without it the two templates are alike but for a label, as where an injector adds it to the pods.
    let recorded = crate::Recorded::parse(&recording).unwrap();
    let view_pods: Vec<&Pod> =
        recorded.observed.pods.iter().map(Arc::as_ref).filter(|pod| !pod.is_ready()).collect();
    let owner = recorded
        .observed
        .revisions
        .iter()
        .find(|rs| view_pods[0].is_owned_by(rs.metadata.uid.as_deref().unwrap()));
    let view = View {
        workload: &recorded.observed.workload,
        version: owner,
        pods: view_pods,
        passed: Vec::new(),
        others: Vec::new(),
        events: &[],
        soaking: false,
        stable: None,
        held: false,
        may_miss: 3,
        own_deadline: None,
        scrubber: Scrubber::default(),
    };
    let mut watch = Watch::default();
    watch.look(&view, Duration::ZERO);
    let failure = watch.look(&view, Duration::from_secs(9999)).failure.expect("it fails");
    assert_eq!((failure.reason.as_str(), failure.class), ("InjectedNeverReady", Class::Infrastructure));
}

/// With a comparison of each with each it was 100 million.
#[test]
fn a_look_at_thousands_of_sick_pods_takes_no_square_of_time() {
    let pods: Vec<Value> =
        (0..10_000).map(|n| waiting(&format!("p{n}"), "ErrImageNeverPull", "not there")).collect();
    let made = made(pods.len(), &pods);
    let begun = std::time::Instant::now();
    made.look(&mut Watch::default(), 0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn an_autoscaler_of_nodes_gets_ten_minutes() {
    let mut pending = unready("p");
    pending["status"] = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]});
    let mut scaling = made(1, &[pending]);
    assert_eq!(fails_after(&scaling, 120, "Unschedulable"), Class::Infrastructure);
    let event = json!({"involvedObject": {"uid": "p"}, "reason": "TriggeredScaleUp", "message": "3 -> 4"});
    scaling.events.push(serde_json::from_value(event).unwrap());
    assert_eq!(fails_after(&scaling, 600, "AwaitsScaleUp"), Class::Infrastructure);
}

#[test]
fn pods_that_cannot_be_made_for_an_unknown_reason() {
    let odd =
        json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "teapot"}]);
    assert_eq!(fails_after(&with_conditions(1, &[], &odd), 120, "CannotCreate"), Class::Infrastructure);
}

#[test]
fn a_controller_that_does_not_look_is_the_clusters_fault() {
    let mut stalled = made(1, &[ready("p")]);
    stalled.observed.workload.status.observed_generation = 1;
    assert_ne!(stalled.look(&mut Watch::default(), 0).state, State::Healthy);
    assert_eq!(fails_after(&stalled, 60, "ControllerStalled"), Class::Infrastructure);
}

fn evicted(uid: &str) -> Value {
    let mut pod = unready(uid);
    pod["status"]["phase"] = json!("Failed");
    pod["status"]["reason"] = json!("Evicted");
    pod
}

/// `well` Ready pods and `out` evicted ones, of which `wanted` are wanted.
fn evictions(wanted: usize, well: usize, out: usize) -> Made {
    let mut pods: Vec<Value> = (0..well).map(|n| ready(&format!("r{n}"))).collect();
    pods.extend((0..out).map(|n| evicted(&format!("e{n}"))));
    made(wanted, &pods)
}

#[test]
fn evictions_count_in_relation_to_the_pods_and_where_no_others_come() {
    assert_eq!(fails_after(&evictions(1, 0, 3), 120, "Evictions"), Class::Infrastructure);
    assert_eq!(fails_after(&evictions(20, 10, 10), 120, "Evictions"), Class::Infrastructure);
    for (wanted, well, out, why) in [
        (1, 0, 2, "two are everyday"),
        (20, 17, 3, "three of twenty are few"),
        (20, 11, 9, "less than half"),
        (4, 4, 3, "others took their places"),
    ] {
        let made = evictions(wanted, well, out);
        let mut watch = Watch::default();
        made.look(&mut watch, 0);
        assert_eq!(made.look(&mut watch, 9999).failure, None, "{why}");
    }
    // Whoever starts slowly may do so again.
    let mut slow = unready("s");
    slow["spec"]["containers"][0]["startupProbe"] = json!({"periodSeconds": 10, "failureThreshold": 30});
    let slow = made(1, &[evicted("a"), evicted("b"), evicted("c"), slow]);
    assert_eq!(fails_after(&slow, 450, "Evictions"), Class::Infrastructure);
}

/// kubelet writes the last phase of a pod that is deleted before the pod is gone (`generateAPIPodStatus` in
/// kubernetes/pkg/kubelet): a canary that is aborted or made smaller leaves such pods, and nobody evicted them.
#[test]
fn pods_that_are_only_deleted_are_not_evicted() {
    let deleted = |uid: &str, phase: &str| {
        let mut pod = unready(uid);
        pod["metadata"]["deletionTimestamp"] = json!("2026-11-20T00:00:00Z");
        pod["status"]["phase"] = json!(phase);
        pod
    };
    let phases = ["Succeeded", "Failed", "Succeeded"];
    let mut pods: Vec<Value> =
        phases.iter().zip(["a", "b", "c"]).map(|(phase, uid)| deleted(uid, phase)).collect();
    let calm = |pods: &[Value]| {
        let made = made(1, pods);
        let mut watch = Watch::default();
        made.look(&mut watch, 0);
        made.look(&mut watch, 9999).failure
    };
    assert_eq!(calm(&pods), None);
    // The scheduler's preemption deletes, too, and says so (`pkg/scheduler/framework/preemption`). An eviction by an
    // administrator says who it was (`pkg/registry/core/pod/storage/eviction.go`): no fault of anybody's.
    let mut targeted = |reason: &str| {
        for pod in &mut pods {
            let target = json!({"type": "DisruptionTarget", "status": "True", "reason": reason});
            let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
            conditions.retain(|condition| condition["type"] != "DisruptionTarget");
            conditions.push(target);
        }
        pods.clone()
    };
    for reason in ["EvictionByEvictionAPI", "DeletionByTaintManager"] {
        assert_eq!(calm(&targeted(reason)), None, "{reason}");
    }
    let preempted = targeted("PreemptionByScheduler");
    assert_eq!(fails_after(&made(1, &preempted), 120, "Evictions"), Class::Infrastructure);
}

#[test]
fn a_lost_node_is_waited_for() {
    let mut lost = ready("p");
    lost["status"]["conditions"][0]["status"] = json!("False");
    let lost = made(1, &[lost]);
    let mut watch = Watch::default();
    lost.look(&mut watch, 0);
    let verdict = lost.look(&mut watch, 9999);
    assert_eq!((verdict.state, verdict.failure), (State::InProgress, None));
    assert_eq!(verdict.pending[0].rule.reason, "NodeLost");
}

#[test]
fn readiness_that_is_lost_while_the_version_is_tried_counts() {
    let mut soak = made(1, &[ready("p")]);
    soak.soaking = true;
    let mut watch = soak.watch();
    assert_eq!(soak.look(&mut watch, 0).state, State::Healthy);
    soak.observed = made(1, &[unready("p")]).observed;
    assert_eq!(soak.look(&mut watch, 1).failure, None);
    assert_eq!(soak.look(&mut watch, 11).failure.map(|failure| failure.reason), Some("LostReadiness".into()));
}

#[test]
fn pods_that_others_take_away_are_missed() {
    let before = made(3, &[ready("a"), ready("b"), ready("c")]);
    let mut watch = before.watch();
    let after = made(3, &[ready("a"), ready("b")]);
    assert_eq!(after.look(&mut watch, 0).failure, None);
    let failure = after.look(&mut watch, 60).failure.expect("it fails");
    assert_eq!((failure.reason.as_str(), failure.class), ("StableUnavailable", Class::Infrastructure));
    // Whoever scales down himself misses none.
    let mut watch = before.watch();
    let scaled = made(2, &[ready("a"), ready("b")]);
    scaled.look(&mut watch, 0);
    assert_eq!(scaled.look(&mut watch, 600).state, State::Healthy);
}

#[test]
fn what_happened_before_the_run_does_not_count() {
    let mut old = crashed("p");
    old["status"]["conditions"][0]["status"] = json!("True");
    old["status"]["containerStatuses"][0]["ready"] = json!(true);
    old["status"]["containerStatuses"][0]["state"] = json!({"running": {}});
    let old = made(1, &[old]);
    assert_eq!(old.look(&mut Watch::default(), 0).state, State::Healthy);
    let left = evictions(1, 0, 3);
    let mut watch = left.watch();
    left.look(&mut watch, 0);
    assert_eq!(left.look(&mut watch, 9999).failure, None, "they were evicted in an earlier run");
    let mut given_up = made(1, &[ready("p")]);
    let condition = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "web-old"}]);
    given_up.observed.workload.status.conditions = serde_json::from_value(condition).unwrap();
    let mut watch = given_up.watch();
    assert_eq!(given_up.look(&mut watch, 0).failure, None, "it is an earlier rollout's");
    assert!(given_up.look(&mut Watch::default(), 0).failure.is_some());
}

#[test]
fn a_grace_is_the_users_to_change() {
    let gone = made(1, &[waiting("p", "ErrImagePull", "not found")]);
    let tolerant = |argument: &str| {
        let situation = Situation::of(&gone.observed);
        let view = View::of(&situation, &[], false);
        let mut watch = Watch::new(&view, Tolerances::parse(&[argument.to_owned()]).unwrap());
        gone.look(&mut watch, 0);
        gone.look(&mut watch, 9999).failure
    };
    assert_eq!(tolerant("ImageNotFound"), None);
    assert_eq!(tolerant("ImageNotFound=3h"), None);
    assert!(tolerant("ImageNotFound=1h").is_some());
}
