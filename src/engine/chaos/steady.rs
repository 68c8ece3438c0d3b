//! Looks at what has to hold while a fault is on.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use crate::brief;
use crate::chaos::{Candidate, Group, Tally};
use crate::cluster::{Asked, Cluster, HttpRequest, Reply};
use crate::model::Pod;
use crate::plan::{Check, Steady};
use crate::scrub::Scrubber;
use crate::situation::{Observed, Situation};

/// Users give up, too.
const PATIENCE: Duration = Duration::from_secs(3);
/// The largest answer of an address that is read, in bytes.
const MOST: usize = 1024 * 1024;
/// So many pods of each version are asked at a look.
const PODS: usize = 10;
/// The longest that is told of what went wrong, in letters.
const SAID: usize = 200;

/// One request of a look.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// As users ask.
    Url { url: String, status: u16 },
    /// A pod, by its name, uid and port.
    Pod { group: Group, name: String, uid: String, port: u16, check: Check },
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) question: Question,
    pub(super) millis: u64,
    /// What was wrong.
    pub(super) fault: Option<String>,
}

/// What all looks came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies {
    pub(super) stable: Tally,
    pub(super) canary: Tally,
    pub(super) users: Tally,
}

impl Tallies {
    fn of(&mut self, group: Group) -> &mut Tally {
        match group {
            Group::Stable => &mut self.stable,
            Group::Canary => &mut self.canary,
        }
    }

    /// Takes note of a look.
    pub(super) fn note(&mut self, samples: Vec<Sample>) {
        for Sample { question, millis, fault } in samples {
            match question {
                Question::Url { .. } => self.users.note(millis, fault),
                Question::Pod { group, .. } => self.of(group).note(millis, fault),
            }
        }
    }

    /// Returns what was answered wrongly, if anything was.
    pub(super) fn first(&self) -> Option<&str> {
        [&self.users, &self.stable, &self.canary].into_iter().find_map(|tally| tally.first.as_deref())
    }
}

/// Returns what is asked at a look: addresses, and pods that are Ready and were not hit.
pub(super) fn questions(
    steady: &[Steady],
    port: Option<u16>,
    situation: &Situation<'_>,
    hit: &[Candidate],
) -> Vec<Question> {
    let versions = [(Group::Stable, situation.stable), (Group::Canary, situation.canary)];
    let pods: Vec<(Group, &Pod)> = versions
        .into_iter()
        .filter_map(|(group, revision)| Some((group, revision?)))
        .flat_map(|(group, revision)| {
            let is_asked = |pod: &&Pod| pod.is_ready() && !hit.iter().any(|hit| hit.uid == pod.uid());
            situation.pods_of(revision).filter(is_asked).take(PODS).map(move |pod| (group, pod))
        })
        .collect();
    let ask = |one: &Steady| match (one, port) {
        (Steady::Url { url, status }, _) => vec![Question::Url { url: url.clone(), status: *status }],
        (Steady::Path(check), Some(port)) => {
            let of_pod = |(group, pod): &(Group, &Pod)| Question::Pod {
                group: *group,
                name: pod.name().to_owned(),
                uid: pod.uid().to_owned(),
                port,
                check: check.clone(),
            };
            pods.iter().map(of_pod).collect()
        }
        (Steady::Path(_), None) => Vec::new(),
    };
    steady.iter().flat_map(ask).collect()
}

impl Sample {
    /// Whether it tells something: a pod that ends meanwhile, or whose node is lost, need not answer.
    pub(super) fn counts(&self, observed: &Observed) -> bool {
        match &self.question {
            Question::Url { .. } => true,
            Question::Pod { uid, .. } => {
                self.fault.is_none()
                    || observed.pods.iter().any(|pod| pod.uid() == uid && pod.is_ready() && !pod.is_cut_off())
            }
        }
    }
}

/// Asks all at once. A pod that is gone has no sample.
pub(super) async fn look(cluster: &Cluster, questions: Vec<Question>, scrubber: &Scrubber) -> Vec<Sample> {
    let asked = questions.into_iter().map(|question| async move {
        let begin = Instant::now();
        let fault = match tokio::time::timeout(PATIENCE, ask(cluster, &question, scrubber)).await {
            Ok(fault) => fault?,
            Err(_) => Some(format!("{} gave no answer within {} s", question.title(), PATIENCE.as_secs())),
        };
        let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let fault = fault.map(|fault| brief::line(&fault, SAID));
        Some(Sample { question, millis, fault })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Returns what is wrong; `None` if there is no such pod any more.
async fn ask(cluster: &Cluster, question: &Question, scrubber: &Scrubber) -> Option<Option<String>> {
    let title = question.title();
    match question {
        Question::Url { url, status } => Some(match HttpRequest::get(url).send(MOST).await {
            Ok(answer) if answer.status().as_u16() == *status => None,
            Ok(answer) => Some(format!("{title} answered {} instead of {status}", answer.status().as_u16())),
            Err(why) => Some(format!("{title} gave no answer: {why}")),
        }),
        Question::Pod { name, port, check, .. } => {
            match cluster.ask(&Asked::Pod(name.clone(), *port), &check.path).await {
                Ok(Reply::Answer(answer)) => {
                    Some(check.fault(&answer, scrubber).map(|fault| format!("{title} {fault}")))
                }
                Ok(Reply::Silence(time)) => {
                    Some(Some(format!("{title} gave no answer within {} s", time.as_secs())))
                }
                Ok(Reply::Gone) => None,
                Err(error) => Some(Some(error.message)),
            }
        }
    }
}

impl Question {
    fn title(&self) -> String {
        match self {
            Self::Url { url, .. } => url.clone(),
            Self::Pod { name, check, .. } => format!("{} of pod {name}", check.path),
        }
    }
}
