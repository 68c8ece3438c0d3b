//! From signals and their ages to a verdict.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::brief;
use crate::chaos;
use crate::health::rules::{
    FAULT_ENVIRONMENT, FAULT_NOT_STOOD, LOST_READINESS, METRICS_WORSE, NOT_ENOUGH_DATA, VERIFY,
};
use crate::health::{Class, Meanwhile, Memory, Moment, Quorum, Rule, Signal, Tolerances, View};
use crate::model::Pod;

/// The longest message within a sentence, in letters: a container's last words may be 4,096.
const MESSAGE: usize = 500;

/// How a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Every wanted pod is Ready, and nothing is wrong.
    Healthy,
    /// Not yet.
    InProgress,
    /// It will not become healthy.
    Failed,
}

/// What is thought of a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In one word.
    pub state: State,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What is wrong and may still pass, the most urgent first.
    pub pending: Vec<Signal>,
    /// When time alone can change the verdict.
    pub wake: Option<Moment>,
}

/// Why a version failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose fault it is.
    pub class: Class,
    /// The rule's name.
    pub reason: String,
    /// The rule's row in the documentation.
    pub row: u8,
    /// For how many seconds it was let be.
    pub grace: u64,
    /// What the cluster said.
    pub message: String,
    /// The container, if it is about one.
    pub container: Option<String>,
    /// How the container ended.
    #[serde(rename = "exitCode")]
    pub exit_code: Option<i64>,
    /// Names of the pods that have it.
    pub pods: Vec<String>,
}

impl Failure {
    /// What is due at once: the version has all of the traffic, and no pod to give it to.
    pub fn dark(pods: Vec<String>) -> Self {
        let message = "it has all of the traffic and no pod that stayed Ready".to_owned();
        Self::at_once(&LOST_READINESS, message, pods)
    }

    /// An answer that is not what was asked for: of one of these pods, or of the preview.
    pub fn wrong_answer(message: String, pods: Vec<String>) -> Self {
        Self::at_once(&VERIFY, message, pods)
    }

    /// What a fault showed; `None` if the version stood it.
    pub fn of_fault(verdict: &chaos::Verdict) -> Option<Self> {
        let rule = match verdict {
            chaos::Verdict::Held(_) => return None,
            chaos::Verdict::Deviated(_) => &FAULT_NOT_STOOD,
            chaos::Verdict::Environment(_) => &FAULT_ENVIRONMENT,
        };
        Some(Self::at_once(rule, verdict.text().to_owned(), Vec::new()))
    }

    /// The metrics of these pods are worse than those of the stable version's.
    pub fn metrics_worse(message: String, pods: Vec<String>) -> Self {
        Self::at_once(&METRICS_WORSE, message, pods)
    }

    /// The metrics do not tell whether it is worse.
    pub fn not_enough_data(message: String) -> Self {
        Self::at_once(&NOT_ENOUGH_DATA, message, Vec::new())
    }

    /// Returns what is said of the version before the reason.
    pub const fn told(&self) -> &'static str {
        match self.class {
            Class::Version | Class::Infrastructure => "the new version failed",
            Class::Undecided => "it is not known whether the new version is worse",
        }
    }

    /// Returns it as a line of a log.
    pub fn line(&self) -> String {
        let word = match self.class {
            Class::Version | Class::Infrastructure => "FAILED",
            Class::Undecided => "UNDECIDED",
        };
        format!("{word}: {}", self.sentence())
    }

    fn at_once(rule: &Rule, message: String, pods: Vec<String>) -> Self {
        Self {
            class: rule.class,
            reason: rule.reason.to_owned(),
            row: rule.row,
            grace: 0,
            message,
            container: None,
            exit_code: None,
            pods,
        }
    }

    /// Whether a user who tolerates what [`Failure::dark`] says lets it be.
    pub fn dark_is_tolerated(tolerances: &Tolerances) -> bool {
        tolerances.names(LOST_READINESS.reason)
    }

    /// Returns it in one line; JSON and the journal have the whole message.
    pub fn sentence(&self) -> String {
        let whom = match self.pods.as_slice() {
            [] => String::new(),
            [pod] => format!(" (pod {pod})"),
            [pod, ..] => format!(" (pod {pod} and {} more)", self.pods.len() - 1),
        };
        let after = if self.grace == 0 { String::new() } else { format!(", for {} s", self.grace) };
        format!("{}{after}: {}{whom}", self.reason, brief::line(&self.message, MESSAGE))
    }
}

