//! Prints what an hour of `--analyze` costs: looks, requests, bytes, the record on the Lease, memory and time, for workloads of
//! several sizes. The product's own comparison says when it looks and at what; the pods and the Prometheus that answer are
//! made up here, and nothing is sent.
//!
//! `bench/analysis-cost`. Each case is a process of its own, whose peak memory Linux tells.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the table is the result, and a program that goes wrong ends"
)]
#![allow(missing_docs, unreachable_pub, reason = "a program of its own")]

mod hour;
mod shop;

use std::process::Command;

use hour::{Cost, Source};

/// Pods of the workload. A tenth of them is the canary's.
const SIZES: [usize; 3] = [4, 40, 400];
/// Flagger asks each built-in metric once each interval (`pkg/controller/scheduler_metrics.go: runBuiltinMetricChecks`): two
/// metrics, and the minute of its examples.
const FLAGGER: usize = 2 * 60;

const HEAD: &str = "| who is asked, pods | looks | requests a look | kB a look | requests an hour | MB an hour | kB of record | ms a look | peak MB |";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [source, pods] = &words[..] {
        let source = Source::ALL.into_iter().find(|one| one.name() == source).unwrap();
        println!("{}", serde_json::to_string(&hour::cost(source, pods.parse().unwrap())).unwrap());
        return;
    }
    println!("{HEAD}\n|{}", "---|".repeat(HEAD.matches('|').count() - 1));
    for source in Source::ALL {
        for pods in SIZES {
            row(source, pods, &measured(source, pods));
        }
    }
    println!("| Flagger, any | 60 | 2 | - | {FLAGGER} | - | - | - | - |");
}

/// A case in a process of its own.
fn measured(source: Source, pods: usize) -> Cost {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args([source.name(), &pods.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn row(source: Source, pods: usize, cost: &Cost) {
    let looks = cost.looks as f64;
    let filled =
        cost.filled.map_or_else(String::new, |at| format!(", too much after {} min", at.as_secs() / 60));
    println!(
        "| {}, {pods} | {} | {} | {:.0} | {} | {:.0} | {:.0}{filled} | {:.1} | {:.0} |",
        source.name(),
        cost.looks,
        cost.requests / cost.looks,
        cost.bytes as f64 / looks / 1e3,
        cost.requests,
        cost.bytes as f64 / 1e6,
        cost.record as f64 / 1e3,
        cost.busy.as_secs_f64() * 1e3 / looks,
        cost.peak as f64 / 1e6,
    );
}
