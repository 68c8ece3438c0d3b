//! What an experiment came to. Chaos Toolkit ends with 0 wherever nothing was proven; here each of these cases has its own end.

use std::time::Duration;

use super::{Journal, JournalStatus};
use crate::error::{Error, Kind};
use crate::words::counted;

/// How an experiment went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// Whether a signal ended it.
    pub interrupted: bool,
    /// What did not hold before the method.
    pub unsteady: Option<String>,
    /// What did not hold while or after it.
    pub deviation: Option<String>,
    /// An action that the API server, or a rule of ours, refused.
    pub refused: Option<String>,
    /// An action that found nobody.
    pub nobody: Option<String>,
    /// An action that failed otherwise.
    pub failed: Option<String>,
    /// Whether a hypothesis was looked at.
    pub is_measured: bool,
    /// Whether activities were only played.
    pub is_dry: bool,
    /// Pods that were hit.
    pub victims: usize,
    /// How long it took after the method until all held.
    pub recovered: Option<Duration>,
    /// What could not be put back.
    pub left: Vec<String>,
    /// What does not hold although all was undone.
    pub lasting: Option<String>,
}

impl Course {
    /// Returns what is said at the end.
    ///
    /// # Errors
    /// Everything but a hypothesis that held while all that was to happen happened: each with the kind that has its exit code.
    pub fn verdict(&self, about: &str) -> Result<String, Error> {
        let error = |kind: Kind, text: String| {
            let mut text = format!("{about}: {text}");
            if let Some(lasting) = &self.lasting {
                text = format!("{text}; it does not hold after the end either: {lasting}");
            }
            for left in &self.left {
                text = format!("{text}; not put back: {left}");
            }
            Err(Error::new(kind, text))
        };
        if self.interrupted {
            return error(Kind::Interrupted, "stopped by a signal, and undone".into());
        }
        if let Some(why) = &self.unsteady {
            return error(Kind::Refused, format!("not steady before the method: {why}; nothing was done"));
        }
        if let Some(why) = &self.deviation {
            return error(Kind::VersionFailed, format!("deviated: {why}"));
        }
        if let Some(why) = &self.nobody {
            return error(Kind::NotEnoughData, format!("nothing was proven: {why}"));
        }
        if let Some(why) = &self.refused {
            return error(Kind::Cluster, format!("nothing was proven: {why}"));
        }
        if let Some(why) = &self.failed {
            return error(Kind::Infrastructure, format!("nothing was proven: {why}"));
        }
        if self.is_dry {
            return Ok(format!("{about}: played, and nothing was proven"));
        }
        if !self.is_measured {
            return error(
                Kind::NotEnoughData,
                "nothing was measured: it has no hypothesis with probes".into(),
            );
        }
        if !self.left.is_empty() || self.lasting.is_some() {
            return error(Kind::Infrastructure, "the hypothesis held".into());
        }
        let hit = if self.victims > 0 {
            format!(" with {} hit", counted(self.victims, "pod"))
        } else {
            String::new()
        };
        let recovered = self.recovered.filter(|time| *time >= Duration::from_millis(100));
        let after = recovered.map(|time| format!(", after {:.1} s", time.as_secs_f64())).unwrap_or_default();
        Ok(format!("{about}: the hypothesis held{hit}{after}"))
    }
}

impl Journal {
    /// Whether `chaos run` would end with 0 (`chaostoolkit/cli.py`: it does unless the journal says that it did not complete or
    /// deviated).
    pub fn is_well_for_chaostoolkit(&self) -> bool {
        self.status == JournalStatus::Completed && !self.deviated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(change: impl Fn(&mut Course)) -> u8 {
        let mut course = Course { is_measured: true, victims: 1, ..Course::default() };
        change(&mut course);
        course.verdict("x").err().map_or(0, |error| error.kind.exit_code())
    }

    #[test]
    fn nothing_ends_with_success_that_proves_nothing() {
        let why = || Some("why".to_owned());
        assert_eq!(code(|_| ()), 0);
        assert_eq!(code(|course| course.interrupted = true), 130);
        assert_eq!(code(|course| course.unsteady = why()), 8);
        assert_eq!(code(|course| course.deviation = why()), 1);
        assert_eq!(code(|course| course.nobody = why()), 7);
        assert_eq!(code(|course| course.refused = why()), 3);
        assert_eq!(code(|course| course.failed = why()), 6);
        assert_eq!(code(|course| course.is_measured = false), 7);
        assert_eq!(code(|course| course.left = vec!["a policy".into()]), 6);
        assert_eq!(code(|course| course.lasting = why()), 6);
        // What users noticed comes before why it may have been.
        assert_eq!(code(|course| (course.deviation, course.refused) = (why(), why())), 1);
    }

    #[test]
    fn the_end_says_what_happened() {
        let course = Course {
            is_measured: true,
            victims: 2,
            recovered: Some(Duration::from_millis(3120)),
            ..Course::default()
        };
        assert_eq!(
            course.verdict("a.json").unwrap(),
            "a.json: the hypothesis held with 2 pods hit, after 3.1 s"
        );
    }
}
