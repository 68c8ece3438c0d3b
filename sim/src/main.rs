//! `sim --seed N` replays a seed with its trace; `sim --seeds N [--from M] [--threads T]` plays many and counts. With `--crowd`
//! others act while the run is under way, with `--judged` metrics decide, with `--chaos`
//! it makes faults on purpose, `--shrink` makes the scenario of a seed that fails as
//! small as it can be, and `--coverage` tells what many seeds have covered.

#![allow(clippy::print_stdout, reason = "its only output")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{available_parallelism, scope};
use std::time::Instant;

use mimalloc::MiMalloc;
use sim::coverage::Coverage;
use sim::draw::Draw;
use sim::scenario::judged::Opinion;
use sim::scenario::{self, Report, chaos, crowd, judged, routed};

/// A third of a scenario is the making and dropping of small objects.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The kinds of seeds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// One rollout after the other.
    Plain,
    /// Others act meanwhile.
    Crowd,
    /// By a route, or blue-green.
    Routed,
    /// A canary that metrics judge.
    Judged,
    /// Faults that a run makes on purpose.
    Chaos,
}

impl Kind {
    fn play(self, seed: u64, traced: bool) -> std::io::Result<Report> {
        match self {
            Self::Plain => scenario::play(seed, traced),
            Self::Crowd => crowd::of_seed(seed, traced),
            Self::Routed => routed::of_seed(seed, traced),
            Self::Judged => judged::of_seed(seed, traced),
            Self::Chaos => chaos::of_seed(seed, traced),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "it has no other settings")]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    let has = |flag: &str| words.iter().any(|word| word == flag);
    let kinds = [
        ("--crowd", Kind::Crowd),
        ("--routed", Kind::Routed),
        ("--judged", Kind::Judged),
        ("--chaos", Kind::Chaos),
    ];
    let kind = kinds.into_iter().find(|(flag, _)| has(flag)).map_or(Kind::Plain, |(_, kind)| kind);
    match (number("--seed"), number("--seeds")) {
        (Some(seed), _) if has("--shrink") => smallest(kind, seed),
        (Some(seed), _) => one(kind, seed),
        (None, Some(count)) => {
            let cores = available_parallelism().map_or(1, |cores| cores.get() as u64);
            let threads = number("--threads").unwrap_or(cores).max(1);
            many(kind, number("--from").unwrap_or(1), count, threads, has("--coverage"))
        }
        (None, None) => {
            println!(
                "usage: sim [--crowd|--routed|--judged|--chaos] --seed N [--shrink] | sim [--crowd|--routed|--judged|--chaos] --seeds COUNT \
                 [--from N] [--threads N] [--coverage]"
            );
            ExitCode::from(2)
        }
    }
}

fn one(kind: Kind, seed: u64) -> ExitCode {
    let Ok(report) = kind.play(seed, true) else { return ExitCode::from(6) };
    println!("{}", report.trace);
    tell(seed, &report);
    ExitCode::from(u8::from(!report.broken.is_empty()))
}

/// The smallest scenario that breaks what the seed's breaks first, and its trace.
fn smallest(kind: Kind, seed: u64) -> ExitCode {
    let Ok(report) = kind.play(seed, false) else { return ExitCode::from(6) };
    let Some(broken) = report.broken.first() else {
        println!("seed {seed}: nothing is broken");
        return ExitCode::SUCCESS;
    };
    let (report, left, tried) = match kind {
        Kind::Crowd => {
            let (left, tried) = crowd::smallest(crowd::Crowd::draw(&mut Draw::new(seed)), seed, broken.name);
            (crowd::play(&left, seed, true), format!("{left:?}"), tried)
        }
        Kind::Plain => {
            let (left, tried) = scenario::smallest(seed, broken.name);
            (scenario::play_with(&left, scenario::of_seed(seed).1, seed, true), format!("{left:?}"), tried)
        }
        Kind::Routed => {
            let (left, tried) =
                routed::smallest(routed::Routed::draw(&mut Draw::new(seed)), seed, broken.name);
            (routed::play(&left, seed, true), format!("{left:?}"), tried)
        }
        Kind::Judged => {
            let (left, tried) = judged::smallest(seed, broken.name);
            (judged::play(&left, seed, true), format!("{left:?}"), tried)
        }
        Kind::Chaos => {
            let (left, tried) = chaos::smallest(seed, broken.name);
            (chaos::play(&left, seed, true), format!("{left:?}"), tried)
        }
    };
    let Ok(report) = report else { return ExitCode::from(6) };
    println!("{}", report.trace);
    tell(seed, &report);
    println!("{tried} smaller ones were tried; left is {left}");
    ExitCode::from(1)
}

