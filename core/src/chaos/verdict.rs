//! What a fault showed.

use std::time::Duration;

use serde::Serialize;

use crate::chaos::{Fault, Group};
use crate::error::{Error, Kind};
use crate::words::counted;

/// So many times of answers are kept of each side.
const KEPT: usize = 10_000;

/// What was asked of one side, and how often the answer was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests.
    pub asked: u32,
    /// Those that were not answered as they should be.
    pub failed: u32,
    /// What was wrong with the first of these.
    pub first: Option<String>,
    /// How long answers took, in milliseconds.
    #[serde(skip)]
    millis: Vec<u64>,
}

impl Tally {
    /// Takes note of one request.
    pub fn note(&mut self, millis: u64, fault: Option<String>) {
        self.asked = self.asked.saturating_add(1);
        if self.millis.len() < KEPT {
            self.millis.push(millis);
        }
        if let Some(fault) = fault {
            self.failed = self.failed.saturating_add(1);
            self.first.get_or_insert(fault);
        }
    }

    /// Returns the time within which 95 of 100 answers came, in milliseconds, by the nearest rank.
    pub fn p95(&self) -> Option<u64> {
        let mut sorted = self.millis.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * 95).div_ceil(100);
        sorted.get(rank.checked_sub(1)?).copied()
    }

    fn said(&self) -> String {
        let times = self.p95().map(|millis| format!(", p95 {millis} ms")).unwrap_or_default();
        format!("{} of {} failed{times}", self.failed, counted(self.asked, "request"))
    }
}

/// One fault on one group, and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// What was done.
    pub fault: Fault,
    /// To whom.
    pub group: Group,
    /// How these are called: "pod", "canary pod".
    #[serde(skip)]
    pub noun: String,
    /// The pods that were hit.
    pub victims: Vec<String>,
    /// How long it took until as many pods were Ready as before, from the fault or, of one that lasts, from its end.
    #[serde(skip)]
    pub recovered: Option<Duration>,
    /// How long that may take.
    #[serde(skip)]
    pub limit: Duration,
    /// Why it has not, if it is known.
    pub stuck: Option<String>,
    /// What pods of the group answered that were not hit.
    pub experiment: Tally,
    /// What pods of the other version answered: nothing was done to them.
    pub control: Option<Tally>,
    /// What users' addresses answered.
    pub users: Tally,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "text")]
pub enum Verdict {
    /// The version stood it.
    Held(String),
    /// It did not.
    Deviated(String),
    /// Something else was wrong: who was not hit suffered, too.
    Environment(String),
}

impl Verdict {
    /// Returns the sentence.
    pub fn text(&self) -> &str {
        match self {
            Self::Held(text) | Self::Deviated(text) | Self::Environment(text) => text,
        }
    }

    /// Returns it as the end of a command.
    ///
    /// # Errors
    /// [`Kind::VersionFailed`] or [`Kind::Infrastructure`].
    pub fn ended(&self, about: &str) -> Result<(), Error> {
        let kind = match self {
            Self::Held(_) => return Ok(()),
            Self::Deviated(_) => Kind::VersionFailed,
            Self::Environment(_) => Kind::Infrastructure,
        };
        Err(Error::new(kind, format!("{about}: {}", self.text())))
    }
}

impl Trial {
    /// Judges. Who was not hit and suffered all the same clears the version that was: then it is the environment.
    pub fn verdict(&self) -> Verdict {
        let wrong = |tally: &Tally, who: &str| {
            let first = tally.first.as_deref()?;
            Some(format!("{who}: {first} ({})", tally.said()))
        };
        if let Some(why) = self.control.as_ref().and_then(|control| wrong(control, "pods that were not hit"))
        {
            return Verdict::Environment(why);
        }
        let noun = &self.noun;
        let suffered =
            wrong(&self.users, "users").or_else(|| wrong(&self.experiment, &format!("other {noun}s")));
        if let Some(why) = suffered {
            return Verdict::Deviated(why);
        }
        match self.recovered {
            Some(time) if time <= self.limit => {
                Verdict::Held(format!("{} in {}", self.came_back(), tenths(time)))
            }
            Some(_) | None => {
                let stuck = self.stuck.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                let within = crate::duration::short(self.limit);
                Verdict::Deviated(format!("{noun}s did not recover within {within}{stuck}"))
            }
        }
    }

