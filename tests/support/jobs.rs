//! Many jobs side by side, and tests that do not get into each other's way.

#![allow(dead_code, unreachable_pub, reason = "every test takes the part that it needs")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets one test at a time run, also after one that failed: some measure time, some break the node.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of the two places for tests with full load: more would measure the machine.
pub struct Lane;

static FREE: Mutex<u8> = Mutex::new(2);
static FREED: Condvar = Condvar::new();

impl Lane {
    /// Waits for a place; it is free again when this is dropped.
    pub fn take() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        *FREED.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner) -= 1;
        Self
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREED.notify_one();
    }
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