/// Judges a version by what was found wrong with it, and since when.
pub fn verdict(
    view: &View<'_>,
    found: Vec<Signal>,
    memory: &Memory,
    now: Moment,
    tolerances: &Tolerances,
) -> Verdict {
    let mut due = Vec::new();
    let mut pending = Vec::new();
    let mut wake: Option<Moment> = None;
    for signal in found {
        let usual = signal.within.or(signal.rule.grace.map(Duration::from_secs));
        let grace = tolerances.grace(signal.rule, usual);
        let at = grace.map(|grace| memory.since(&signal, now).saturating_add(grace));
        match at {
            Some(at) if at <= now => due.push((at, grace.unwrap_or_default(), signal)),
            at => {
                wake = [wake, at].into_iter().flatten().min();
                pending.push((at.unwrap_or(Moment::MAX), signal));
            }
        }
    }
    let failure = failure(view, &due);
    pending.extend(due.into_iter().map(|(at, _, signal)| (at, signal)));
    pending.sort_by_key(|(at, _)| *at);
    let state = if failure.is_some() {
        State::Failed
    } else if is_healthy(view) && pending.iter().all(|(_, signal)| signal.rule.meanwhile == Meanwhile::Past) {
        State::Healthy
    } else {
        State::InProgress
    };
    Verdict { state, failure, pending: pending.into_iter().map(|(_, signal)| signal).collect(), wake }
}

/// Whether what is due is enough to give the version up, and what to call it.
fn failure(view: &View<'_>, due: &[(Moment, Duration, Signal)]) -> Option<Failure> {
    let sick: BTreeSet<&str> = due.iter().filter_map(|(_, _, signal)| signal.pod.as_deref()).collect();
    let all = view.standing().count();
    let most = sick.len() == all || (sick.len() >= 2 && sick.len() * 2 >= all);
    let counts = |signal: &Signal| signal.rule.quorum == Quorum::One || most;
    // What was due first is the cause; of equals, what is certain.
    let (_, grace, cause) = due
        .iter()
        .filter(|(_, _, signal)| counts(signal))
        .min_by_key(|(at, _, signal)| (*at, signal.rule.quorum == Quorum::Most, signal.rule.row))?;
    let alike = due.iter().filter(|(_, _, signal)| signal.rule.reason == cause.rule.reason);
    let mut pods: Vec<String> = alike.filter_map(|(_, _, signal)| signal.pod.clone()).collect();
    pods.dedup();
    Some(Failure {
        class: cause.rule.class,
        reason: cause.rule.reason.to_owned(),
        row: cause.rule.row,
        grace: grace.as_secs(),
        message: cause.message.clone(),
        container: cause.container.clone(),
        exit_code: cause.exit_code,
        pods,
    })
}

/// Whether every pod that is wanted is there and Ready, and the controllers agree.
fn is_healthy(view: &View<'_>) -> bool {
    let Some(version) = view.version else { return false };
    let wanted = view.wanted();
    // The pods last: there may be thousands of them.
    wanted > 0
        && version.ready() == version.replicas()
        && view.workload.is_observed()
        && !view.workload.spec.paused
        && view.standing().count() == wanted
        && view.standing().all(Pod::is_ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failures_sentence_is_one_line_whatever_a_container_said() {
        let mut failure = Failure {
            class: Class::Version,
            reason: "CrashLoopBackOff".into(),
            row: 9,
            grace: 0,
            message: "web ended twice: exit code 1 (Error): a\n\tb".into(),
            container: None,
            exit_code: Some(1),
            pods: vec!["p".into()],
        };
        assert_eq!(failure.sentence(), "CrashLoopBackOff: web ended twice: exit code 1 (Error): a b (pod p)");
        failure.message = format!("{}end", "word ".repeat(800));
        assert!(failure.sentence().len() < 600 && failure.sentence().ends_with("word end (pod p)"));
    }
}
