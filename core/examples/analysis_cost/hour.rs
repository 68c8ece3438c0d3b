//! An hour of looks, in a time that is counted and does not pass.

use std::time::{Duration, Instant};

use rollout_plus_core::comparison::{Comparison, Finding, Next};
use rollout_plus_core::fixtures::analyze;
use rollout_plus_core::keys;
use rollout_plus_core::metric::Scraped;
use rollout_plus_core::plan::Analyze;
use rollout_plus_core::prometheus;
use rollout_plus_core::reading::{MetricSource, Question, Read, Readings, of_pods};
use rollout_plus_core::scrape::Unread;
use rollout_plus_core::situation::Situation;
use serde::{Deserialize, Serialize};

use crate::shop::{self, Shop};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    Pods,
    Prometheus,
}

impl Source {
    pub const ALL: [Self; 2] = [Self::Pods, Self::Prometheus];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Prometheus => "Prometheus",
        }
    }

    fn asked(self) -> Analyze {
        let from = match self {
            Self::Pods => MetricSource::Pods { port: None, path: None },
            Self::Prometheus => MetricSource::Prometheus {
                server: "service:monitoring/prometheus:9090".parse().unwrap(),
                matchers: std::collections::BTreeMap::new(),
            },
        };
        Analyze { from, ..analyze() }
    }
}

/// What an hour came to.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    pub looks: usize,
    pub requests: usize,
    /// Of all answers, as they are before any compression, without their heads.
    pub bytes: usize,
    /// Of what stands on the Lease at the end, as JSON.
    pub record: usize,
    /// When that became larger than an annotation may be.
    pub filled: Option<Duration>,
    /// The most memory of the process at any time, in bytes.
    pub peak: usize,
    /// Time of the processor for reading the answers and judging by them.
    pub busy: Duration,
}

/// Plays an hour of a workload with so many pods.
pub fn cost(source: Source, pods: usize) -> Cost {
    let asked = source.asked();
    let mut shop = Shop::new(pods);
    let observed = shop.observed();
    let mut comparison = Comparison::new(&asked, shop::CANARY, 3, None);
    let mut cost = Cost::default();
    let mut now = Duration::ZERO;
    while now < HOUR {
        match comparison.next(&Situation::of(&observed), |_| Some(HOUR), now) {
            Next::Wait(at) => now = at,
            Next::Ask(asked) => {
                shop.serve_until(now);
                let pods = answer(&shop, asked.question, &mut cost);
                let began = Instant::now();
                comparison.take(Readings { pods, ..Readings::default() }, now);
                let finding = comparison.finding(now);
                cost.busy += began.elapsed();
                assert!(!matches!(finding, Finding::Worse { .. }), "{finding:?}");
                assert_eq!(comparison.missing(), None);
                cost.looks += 1;
                cost.record = serde_json::to_string(comparison.record()).unwrap().len();
                if cost.record > keys::ANNOTATION_BYTES {
                    cost.filled.get_or_insert(now);
                }
            }
        }
    }
    cost.peak = peak();
    cost
}

/// Reads one answer after the other, so that no two are there at a time; the product has four at most.
fn answer(shop: &Shop, question: Question, cost: &mut Cost) -> Vec<Read> {
    let mut read = |text: String, of: &mut dyn FnMut(&str)| {
        cost.requests += 1;
        cost.bytes += text.len();
        let began = Instant::now();
        of(&text);
        cost.busy += began.elapsed();
    };
    match question {
        Question::Pods(pods) => {
            let mut all = Vec::new();
            for (pod, _) in pods {
                read(shop.text(&pod), &mut |text| {
                    all.push((pod.clone(), Scraped::of(text, None).map_err(Unread::Told)));
                });
            }
            all
        }
        Question::Prometheus { queries, pods, .. } => {
            let mut answers = Vec::new();
            for query in queries {
                read(shop.answer(&query), &mut |text| {
                    answers.push(prometheus::read(200, text).unwrap().data);
                });
            }
            of_pods(pods, Ok(answers), None)
        }
        // No router is asked here.
        Question::Router { .. } => Vec::new(),
    }
}

/// The peak of this process's memory, as Linux tells it.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
