//! What a hold has put into fields of the user's, as a workload's objects tell, and which record of it counts.

use super::{Hold, HoldSource, Observed};
use crate::journal::{HeldRecord, Journal, Loan, Originals};
use crate::keys;
use crate::share::Bounds;

impl Observed {
    /// Returns the record on the Deployment, if it is that of the hold that is in force, or of one that another client broke.
    pub fn record(&self) -> Option<HeldRecord> {
        let record = self.workload.held_record()?;
        let counts = match (self.noted_loan(), self.snapshot()) {
            (Some(loan), snapshot) => {
                loan.limits.contains(&record.bounds)
                    && snapshot.is_none_or(|snapshot| snapshot.stable == record.stable)
            }
            (None, Some(snapshot)) => {
                snapshot.original == record.original && snapshot.stable == record.stable
            }
            // A journal that is closed tells of no hold: only what nobody else writes says that there is one.
            (None, None) => {
                self.journal.is_none()
                    || self.is_held()
                    || self.workload.spec.progress_deadline_seconds == Some(keys::NO_DEADLINE)
            }
        };
        counts.then_some(record)
    }

    /// Returns what holds have put into fields of the user's, as far as anything tells.
    pub fn loan(&self) -> Option<Loan> {
        if let Some(loan) = self.noted_loan() {
            return Some(loan.clone());
        }
        let uid = self.workload.uid().to_owned();
        if let Some(record) = self.record() {
            return Some(Loan { uid, original: record.original, limits: vec![record.bounds] });
        }
        // A run of an older version noted no limits: any that are written like ours may be ours.
        let limits = self.workload.limits().into_iter().collect();
        let noted = self.snapshot().map(|snapshot| snapshot.original.clone());
        let original = noted.unwrap_or_else(|| self.workload.kind.defaults());
        self.is_held().then_some(Loan { uid, original, limits })
    }

    fn noted_loan(&self) -> Option<&Loan> {
        let loan = self.journal.as_ref()?.loan.as_ref()?;
        (loan.uid == self.workload.uid()).then_some(loan)
    }

    /// Returns the user's own values of the fields that a hold changes.
    pub fn own_settings(&self) -> Originals {
        match self.loan() {
            Some(loan) => loan.own(&self.workload),
            None => Originals::of(&self.workload),
        }
    }

    /// Names the fields that somebody changed during the hold that is in force.
    pub fn foreign_settings(&self) -> Vec<String> {
        let workload = &self.workload;
        let Some(loan) = self.loan().filter(|_| self.is_held()) else { return Vec::new() };
        let fields = [
            (!workload.has_no_deadline(), "progressDeadlineSeconds"),
            (!loan.has_limits_of(workload), workload.kind.names().strategy),
        ];
        let foreign = fields.into_iter().filter(|(is_foreign, _)| *is_foreign);
        foreign.map(|(_, field)| format!("spec.{field}")).collect()
    }

    /// Whether some field has a value of ours.
    pub fn owes(&self) -> bool {
        self.own_settings() != Originals::of(&self.workload)
    }

    /// Whether a hold was ended by a client that did not know of it: what else it changed is still there.
    pub fn has_broken_hold(&self) -> bool {
        !self.is_held() && self.owes()
    }

    /// Returns what is lent once these limits are set, too.
    pub fn lending(&self, limits: impl IntoIterator<Item = Bounds>) -> Option<Loan> {
        let is_open = self.owes() || self.journal.as_ref().is_some_and(Journal::is_open);
        let mut all = self.loan().filter(|_| is_open).map(|loan| loan.limits).unwrap_or_default();
        for limits in limits {
            if !all.contains(&limits) {
                all.push(limits);
            }
        }
        let loan = Loan { uid: self.workload.uid().to_owned(), original: self.own_settings(), limits: all };
        (self.owes() || !loan.limits.is_empty()).then_some(loan)
    }
}