    fn came_back(&self) -> String {
        format!("{} recovered", counted(self.victims.len(), &self.noun))
    }

    /// Returns what both versions came to under the same fault.
    pub fn beside(&self, other: &Self) -> String {
        let side = |trial: &Self| {
            let asked = trial.experiment.asked + trial.users.asked;
            let mut all = trial.experiment.clone();
            for millis in &trial.users.millis {
                all.millis.push(*millis);
            }
            all.asked = asked;
            all.failed += trial.users.failed;
            let requests = if asked == 0 { String::new() } else { format!(" ({})", all.said()) };
            let time = trial.recovered.filter(|time| *time <= trial.limit);
            let time =
                time.map_or("did not recover".to_owned(), |time| format!("recovered in {}", tenths(time)));
            format!("{} {time}{requests}", trial.group.name())
        };
        format!("{}, {}", side(self), side(other))
    }
}

/// A time as people measure it.
fn tenths(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial() -> Trial {
        Trial {
            fault: Fault::KillPods,
            group: Group::Canary,
            noun: "canary pod".into(),
            victims: vec!["a".into()],
            recovered: Some(Duration::from_millis(3240)),
            limit: Duration::from_secs(60),
            stuck: None,
            experiment: Tally::default(),
            control: Some(Tally::default()),
            users: Tally::default(),
        }
    }

    fn tally(failed: u32) -> Tally {
        let mut tally = Tally::default();
        for n in 0..100 {
            tally.note(n, (n < u64::from(failed)).then(|| "/ answered 500 instead of 200".to_owned()));
        }
        tally
    }

    #[test]
    fn who_was_not_hit_clears_the_version() {
        assert_eq!(trial().verdict(), Verdict::Held("1 canary pod recovered in 3.2 s".into()));
        let wrong = |change: &dyn Fn(&mut Trial)| {
            let mut trial = trial();
            change(&mut trial);
            trial.verdict()
        };
        let said = "/ answered 500 instead of 200 (2 of 100 requests failed, p95 94 ms)";
        assert_eq!(wrong(&|one| one.users = tally(2)), Verdict::Deviated(format!("users: {said}")));
        assert_eq!(
            wrong(&|one| one.experiment = tally(2)),
            Verdict::Deviated(format!("other canary pods: {said}"))
        );
        for change in [&|one: &mut Trial| one.control = Some(tally(2)) as _, &|one: &mut Trial| {
            one.control = Some(tally(2));
            one.users = tally(50);
            one.recovered = None;
        }] as [&dyn Fn(&mut Trial); 2]
        {
            assert_eq!(wrong(change), Verdict::Environment(format!("pods that were not hit: {said}")));
        }
    }

    #[test]
    fn who_does_not_come_back_in_time_has_failed() {
        let late = |recovered, stuck: Option<&str>| {
            Trial { recovered, stuck: stuck.map(str::to_owned), ..trial() }.verdict()
        };
        let said = "canary pods did not recover within 1m0s".to_owned();
        assert_eq!(late(Some(Duration::from_secs(61)), None), Verdict::Deviated(said.clone()));
        assert_eq!(late(None, Some("0 of 1 Ready")), Verdict::Deviated(format!("{said}: 0 of 1 Ready")));
    }

    #[test]
    fn both_versions_stand_side_by_side() {
        let stable = Trial {
            group: Group::Stable,
            recovered: Some(Duration::from_millis(9100)),
            users: tally(0),
            ..trial()
        };
        assert_eq!(
            stable.beside(&trial()),
            "stable recovered in 9.1 s (0 of 100 requests failed, p95 94 ms), canary recovered in 3.2 s"
        );
    }
}
