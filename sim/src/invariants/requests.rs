//! Where the requests go, as the proxies know: see [`crate::dataplane::plane`].

use std::sync::PoisonError;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Invariant;
use crate::dataplane::proxies::Shared;
use crate::driver::Driver;
use crate::server::store::{Entry, Store};

/// The rules, by their names.
const RULES: [&str; 3] = ["share of requests", "requests", "dead pods"];

/// One of the rules.
#[derive(Debug)]
struct Requests {
    rule: &'static str,
    shared: Shared,
    /// What the clocks showed at an instant.
    clock: (Instant, Timestamp),
}

/// Has the data plane judged from now on.
pub fn watch(driver: &mut Driver, shared: &Shared) {
    let clock = (Instant::now(), driver.now());
    for rule in RULES {
        driver.invariants.push(Box::new(Requests { rule, shared: Shared::clone(shared), clock }));
    }
}

impl Invariant for Requests {
    fn name(&self) -> &'static str {
        self.rule
    }

    fn look(&mut self, _: &Store, entry: &Entry) -> Result<(), String> {
        let (begin, then) = self.clock;
        let mut plane = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // Who looks first tells of it.
        if self.rule == RULES[0] {
            plane.see(entry, then + begin.elapsed());
        }
        plane.take(self.rule).map_or(Ok(()), |(when, why)| Err(format!("{why} (since {when})")))
    }
}
