//! Begin anew where somebody put the stable template back under a hold.

use crate::plan::Step;
use crate::situation::Situation;

/// Returns the steps before a hold after which the stable pods count as Available under it: the old hold is off, so the
/// controller gives their ReplicaSet the user's own `minReadySeconds` back, and then lets it be as long as another template is
/// live. Without steps where they count anyway.
pub(super) fn anew(situation: &Situation<'_>) -> Vec<Step> {
    if situation.stable_is_uncounted() { vec![Step::Restore, Step::AwaitStable] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{held, template};
    use crate::keys::HELD;
    use crate::situation::Observed;
    use crate::strategy::{CanaryRequest, Wanted, canary};

    fn steps(image: Option<&str>, observed: &Observed) -> Vec<Step> {
        let wanted = Wanted { weights: vec![10], ..Wanted::default() };
        let request = CanaryRequest { template: image.map(template), wanted, ..CanaryRequest::default() };
        canary(&request, observed).unwrap().steps
    }

    #[test]
    fn a_canary_after_an_undo_takes_the_old_hold_off_first() {
        let mut observed = held();
        assert_eq!(anew(&Situation::of(&observed)), []);
        assert!(matches!(&steps(None, &observed)[0], Step::Hold { template: None, changes: true, .. }));
        observed.workload.spec.template = template("web:1");
        let [Step::Restore, Step::AwaitStable, hold, ..] = &steps(Some("web:3"), &observed)[..] else {
            panic!("{observed:?}")
        };
        assert!(
            matches!(hold, Step::Hold { template: Some(new), changes: false, .. } if *new == template("web:3"))
        );
        // Somebody put the canary back in turn: the stable ReplicaSet keeps what the controller gave it.
        observed.workload.spec.template = template("web:2");
        observed.revisions[0].spec.min_ready_seconds = Some(HELD);
        let [Step::Restore, Step::AwaitStable, hold, ..] = &steps(None, &observed)[..] else {
            panic!("{observed:?}")
        };
        assert!(
            matches!(hold, Step::Hold { template: Some(new), changes: false, .. } if *new == template("web:2"))
        );
    }
}
