//! How far the waiting of a step is.

use std::time::Duration;

use super::patience::min_ready;
use super::replaced::ended;
use super::{superseded, traffic};
use crate::error::{Error, Kind};
use crate::model::{Pod, Revision, fingerprint, same_template};
use crate::plan::Step;
use crate::situation::{Phase, Situation};

/// How far a step's waiting is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// There.
    Done,
    /// Not yet; the text says what is missing. With a duration, time alone will do it.
    Waiting(String, Option<Duration>),
    /// Somebody else changed the course.
    Halted(Error),
}

/// Returns for how long a pod has been seen Ready without a break.
pub type ReadyFor<'r> = &'r dyn Fn(&Pod) -> Option<Duration>;

/// Returns how far a step's waiting is.
pub fn progress(step: &Step, situation: &Situation<'_>, ready_for: ReadyFor<'_>) -> Progress {
    if let Some(error) = traffic::outlived(step, situation) {
        return Progress::Halted(error);
    }
    match step {
        Step::Hold { .. }
        | Step::Update { .. }
        | Step::Release
        | Step::Restore
        | Step::Own { .. }
        | Step::Withdraw
        | Step::Freeze
        | Step::Verify { .. }
        | Step::Fault { .. }
        | Step::Smoke { .. } => Progress::Done,
        Step::Stop => stop_progress(situation),
        Step::AwaitCanary | Step::Soak { .. } => canary_progress(situation, ready_for),
        Step::AwaitRollout | Step::Follow { .. } => traffic::left(situation, rollout_progress(situation)),
        Step::AwaitStable => traffic::left(situation, stable_progress(situation)),
        Step::Publish { role } => traffic::published(situation, *role),
        Step::Route { split, .. } => traffic::routed(situation, split),
        Step::Pin { role } => traffic::pinned(situation, *role),
    }
}

fn canary_progress(situation: &Situation<'_>, ready_for: ReadyFor<'_>) -> Progress {
    let workload = situation.workload();
    if let Some(error) = ended(situation, None) {
        return Progress::Halted(error);
    }
    if situation.lost_its_limits() {
        return Progress::Halted(without_limits(situation));
    }
    if workload.spec.paused && !situation.observed.switches() {
        return Progress::Halted(paused(situation));
    }
    let Some(canary) = situation.canary.filter(|_| workload.is_observed()) else {
        return unseen(situation);
    };
    // The controller scales a Deployment that is paused in proportion, and may give its canary more pods than there are replicas
    // (`sync` and `scale`, `pkg/controller/deployment/sync.go`).
    let given = if workload.spec.paused { canary.replicas() } else { 0 };
    let target = situation.canary_target().unwrap_or(0).max(given);
    let needed = min_ready(situation);
    let pods: Vec<&Pod> =
        situation.pods_of(canary).filter(|pod| !pod.is_terminating() && !pod.is_finished()).collect();
    let ready = pods.iter().filter(|pod| pod.is_ready()).count();
    let is_steady = |pod: &&&Pod| pod.is_ready() && ready_for(pod).is_some_and(|age| age >= needed);
    let steady = pods.iter().filter(is_steady).count();
    let target_pods = usize::try_from(target).unwrap_or(usize::MAX);
    if canary.replicas() == target && pods.len() == target_pods && steady == target_pods && target > 0 {
        return Progress::Done;
    }
    let mut text = format!("{ready} of {target} canary pods Ready");
    let mut in_time = None;
    if ready == target_pods && pods.len() == target_pods {
        let youngest = pods.iter().filter_map(|pod| ready_for(pod)).min().unwrap_or_default();
        let left = needed.saturating_sub(youngest);
        in_time = Some(left);
        text = format!("{text}, {} s more of minReadySeconds", left.as_secs());
    }
    Progress::Waiting(text, in_time)
}

/// The share is what the limits say, and they are another's now.
fn without_limits(situation: &Situation<'_>) -> Error {
    let id = situation.workload().id();
    let kind = situation.workload().kind;
    Error::new(
        Kind::VersionFailed,
        format!(
            "another client changed spec.{} of {id} ({}): nothing keeps the share of the canary any more",
            kind.names().strategy,
            kind.limits_sentence(situation.workload())
        ),
    )
    .next(format!("{} --weight N (limits it again)", id.command("canary")))
    .next(id.command("abort"))
}

