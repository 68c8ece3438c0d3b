//! Both versions' metrics, compared while the new one serves: which pods are read and when, and what their texts come to.
//!
//! The engine reads and waits; here is the rest, so that it can be gone on with from what stands on the Lease.

mod asking;
mod bounds;
mod looks;
mod probed;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::analysis::{Counted, Judged, Settings, State};
use crate::analysis_file::Variables;
use crate::health::Moment;
use crate::journal::ComparisonRecord;
use crate::limits::{Limits, Outlook, Seen};
use crate::metric::Scraped;
use crate::model::{Pod, Revision};
use crate::plan::{Analyze, OnInconclusive};
use crate::reading::{Asked, MetricSource, Readings};
use crate::situation::Situation;
use crate::traffic::Role;

pub use bounds::is_same;
use looks::Looks;

/// The least time between two looks, of pods that are asked themselves. A new version is found out after four of them at
/// the earliest.
const LOOK: Duration = Duration::from_secs(5);
/// The same of a Prometheus, which reads the pods each fifteen seconds or more seldom.
const LOOK_OF_PROMETHEUS: Duration = Duration::from_secs(15);
/// After so many looks at a share they become rarer, so that hours and days of them can be kept.
const OFTEN: u32 = 120;
/// Looks at each share before it is good.
const LOOKS: usize = 4;
/// So many pods of each version are read at most: what is compared are shares of their requests, and more pods tell little more.
/// The counts of each have to fit on the Lease.
const PODS: usize = 10;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until then.
    Wait(Moment),
    /// This is to be asked.
    Ask(Box<Asked>),
}

/// What the metrics say so far.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// It goes on.
    Open,
    /// The new version is not worse.
    Good {
        /// Why.
        sentence: String,
    },
    /// It is.
    Worse {
        /// Why.
        sentence: String,
        /// Its pods.
        pods: Vec<String>,
    },
    /// Time is over, and it is not known.
    NotEnough {
        /// Why.
        sentence: String,
    },
}

/// A comparison under way.
#[derive(Debug)]
pub struct Comparison {
    asked: Analyze,
    limits: Limits,
    record: ComparisonRecord,
    /// What is thought by all looks so far: whoever waits asks more often than there are looks.
    judged: Judged,
    /// The pods that are read, by uid, as long as they are there.
    sampled: BTreeSet<String>,
    /// Whose base is of this share.
    based: BTreeSet<String>,
    /// What was read of each pod at the last look, by uid.
    series: BTreeMap<String, Scraped>,
    /// When the last look was.
    looked: Option<Moment>,
    /// Looks before this share.
    before: Looks,
    /// Why the probe says nothing of some pod, if it does not.
    unprobed: Option<String>,
    /// Requests that the probe was to send to each version.
    sent: usize,
    /// For how long it sends them before the look that is under way.
    sending: Duration,
    begun: Option<Moment>,
    next: Moment,
    trouble: BTreeMap<String, String>,
    /// Names of the canary's pods.
    canaries: BTreeSet<String>,
    /// Who was asked last, by name, with the uid and whose it is: pods, or what the router counts for.
    asked_of: BTreeMap<String, (String, Role)>,
    /// What is said of counts that did not fit on the Lease, where there were any.
    anew: Option<&'static str>,
    /// Whether the end was told that does not count.
    is_told: bool,
    /// Whether a rolling update replaces the pods meanwhile: each new one counts once it is warm.
    rolls: bool,
    /// Whether the versions do not serve beside each other any more.
    is_over: bool,
}

impl Comparison {
    /// Begins one in a step of the plan, or goes on with what was noted of the same version.
    pub fn new(asked: &Analyze, canary: &str, step: usize, noted: Option<ComparisonRecord>) -> Self {
        let noted = noted.filter(|noted| noted.canary == canary);
        // The sums of a router are those of its replicas, and these come and go while nobody looks.
        let of_step = noted.iter().filter(|noted| noted.step == step && !asked.from.is_router());
        let based = of_step.flat_map(|noted| noted.bases.keys().cloned()).collect();
        let before =
            noted.as_ref().filter(|noted| noted.step != step).map(|noted| Looks::of(&noted.analysis));
        let anew = noted.as_ref().filter(|noted| noted.left_out).map(|_| words::ANEW);
        let noted = noted.unwrap_or_else(|| ComparisonRecord::of(canary, step));
        let record = ComparisonRecord { step, left_out: false, ..noted };
        let mut limits = asked.file.as_ref().map(Limits::of).unwrap_or_default();
        limits.go_on(&record.bad_looks);
        Self {
            asked: asked.clone(),
            limits,
            anew,
            judged: record.analysis.judge(settings(asked)),
            record,
            sampled: BTreeSet::new(),
            based,
            series: BTreeMap::new(),
            looked: None,
            before: before.unwrap_or_default(),
            unprobed: None,
            sent: 0,
            sending: Duration::ZERO,
            begun: None,
            next: Moment::ZERO,
            trouble: BTreeMap::new(),
            canaries: BTreeSet::new(),
            asked_of: BTreeMap::new(),
            is_told: false,
            rolls: false,
            is_over: false,
        }
    }

