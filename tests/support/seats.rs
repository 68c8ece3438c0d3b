//! Who uses the cluster: any number of tests at once, or one alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(PartialEq, Eq)]
enum Use {
    Shared(u32),
    Alone,
}

static USE: Mutex<Use> = Mutex::new(Use::Shared(0));
static CHANGED: Condvar = Condvar::new();

fn now() -> MutexGuard<'static, Use> {
    USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part of the cluster for one shop. A test may take several: nobody who waits for all of it is in their way.
pub struct Seat;

impl Seat {
    pub fn take() -> Self {
        let waited = CHANGED.wait_while(now(), |now| *now == Use::Alone);
        let mut now = waited.unwrap_or_else(PoisonError::into_inner);
        if let Use::Shared(seats) = &mut *now {
            *seats += 1;
        }
        Self
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Use::Shared(seats) = &mut *now() {
            *seats -= 1;
        }
        CHANGED.notify_all();
    }
}

/// The whole cluster for one test, for example to crash its API server.
pub struct Exclusive;

impl Exclusive {
    pub fn take() -> Self {
        let waited = CHANGED.wait_while(now(), |now| *now != Use::Shared(0));
        *waited.unwrap_or_else(PoisonError::into_inner) = Use::Alone;
        Self
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        *now() = Use::Shared(0);
        CHANGED.notify_all();
    }
}
