//! What a run is doing, as its journal on the Lease tells it.

use rollout_plus::journal;
use rollout_plus::plan::Step;

use crate::names::names;
use crate::server::resources::find;
use crate::server::store::Store;

/// What a run is doing.
#[derive(Clone, Debug)]
enum Doing<'a> {
    /// It has not taken the lock, never does, or has lost it.
    Without,
    /// This step.
    Step(&'a Step),
    /// It has freed the lock.
    After,
}

names! {
    /// All that a run may be doing.
    pub(super) PHASES,
    /// What it is doing, in a word or two.
    name(doing: Doing<'_>),
    {
        Doing::Without => "without the lock",
        Doing::Step(Step::Stop) => "stop",
        Doing::Step(Step::Hold { .. }) => "hold",
        Doing::Step(Step::AwaitCanary) => "await canary",
        Doing::Step(Step::Soak { .. }) => "soak",
        Doing::Step(Step::Update { .. }) => "update",
        Doing::Step(Step::Release) => "release",
        Doing::Step(Step::AwaitRollout) => "await rollout",
        Doing::Step(Step::Follow { .. }) => "follow",
        Doing::Step(Step::Restore) => "restore",
        Doing::Step(Step::AwaitStable) => "await stable",
        Doing::Step(Step::Publish { .. }) => "publish",
        Doing::Step(Step::Own { .. }) => "own",
        Doing::Step(Step::Route { .. }) => "route",
        Doing::Step(Step::Pin { .. }) => "pin",
        Doing::Step(Step::Withdraw) => "withdraw",
        Doing::Step(Step::Freeze) => "freeze",
        Doing::Step(Step::Verify { .. }) => "verify",
        Doing::Step(Step::Smoke { .. }) => "smoke",
        Doing::Step(Step::Fault { .. }) => "fault",
        Doing::After => "after its end",
    }
}

/// Names what the run of this host is doing. Each run of the simulator has a host of its own.
pub fn phase(store: &Store, host: &str) -> &'static str {
    let leases = find("coordination.k8s.io", "v1", "leases").into_iter().flat_map(|leases| store.all(leases));
    let is_its = |holder: &str| holder.split('/').next().and_then(|who| who.split('@').nth(1)) == Some(host);
    let mut doing = name(&Doing::Without);
    for (_, lease) in leases {
        let Some(journal) = journal::journal(lease) else { continue };
        let holder = journal::lock_state(lease).holder;
        match holder {
            Some(holder) if is_its(&holder) => {
                let step = journal.plan.steps.get(journal.cursor);
                return step.map_or(name(&Doing::After), |step| name(&Doing::Step(step)));
            }
            _ if is_its(&journal.run.holder) => doing = name(&Doing::After),
            Some(_) | None => {}
        }
    }
    doing
}