fn tell(seed: u64, report: &Report) {
    for broken in &report.broken {
        println!("seed {seed}: at {:.3}: {}: {}", broken.at.as_secs_f64(), broken.name, broken.why);
    }
}

/// What is counted of all scenarios.
#[derive(Debug, Default)]
struct Sum {
    failed: u64,
    virtual_seconds: f64,
    requests: u64,
    coverage: Coverage,
    alarms: Alarms,
}

/// New versions that fail no more than the stable one, and how many of these were called worse.
#[derive(Clone, Copy, Debug, Default)]
struct Alarms {
    same: u32,
    worse: u32,
}

impl Alarms {
    /// False alarms that the judge claims at most, in a hundred (docs/analysis-statistics.md).
    const CLAIMED: f64 = 1.0;

    fn add(&mut self, opinion: Opinion) {
        self.same += u32::from(opinion.is_same);
        self.worse += u32::from(opinion.is_same && opinion.is_worse);
    }

    /// Whether there are more than chance gives: four standard errors.
    fn are_too_many(self) -> bool {
        let (same, share) = (f64::from(self.same), Self::CLAIMED / 100.0);
        f64::from(self.worse) > same * share + 4.0 * (same * share * (1.0 - share)).sqrt()
    }
}

impl Sum {
    fn add(&mut self, seed: u64, report: Report) {
        self.coverage.add(&report.seen);
        report.opinion.into_iter().for_each(|opinion| self.alarms.add(opinion));
        self.virtual_seconds += report.took.as_secs_f64();
        self.requests += report.runs.iter().map(|run| run.requests).sum::<u64>();
        if !report.broken.is_empty() {
            self.failed += 1;
            let first = Report { broken: report.broken.into_iter().take(2).collect(), ..report };
            tell(seed, &first);
        }
    }
}

/// Plays many seeds. What is printed is in their order, however many threads play them.
fn many(kind: Kind, from: u64, count: u64, threads: u64, covers: bool) -> ExitCode {
    let (begin, next) = (Instant::now(), AtomicU64::new(from));
    let (out, reports) = channel();
    let sum = scope(|scope| {
        for _ in 0..threads {
            let (out, next) = (out.clone(), &next);
            scope.spawn(move || {
                let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                for seed in seeds.take_while(|seed| *seed < from + count) {
                    // Nobody listens any more when one could not be played.
                    if out.send((seed, kind.play(seed, false))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(out);
        in_order(reports, from)
    });
    let Ok(Sum { failed, virtual_seconds, requests, coverage, alarms }) = sum else {
        return ExitCode::from(6);
    };
    let seconds = begin.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let (rate, threads) = (count as f64 / seconds, threads as f64);
    println!(
        "{count} scenarios in {seconds:.1} s: {rate:.0} a second, {:.0} on each of {threads} cores; {virtual_seconds:.0} virtual seconds, {requests} requests of runs; {failed} failed",
        rate / threads
    );
    if alarms.same > 0 {
        println!("{} of {} versions that are no worse were called worse", alarms.worse, alarms.same);
    }
    if covers {
        println!("{coverage}");
    }
    ExitCode::from(u8::from(failed > 0 || alarms.are_too_many()))
}

fn in_order(reports: Receiver<(u64, std::io::Result<Report>)>, from: u64) -> std::io::Result<Sum> {
    let (mut early, mut next, mut sum) = (BTreeMap::new(), from, Sum::default());
    for (seed, report) in reports {
        early.insert(seed, report?);
        while let Some(report) = early.remove(&next) {
            sum.add(next, report);
            next += 1;
        }
    }
    Ok(sum)
}