fn stop_progress(situation: &Situation<'_>) -> Progress {
    let workload = situation.workload();
    if let Some(error) = ended(situation, None) {
        return Progress::Halted(error);
    }
    // What the workload counts is what its controller knows of the versions.
    let new = situation.canary.map_or(0, |rs| rs.status.available_replicas);
    let old: i64 = situation
        .observed
        .revisions
        .iter()
        .filter(|rs| situation.canary.is_none_or(|canary| canary.name() != rs.name()))
        .map(|rs| rs.status.available_replicas)
        .sum();
    if workload.is_observed() && new == 0 && workload.status.available_replicas <= old {
        return Progress::Done;
    }
    Progress::Waiting("the rolling update has not stopped yet".into(), None)
}

fn rollout_progress(situation: &Situation<'_>) -> Progress {
    let workload = situation.workload();
    let id = workload.id();
    if situation.hold.is_some() {
        return Progress::Halted(Error::new(Kind::Locked, format!("another run holds {id} again")));
    }
    let live = &workload.spec.template;
    if let Some(snapshot) = situation.observed.snapshot()
        && snapshot.canary != fingerprint(live)
    {
        if !same_template(&snapshot.template, live) {
            return Progress::Halted(superseded(situation));
        }
        return Progress::Halted(
            Error::new(
                Kind::VersionFailed,
                format!("the former version of {id} was put back by another client"),
            )
            .next(id.command("status")),
        );
    }
    if workload.spec.paused {
        return Progress::Halted(paused(situation));
    }
    if !workload.is_observed() {
        return unseen(situation);
    }
    // Old pods that are still counted would make the last picture say "Progressing".
    if situation.phase == Phase::Idle {
        return Progress::Done;
    }
    let status = &workload.status;
    Progress::Waiting(
        format!(
            "{} of {} pods updated, {} available",
            status.updated_replicas,
            workload.replicas(),
            status.available_replicas
        ),
        None,
    )
}

fn unseen(situation: &Situation<'_>) -> Progress {
    Progress::Waiting(format!("{} has not seen the change yet", situation.workload().id().controller()), None)
}

fn paused(situation: &Situation<'_>) -> Error {
    let id = situation.workload().id();
    Error::new(Kind::Deadline, format!("{id} was paused: nothing moves, and what is there stays as it is"))
        .next(id.kubectl("rollout resume"))
        .next(id.command("resume"))
        .next(id.command("abort"))
}