/// The hold that is in force.
pub(super) fn hold_of(observed: &Observed) -> Option<Hold> {
    if !observed.is_held() {
        return None;
    }
    let record = observed.record();
    let source = if record.is_some() {
        HoldSource::Annotation
    } else if observed.noted_loan().is_some() || observed.snapshot().is_some() {
        HoldSource::Journal
    } else {
        HoldSource::Nowhere
    };
    let text = observed.workload.annotation(keys::HELD_ANNOTATION).map(str::to_owned);
    Some(Hold { record, text, original: observed.own_settings(), source })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{held, idle, journal, template};
    use crate::hold::{Keep, release};
    use crate::journal::{Journal, State, Verb};
    use crate::plan::Plan;
    use crate::share::Unavailable;
    use crate::situation::Situation;

    const ONE: Bounds = Bounds { surge: 1, unavailable: Unavailable::Pods(0) };
    const TWO: Bounds = Bounds { surge: 2, unavailable: Unavailable::Pods(0) };

    /// A held canary whose run is over, as its journal is.
    fn noted() -> Observed {
        let mut observed = held();
        observed.journal = Some(Journal {
            state: State::Done,
            snapshot: Situation::of(&observed).snapshot(&template("web:2")),
            loan: observed.lending([ONE]),
            ..journal(Verb::Canary, Plan::default())
        });
        observed
    }

    fn undone() -> Observed {
        let mut observed = noted();
        observed.workload.spec.template = template("web:1");
        observed.workload.metadata.annotations = Some([].into());
        observed
    }

    fn released(observed: &Observed) -> Vec<String> {
        let patch = release(&Situation::of(observed), Keep::Stable).patch;
        let changes = patch.into_iter().filter(|one| one["op"] != "test");
        changes.map(|one| format!("{} {}", one["path"].as_str().unwrap(), one["value"])).collect()
    }

    #[test]
    fn limits_that_somebody_wrote_are_come_back_to_although_a_hold_limits_anew() {
        let own = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "7%", "maxUnavailable": 0}});
        let mut observed = noted();
        observed.workload.spec.strategy = Some(own.clone());
        assert_eq!(observed.foreign_settings(), ["spec.strategy"]);
        let loan = observed.lending([TWO]).unwrap();
        assert_eq!((&loan.original.strategy, &loan.limits), (&Some(own.clone()), &vec![ONE, TWO]));
        // The journal says so before it is done; the record of the hold before is still that of this one.
        let journal = observed.journal.as_mut().unwrap();
        journal.snapshot.as_mut().unwrap().original = loan.original.clone();
        journal.loan = Some(loan);
        assert!(observed.record().is_some());
        observed.workload.spec.strategy = Some(TWO.strategy());
        assert_eq!(observed.own_settings().strategy, Some(own));
        assert_eq!(observed.foreign_settings(), [""; 0]);
    }

    #[test]
    fn a_record_that_an_undo_took_away_is_no_loss() {
        let mut observed = undone();
        assert_eq!(Situation::of(&observed).hold.unwrap().source, HoldSource::Journal);
        assert_eq!(observed.own_settings(), Originals::of(&idle().workload));
        // Somebody ends the hold, too, and brings another version by a run that holds nothing.
        observed.workload.spec.min_ready_seconds = Some(7);
        assert!(observed.has_broken_hold());
        let own = Originals { min_ready_seconds: Some(7), ..Originals::of(&idle().workload) };
        assert_eq!(observed.own_settings(), own);
        let loan = observed.lending([]);
        observed.journal = Some(Journal { loan, ..journal(Verb::Rolling, Plan::default()) });
        assert_eq!(released(&observed).len(), 2, "deadline and limits");
        let limits =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "50%"}});
        observed.workload.spec.strategy = Some(limits);
        assert_eq!(released(&observed), ["/spec/progressDeadlineSeconds 600"], "others were never ours");
    }

    #[test]
    fn a_record_that_an_undo_brought_back_says_nothing() {
        let mut old = HeldRecord::parse(held().workload.annotation(keys::HELD_ANNOTATION).unwrap()).unwrap();
        old.stable = "web-0".into();
        old.original.progress_deadline_seconds = Some(77);
        let text = serde_json::to_string(&old).unwrap();
        let brought = |mut observed: Observed| {
            observed.workload.metadata.annotations =
                Some([(keys::HELD_ANNOTATION.into(), text.clone())].into());
            observed
        };
        let observed = brought(undone());
        assert_eq!((observed.record(), observed.own_settings()), (None, Originals::of(&idle().workload)));
        // Its limits are the user's own by now, and nothing is held.
        let mut observed = brought(idle());
        observed.workload.spec.strategy = Some(ONE.strategy());
        observed.journal = Some(Journal { state: State::Done, ..journal(Verb::Promote, Plan::default()) });
        assert_eq!((observed.owes(), observed.lending([])), (false, None));
        assert_eq!(released(&observed).len(), 1, "the record goes");
    }

    #[test]
    fn what_an_older_version_held_without_a_record_is_given_back_by_its_form() {
        let mut observed = undone();
        observed.journal.as_mut().unwrap().loan = None;
        assert_eq!(observed.own_settings(), Originals::of(&idle().workload));
        let own = json!({"rollingUpdate": {"maxSurge": "7%", "maxUnavailable": 0}});
        observed.workload.spec.strategy = Some(own.clone());
        assert_eq!(observed.own_settings().strategy, Some(own));
    }

    #[test]
    fn a_third_version_is_known_without_a_record() {
        let mut observed = undone();
        assert!(!Situation::of(&observed).is_superseded());
        observed.workload.spec.template = template("web:3");
        assert!(Situation::of(&observed).is_superseded());
        observed.workload.spec.template = template("web:2");
        assert!(!Situation::of(&observed).is_superseded());
    }
}
