//! A run sends no more requests than its plan and its time explain: what changes is told by watches, and nothing is polled.
//!
//! The numbers follow from the design, and were held against what 1,800 plain seeds and 250 crowds sent: without faults the
//! nearest came within 16 requests of them, with faults within 10.

use std::time::Duration;

use super::ending::by_others;
use crate::driver::Driver;

/// To read the workload and begin its watches, to check what is asked, to tell the end: about 25, whatever is done.
const FRAME: u64 = 28;
/// Who waits for a lock looks once a second for as long as a Lease lasts.
const LOCK: u64 = 31;
/// A version that fails is read once more, and its events and logs are asked for, each time later.
const FAILURE: u64 = 16;
/// A fault is prepared, made, looked at until it is seen, and ended.
const FAULT: u64 = 6;
/// Each pod is hit and looked at, and replaced; and so may be one that somebody left.
const VICTIM: u64 = 3;
/// A step writes, writes the journal, and may find that something changed meanwhile.
const STEP: u64 = 4;
/// With a router as many steps more: Services are made, the route names them, gets each share, and is left again.
const ROUTED: u64 = 10;
/// A request that went wrong is tried again, or what it was to do is read.
const MISHAP: u64 = 8;
/// What others write may make a write conflict, and the object read.
const FOREIGN: u64 = 4;
/// The lock is renewed this often.
const RENEWAL: u64 = 10;
/// Metrics of a pod are asked for no more often than this, in seconds; and once before the first write.
const LOOK: u64 = 5;
/// Watches end after some five minutes, and there are about as many.
const WATCHES: u64 = 60;

/// What a run had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Steps of the plan, and of the way back, at most.
    pub steps: u64,
    /// How long it was under way.
    pub lasted: Duration,
    /// What went wrong with its requests, and how often all watches were cut.
    pub mishaps: u64,
    /// Writes of others while it was under way, controllers not among them.
    pub foreign: u64,
}

impl Work {
    /// Reads it off the driver.
    pub fn of(driver: &Driver, run: usize) -> Option<Self> {
        let told = driver.runs.get(run)?;
        let (began, ended) = told.times;
        let faults = driver.faults.iter().filter(|fault| fault.run == run).count();
        let (first, last) = told.versions.first().zip(told.versions.last())?;
        let foreign = by_others(driver, run, *first).filter(|entry| entry.version <= *last).count();
        Some(Self {
            steps: steps(&told.words)
                + of_faults(driver, &told.words)
                + if driver.server.has_custom { ROUTED } else { 0 },
            lasted: ended.unwrap_or_else(|| driver.elapsed()).saturating_sub(began),
            mishaps: u64::try_from(faults).unwrap_or(u64::MAX) + driver.cuts,
            foreign: u64::try_from(foreign).unwrap_or(u64::MAX),
        })
    }

    /// As many requests it may send.
    pub fn most(&self) -> u64 {
        let seconds = self.lasted.as_secs();
        FRAME
            + LOCK
            + FAILURE
            + STEP * self.steps
            + MISHAP * self.mishaps
            + FOREIGN * self.foreign
            + seconds / RENEWAL
            + seconds / WATCHES
    }
}

/// The steps of the faults that a command line makes. What a resumed run goes on with may have one.
fn of_faults(driver: &Driver, words: &[String]) -> u64 {
    let has = |words: &[String], flag: &str| words.iter().any(|word| word == flag);
    let makes = |words: &[String]| has(words, "chaos") || has(words, "--chaos");
    let is_resumed = has(words, "resume") && driver.runs.iter().any(|run| makes(&run.words));
    if !is_resumed && !makes(words) {
        return 0;
    }
    let all = driver.runs.iter().flat_map(|run| run.words.iter().zip(run.words.iter().skip(1)));
    let counts = all.filter(|(flag, _)| matches!(flag.as_str(), "--count" | "--chaos-count"));
    let most = counts.filter_map(|(_, count)| count.parse::<u64>().ok()).max().unwrap_or(1);
    let both = 1 + u64::from(has(words, "--compare"));
    both * (FAULT + VICTIM * most)
}

/// The steps of the longest plan of a command line, by pods and by a Service.
fn steps(words: &[String]) -> u64 {
    let sizes = words.iter().position(|word| word == "--steps").and_then(|at| words.get(at + 1));
    let sizes = sizes.map_or(1, |sizes| u64::try_from(sizes.split(',').count()).unwrap_or(1));
    match words.first().map(String::as_str) {
        // Each size is held, waited for, and left for a while.
        Some("canary") => 3 * sizes + 2,
        Some("blue-green" | "resume") => 12,
        Some("promote") => 8,
        Some("abort") => 5,
        Some("rolling" | "rollback" | "restart") => 2,
        _ => 0,
    }
}

/// Holds what all runs sent against what they may.
pub fn check(driver: &mut Driver) {
    for run in 0..driver.runs.len() {
        let Some((work, sent)) = Work::of(driver, run).zip(driver.runs.get(run).map(|run| run.requests))
        else {
            continue;
        };
        driver.seen.look("budget");
        let looks = driver.runs.get(run).map(|run| run.looks.clone()).unwrap_or_default();
        let words = driver.runs.get(run).map(|run| run.words.clone()).unwrap_or_default();
        // Who waits for a fault to be seen looks each second.
        let look = if of_faults(driver, &words) > 0 { 1 } else { LOOK };
        let often = work.lasted.as_secs() / look + 2;
        if let Some((pod, count)) = looks.iter().find(|(_, count)| **count > often) {
            driver.breaks("budget", format!("run {run} asked {pod} {count} times, at most {often}"));
        }
        let sent = sent.saturating_sub(looks.values().sum());
        if sent > work.most() {
            driver.breaks(
                "budget",
                format!("run {run} sent {sent} requests, at most {} of {work:?}", work.most()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_plan_has_so_many_steps() {
        assert_eq!(steps(&words("canary web --steps 10,20,50 --promote")), 11);
        assert_eq!(steps(&words("canary web --weight 10")), 5);
        assert_eq!(steps(&words("status web")), 0);
    }

    /// Who looked each second would be found out within two minutes.
    #[test]
    fn polling_does_not_pay() {
        let lasted = Duration::from_secs(120);
        let work = Work { steps: 5, lasted, ..Work::default() };
        assert_eq!(work.most(), FRAME + LOCK + FAILURE + 20 + 12 + 2);
        assert!(work.most() < lasted.as_secs());
        assert_eq!(Work { mishaps: 2, ..work }.most(), work.most() + 16);
    }
}
