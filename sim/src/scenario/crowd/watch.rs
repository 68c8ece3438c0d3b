//! Which rules hold for a crowd, whatever it does.

use super::line::Line;
use super::{Crowd, Typed};
use crate::acts::Act;
use crate::controllers::kubelet::script::Behaviour;
use crate::driver::Driver;
use crate::invariants::endpoints::Endpoints;
use crate::invariants::kept::Kept;
use crate::invariants::serving::Serving;
use crate::invariants::taken_over::TakenOver;

impl Crowd {
    pub(super) fn does(&self, is: impl Fn(&Act) -> bool) -> bool {
        self.stages.iter().flat_map(|stage| &stage.acts).any(|due| is(&due.act))
    }

    fn takes_pods(&self) -> bool {
        self.scaler.is_some() || self.does(Act::takes_pods)
    }

    /// The version that is held and its greatest share, if no other is and the share is what is asked first.
    fn held(&self) -> Option<(String, u64)> {
        let first = &self.stages.first()?.typed.line;
        let Line::Canary { image: Some(image), steps, promote: false, .. } = first else { return None };
        let goes_on = |line: &Line| match line {
            Line::Other(verb) => matches!(*verb, "abort" | "promote" | "resume" | "status"),
            Line::Canary { .. } => line == first,
            Line::BlueGreen { .. } | Line::Rolling { .. } => false,
        };
        let alone = self.stages.iter().all(|stage| stage.rival.is_none())
            && self.typed().all(|typed| goes_on(&typed.line));
        Some((image.clone(), u64::from(*steps.iter().max()?))).filter(|_| alone)
    }
}

/// Whether somebody brings a version whose pods do not stay Ready.
fn is_bad(act: &Act) -> bool {
    matches!(act, Act::ThirdVersion(behaviour) if !matches!(behaviour, Behaviour::Good | Behaviour::Slow))
}

fn shrinks(typed: &Typed) -> bool {
    matches!(typed.line, Line::Canary { shrink: true, .. })
}

/// Sets the rules that hold whatever this crowd does.
pub(super) fn over(crowd: &Crowd, driver: &mut Driver) {
    driver.invariants.push(Box::new(TakenOver::default()));
    let settings = &crowd.settings;
    let version = crowd.does(Act::changes_version);
    let edits =
        crowd.does(|act| matches!(act, Act::Edit(_) | Act::Revert | Act::RevertSettings | Act::Pause));
    let behaves = |all: &[Behaviour]| crowd.typed().all(|typed| all.contains(&typed.line.behaviour()));
    let stays = [Behaviour::Good, Behaviour::Slow, Behaviour::Crash, Behaviour::Unready, Behaviour::NoImage];
    let kept = settings.replicas > settings.missing();
    if kept && !version && !edits && !crowd.takes_pods() && behaves(&stays) {
        driver.invariants.push(Box::new(Endpoints::default()));
    }
    let good = behaves(&[Behaviour::Good, Behaviour::Slow]) && !crowd.does(is_bad);
    if good && !edits && !crowd.takes_pods() && !crowd.typed().any(shrinks) {
        let least = settings.replicas - settings.missing();
        driver.invariants.push(Box::new(Serving::new(least)));
    }
    if let Some((image, share)) = crowd.held()
        && !version
        && !edits
    {
        driver.invariants.push(Box::new(Kept::new(image, share)));
    }
}
