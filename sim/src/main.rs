//! `sim --seed N` replays a seed with its trace; `sim --seeds N [--from M]` plays many and counts. With `--crowd` others act while
//! the run is under way, and `--shrink` makes the scenario of a seed that fails as small as it can be.

#![allow(clippy::print_stdout, reason = "its only output")]

use std::process::ExitCode;
use std::time::Instant;

use sim::draw::Draw;
use sim::scenario::{Report, crowd, play};

type Play = fn(u64, bool) -> std::io::Result<Report>;

#[allow(clippy::disallowed_methods, reason = "it has no other settings")]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    let has = |flag: &str| words.iter().any(|word| word == flag);
    let play: Play = if has("--crowd") { crowd::of_seed } else { play };
    match (number("--seed"), number("--seeds")) {
        (Some(seed), _) if has("--shrink") => smallest(seed),
        (Some(seed), _) => one(play, seed),
        (None, Some(count)) => many(play, number("--from").unwrap_or(1), count),
        (None, None) => {
            println!("usage: sim [--crowd] --seed N [--shrink] | sim [--crowd] --seeds COUNT [--from N]");
            ExitCode::from(2)
        }
    }
}

fn one(play: Play, seed: u64) -> ExitCode {
    let Ok(report) = play(seed, true) else { return ExitCode::from(6) };
    println!("{}", report.trace);
    tell(seed, &report);
    ExitCode::from(u8::from(!report.broken.is_empty()))
}

/// The smallest crowd that breaks what the seed's breaks first, and its trace.
fn smallest(seed: u64) -> ExitCode {
    let drawn = crowd::Crowd::draw(&mut Draw::new(seed));
    let Ok(report) = crowd::play(&drawn, seed, false) else { return ExitCode::from(6) };
    let Some(broken) = report.broken.first() else {
        println!("seed {seed}: nothing is broken");
        return ExitCode::SUCCESS;
    };
    let (smallest, tried) = crowd::smallest(drawn, seed, broken.name);
    let Ok(report) = crowd::play(&smallest, seed, true) else { return ExitCode::from(6) };
    println!("{}", report.trace);
    tell(seed, &report);
    println!("{tried} smaller ones were tried; left is {smallest:?}");
    ExitCode::from(1)
}

fn tell(seed: u64, report: &Report) {
    for broken in &report.broken {
        println!("seed {seed}: at {:.3}: {}: {}", broken.at.as_secs_f64(), broken.name, broken.why);
    }
}

fn many(play: Play, from: u64, count: u64) -> ExitCode {
    let begin = Instant::now();
    let (mut failed, mut virtual_seconds, mut requests) = (0_u64, 0_f64, 0_u64);
    for seed in from..from + count {
        let Ok(report) = play(seed, false) else { return ExitCode::from(6) };
        virtual_seconds += report.took.as_secs_f64();
        requests += report.runs.iter().map(|run| run.requests).sum::<u64>();
        if !report.broken.is_empty() {
            failed += 1;
            let first = Report { broken: report.broken.into_iter().take(2).collect(), ..report };
            tell(seed, &first);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let rate = count as f64 / seconds;
    println!(
        "{count} scenarios in {seconds:.1} s: {rate:.0} a second, {virtual_seconds:.0} virtual seconds, {requests} requests of runs; {failed} failed"
    );
    ExitCode::from(u8::from(failed > 0))
}
