//! Prints what the test of `analysis` comes to on drawn traffic: how often it calls a version worse that is not, what it
//! finds and when, and what thresholds do on the same traffic.
//!
//! `bench/analysis [RUNS]`; the seeds are fixed. It fails where a claim of the test does not hold.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "drawn numbers are small"
)]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the tables are the result, and a wrong argument ends it"
)]
#![allow(missing_docs, unreachable_pub, reason = "a program of its own")]

mod alarms;
mod detection;
mod draw;
mod latency;
mod play;
mod table;

use std::process::ExitCode;

/// Runs of each row, where a row has one cell.
const RUNS: usize = 400;

fn main() -> ExitCode {
    let runs = std::env::args().nth(1).map_or(RUNS, |runs| runs.parse().unwrap());
    println!(
        "{runs} runs of a row, {} of each of the 64 cells of the first table; seeds are fixed\n",
        runs / 4
    );
    let mut broken = alarms::everywhere(runs / 4);
    broken.extend(alarms::more_pods(runs));
    broken.extend(alarms::beside_thresholds(runs));
    detection::found(runs);
    detection::young_pods(runs);
    broken.extend(detection::passed(runs / 2));
    broken.extend(latency::found(runs / 4));
    for claim in &broken {
        println!("BROKEN: {claim}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