fn stable_progress(situation: &Situation<'_>) -> Progress {
    if situation.hold.is_some() {
        let id = situation.workload().id();
        return Progress::Halted(Error::new(Kind::Locked, format!("another run holds {id} again")));
    }
    if !situation.workload().is_observed() {
        return unseen(situation);
    }
    let stable = situation.stable.map_or("", Revision::name);
    let others = situation.observed.revisions.iter().filter(|rs| rs.name() != stable);
    let left: usize = others
        .map(|rs| {
            situation
                .pods_of(rs)
                .filter(|pod| !pod.is_finished())
                .count()
                .max(usize::from(rs.replicas() > 0 || rs.status.replicas > 0))
        })
        .sum();
    let (ready, wanted) = (situation.stable.map_or(0, Revision::ready), situation.workload().replicas());
    let controller = situation.workload().id().controller();
    match (left, ready >= wanted) {
        (0, true) if situation.workload().is_complete() => Progress::Done,
        (0, true) => Progress::Waiting(format!("{controller} has not counted the pods yet"), None),
        (0, false) => Progress::Waiting(format!("{ready} of {wanted} stable pods Ready"), None),
        (left, _) => {
            Progress::Waiting(format!("pods of the other version that are still there: {left}"), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixtures::{held, template};
    use crate::traffic::Role;

    fn never(_: &Pod) -> Option<Duration> {
        None
    }

    #[test]
    fn a_pod_that_the_kubelet_evicted_is_in_nobodys_way() {
        let mut observed = held();
        let pod = |name: &str, status: serde_json::Value| -> Pod {
            serde_json::from_value(serde_json::json!({"metadata": {"name": name, "uid": name, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-web-2", "uid": "web-2", "controller": true}]},
                "status": status}))
            .unwrap()
        };
        let ready =
            serde_json::json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        observed.pods =
            [pod("a", serde_json::json!({"phase": "Failed", "reason": "Evicted"})), pod("b", ready)]
                .map(Arc::new)
                .to_vec();
        let ready_for = |pod: &Pod| (pod.name() == "b").then_some(Duration::ZERO);
        assert_eq!(progress(&Step::AwaitCanary, &Situation::of(&observed), &ready_for), Progress::Done);
        observed.pods.pop();
        observed.revisions[1].spec.replicas = Some(0);
        observed.revisions[1].status = crate::model::Revision::default().status;
        observed.workload = crate::fixtures::idle().workload;
        assert_eq!(progress(&Step::AwaitStable, &Situation::of(&observed), &ready_for), Progress::Done);
    }

    /// The controller scales a Deployment that is paused in proportion, up to all that its limits allow (`sync` and `scale`,
    /// `pkg/controller/deployment/sync.go`).
    #[test]
    fn a_second_set_that_is_frozen_has_as_many_pods_as_the_controller_gives_it() {
        let mut observed = held();
        let mut switched = crate::traffic::Traffic::direct("web");
        switched.switch = Some(20);
        observed.traffic = Some(switched);
        observed.workload.spec.paused = true;
        observed.workload.spec.replicas = Some(2);
        observed.workload.spec.strategy = Some(
            serde_json::json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 0}}),
        );
        observed.revisions[0] = crate::fixtures::replica_set("web:1", 2);
        observed.revisions[1] = crate::fixtures::replica_set("web:2", 3);
        let pod = |name: &str| -> Pod {
            let owner = serde_json::json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-web-2",
                "uid": "web-2", "controller": true}]);
            let ready =
                serde_json::json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
            serde_json::from_value(
                serde_json::json!({"metadata": {"name": name, "uid": name, "ownerReferences": owner}, "status": ready}),
            )
            .unwrap()
        };
        observed.pods = ["a", "b", "c"].map(pod).map(Arc::new).to_vec();
        let steady = |_: &Pod| Some(Duration::ZERO);
        let mut text = serde_json::from_str::<serde_json::Value>(
            observed.workload.annotation(crate::keys::HELD_ANNOTATION).unwrap(),
        )
        .unwrap();
        text["bounds"]["surge"] = 3.into();
        observed.workload.metadata.annotations =
            Some([(crate::keys::HELD_ANNOTATION.to_owned(), text.to_string())].into());
        let soak = Step::Soak { seconds: 20, analyze: None };
        assert_eq!(progress(&soak, &Situation::of(&observed), &steady), Progress::Done);
        observed.pods.pop();
        let waits = Progress::Waiting("2 of 3 canary pods Ready".into(), None);
        assert_eq!(progress(&soak, &Situation::of(&observed), &steady), waits);
    }

    /// The Service has the pods of the stable version alone, and waits for them: they are on their way out.
    #[test]
    fn a_stable_version_that_is_replaced_before_its_hold_gets_no_requests_alone() {
        let mut observed = crate::fixtures::idle();
        let snapshot = Situation::of(&observed).snapshot(&template("web:2"));
        let journal = crate::fixtures::journal(crate::journal::Verb::BlueGreen, crate::plan::Plan::default());
        observed.journal = Some(crate::journal::Journal { snapshot, ..journal });
        observed.traffic = Some(crate::traffic::Traffic::direct("web"));
        let steps = [Role::Stable, Role::Canary].map(|role| Step::Pin { role: Some(role) });
        let halts = |observed: &crate::situation::Observed| {
            let situation = Situation::of(observed);
            let waits = |step: &Step| matches!(progress(step, &situation, &never), Progress::Halted(_));
            let acts = |step: &Step| crate::step::refused(step, &situation).is_some();
            steps.each_ref().map(|step| (waits(step), acts(step)))
        };
        assert_eq!(halts(&observed), [(false, false); 2]);
        observed.workload.spec.template = template("web:3");
        assert_eq!(halts(&observed), [(true, true), (false, false)]);
        observed.workload.spec.min_ready_seconds = Some(crate::keys::HELD);
        assert_eq!(halts(&observed), [(false, false); 2], "a hold keeps its pods");
    }

    #[test]
    fn a_wait_ends_with_ready_pods_and_halts_on_a_third_version() {
        let mut observed = held();
        let waiting = progress(&Step::AwaitCanary, &Situation::of(&observed), &never);
        assert!(matches!(waiting, Progress::Waiting(text, _) if text == "0 of 1 canary pods Ready"));
        observed.workload.spec.template = template("web:3");
        let halted = progress(&Step::AwaitCanary, &Situation::of(&observed), &never);
        assert!(matches!(halted, Progress::Halted(error) if error.kind == Kind::VersionFailed));
    }
}
