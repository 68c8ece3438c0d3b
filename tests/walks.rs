//! Kills, faults, rivals and the number of requests, on a real control plane with fake pods.

#![allow(clippy::format_collect, clippy::missing_panics_doc, reason = "a test")]
#![allow(missing_docs, dead_code, unreachable_pub, reason = "a test")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/shop.rs"]
mod shop;

#[path = "walks/api.rs"]
mod api;
#[path = "walks/faults.rs"]
mod faults;
#[path = "walks/kills.rs"]
mod kills;
#[path = "walks/requests.rs"]
mod requests;
#[path = "walks/rivals.rs"]
mod rivals;
#[path = "walks/scene.rs"]
mod scene;
#[path = "walks/witness.rs"]
mod witness;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The walks keep the machine busy, and some tests measure time: one of these at once.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does all jobs, so many at once; returns those that panicked.
#[must_use]
pub fn each<T: Send + std::fmt::Debug>(
    jobs: Vec<T>,
    at_once: usize,
    work: impl Fn(&T) + Sync,
) -> Vec<String> {
    let jobs = Mutex::new(VecDeque::from(jobs));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let job = jobs.lock().unwrap().pop_front();
                    let Some(job) = job else { return };
                    if catch_unwind(AssertUnwindSafe(|| work(&job))).is_err() {
                        failed.lock().unwrap().push(format!("{job:?}"));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}