    /// Says whether a rolling update replaces the pods meanwhile: then it goes on for as long as that does.
    #[must_use]
    pub fn rolling(self, rolls: bool) -> Self {
        Self { rolls, ..self }
    }

    /// The versions do not serve beside each other any more.
    pub const fn end(&mut self) {
        self.is_over = true;
    }

    /// The share has changed: within a look it has to be the same, so all pods are counted anew. What was found stays.
    pub fn at_another_share(&mut self, step: usize) {
        self.record.step = step;
        self.based.clear();
        self.series.clear();
        self.before = Looks::of(&self.record.analysis);
        self.looked = None;
        self.begun = None;
        self.next = Moment::ZERO;
        self.limits.at_another_share();
    }

    /// Whether something is to be told that is told once.
    pub fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.is_told, true)
    }

    /// What is done where the metrics do not tell.
    pub const fn on_inconclusive(&self) -> OnInconclusive {
        self.asked.on_inconclusive
    }

    /// What of it has to last.
    pub fn record(&self) -> &ComparisonRecord {
        &self.record
    }

    /// Returns what to do at this time.
    pub fn next(
        &mut self,
        situation: &Situation<'_>,
        ready_for: impl Fn(&Pod) -> Option<Duration>,
        now: Moment,
    ) -> Next {
        let ready = |version: Option<&Revision>| -> Vec<Pod> {
            let pods = version.into_iter().flat_map(|version| situation.pods_of(version));
            pods.filter(|pod| pod.is_ready()).cloned().collect()
        };
        let mut canaries = ready(situation.canary);
        let warm_up = Duration::from_secs(self.asked.warm_up);
        if self.rolls {
            canaries.retain(|pod| ready_for(pod).is_some_and(|age| age >= warm_up));
        }
        let youngest = canaries.iter().map(|pod| ready_for(pod).unwrap_or_default()).min();
        let look = match &self.asked.from {
            MetricSource::Pods { .. } | MetricSource::Probe => LOOK,
            MetricSource::Prometheus { .. } | MetricSource::Router { .. } => LOOK_OF_PROMETHEUS,
        };
        let Some(youngest) = youngest else { return Next::Wait(now + look) };
        if youngest < warm_up {
            return Next::Wait(now + warm_up.saturating_sub(youngest).max(Duration::from_millis(20)));
        }
        let begun = self.begun.get_or_insert(now);
        if now < self.next {
            return Next::Wait(self.next);
        }
        let look = look.max(now.saturating_sub(*begun) / OFTEN);
        self.next = now + look;
        let stable = if self.asked.alone { Vec::new() } else { ready(situation.stable) };
        let names = |pods: &[Pod]| pods.iter().map(|pod| pod.name().to_owned()).collect::<Vec<_>>();
        let (canary_pods, stable_pods) = (names(&canaries), names(&stable));
        let (canaries, stable) = (self.sample(canaries), self.sample(stable));
        self.sampled = canaries.iter().chain(&stable).map(|pod| pod.uid().to_owned()).collect();
        self.canaries = canaries.iter().map(|pod| pod.name().to_owned()).collect();
        let probe = self.volley(situation, [&canaries, &stable], look);
        let question = self.question(situation, (situation.canary, canaries), (situation.stable, stable));
        let hash = |version: Option<&Revision>| version.map(Revision::hash).unwrap_or_default().to_owned();
        let hashes = (hash(situation.canary), hash(situation.stable));
        let id = situation.observed.workload.id();
        let limits = self.limits.due(now, |window| Variables {
            namespace: asking::namespace(situation),
            deployment: &id.name,
            canary_pods: &canary_pods,
            stable_pods: &stable_pods,
            canary_hash: &hashes.0,
            stable_hash: &hashes.1,
            window,
        });
        Next::Ask(Box::new(Asked {
            question,
            named: self.asked.named(),
            server: self.asked.server(),
            login: self.asked.login().cloned(),
            limits,
            probe,
        }))
    }

    /// Chooses the pods of a version that are read: those that were read before stay.
    fn sample(&self, mut pods: Vec<Pod>) -> Vec<Pod> {
        let is_known = |uid: &str| self.sampled.contains(uid) || self.record.bases.contains_key(uid);
        pods.sort_by_key(|pod| !is_known(pod.uid()));
        pods.truncate(PODS);
        pods
    }

    /// Takes in what was read.
    pub fn take(&mut self, read: Readings, now: Moment) {
        for (place, measured) in read.limits {
            self.limits.take(place, measured);
        }
        self.record.bad_looks = self.limits.bad_looks();
        let mut scraped = BTreeMap::new();
        for (pod, told) in read.pods {
            match told {
                Ok(one) => drop(scraped.insert(pod, one)),
                Err(why) => drop(self.trouble.insert(pod, why.sentence().to_owned())),
            }
        }
        self.choose_bounds(&scraped);
        let bounds = self.record.bounds.clone().unwrap_or_default();
        let (mut canary, mut stable) = (BTreeMap::new(), BTreeMap::new());
        for (pod, one) in &scraped {
            let asked = self.asked_of.get(pod).filter(|(uid, _)| self.based.contains(uid));
            let Some((uid, role)) = asked else { continue };
            let counted = match (self.series.get(uid), self.record.bases.get(uid)) {
                (Some(before), _) => one.since(before, &bounds),
                (None, Some(base)) => one.totals(&bounds).since(base),
                (None, None) => continue,
            };
            let side = if *role == Role::Canary { &mut canary } else { &mut stable };
            side.insert(uid.clone(), counted);
        }
        // Of one version alone there is nothing to compare: its requests count with the next look. So do those of a time in
        // which the canary got none: a look that says nothing would make the newest ones look harmless.
        let is_whole = canary.values().any(Counted::has_requests) && (self.asked.alone || !stable.is_empty());
        if is_whole {
            let took = self.looked.map(|looked| now.saturating_sub(looked));
            if self.asked.alone {
                self.record.analysis.look_alone(&canary, took);
            } else {
                self.record.analysis.look(&canary, &stable, took);
            }
        }
        self.take_probe(&read.probe);
        self.judged = self.record.analysis.judge(settings(&self.asked));
        if is_whole || self.looked.is_none() {
            self.looked = Some(now);
        }
        for (pod, one) in scraped {
            let Some((uid, _)) = self.asked_of.get(&pod).cloned() else { continue };
            if self.based.insert(uid.clone()) || is_whole {
                self.record.bases.insert(uid.clone(), one.totals(&bounds));
                self.series.insert(uid, one);
            }
        }
    }

    /// Returns what is found so far.
    pub fn finding(&self, now: Moment) -> Finding {
        let judged = &self.judged;
        let is_late = |begun| now.saturating_sub(begun) >= Duration::from_secs(self.asked.limit);
        let is_over = self.is_over || !self.rolls && self.begun.is_some_and(is_late);
        // What is good at one share may not be at a larger one.
        let looks = self.before.until(&self.record.analysis, &self.asked);
        let limits = self.limits.outlook();
        let worse = match (&limits, judged.state) {
            (_, State::Worse) => Some(judged.why_worse()),
            (Outlook::Bad(why), State::Good | State::Collecting) => Some(why.clone()),
            (Outlook::Good | Outlook::Open(_), State::Good | State::Collecting) => None,
        };
        if let Some(sentence) = worse {
            return Finding::Worse { sentence, pods: self.canaries.iter().cloned().collect() };
        }
        let is_same = !self.asked.judges() || judged.state == State::Good && looks >= LOOKS;
        match limits {
            Outlook::Good if is_same && self.begun.is_some() => Finding::Good { sentence: self.why_good() },
            Outlook::Open(why) if is_over && is_same => Finding::NotEnough { sentence: why },
            Outlook::Good | Outlook::Open(_) | Outlook::Bad(_) if is_over => {
                Finding::NotEnough { sentence: self.why_not_enough() }
            }
            Outlook::Good | Outlook::Open(_) | Outlook::Bad(_) => Finding::Open,
        }
    }

    /// Returns what the last looks at metrics with a limit came to.
    pub fn limits(&self) -> Vec<Seen> {
        self.limits.seen().into_iter().cloned().collect()
    }

    /// Returns what is thought by all looks so far.
    pub const fn judged(&self) -> &Judged {
        &self.judged
    }

    /// Whether no pod's metrics could be read so far.
    pub fn reads_nothing(&self) -> bool {
        let of_probe = self.unprobed.is_some() && self.record.analysis.probe_looks() == 0;
        of_probe || !self.trouble.is_empty() && self.based.is_empty()
    }

    /// Returns what is asked of the looks.
    pub const fn settings(&self) -> Settings {
        settings(&self.asked)
    }
}

const fn settings(asked: &Analyze) -> Settings {
    Settings { margin: asked.margin, max_error_rate: asked.max_error_rate, alone: asked.alone }
}

#[cfg(test)]
mod tests;
