//! Who uses the cluster: any number of tests at once, or one alone.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(PartialEq, Eq)]
enum Use {
    Shared(u32),
    Alone,
}

static USE: Mutex<Use> = Mutex::new(Use::Shared(0));
static CHANGED: Condvar = Condvar::new();
/// How many tests wait for all of it.
static WAITING: Mutex<u32> = Mutex::new(0);

thread_local! {
    /// Whether this thread has taken a seat before.
    static HAS_BEGUN: Cell<bool> = const { Cell::new(false) };
}

/// Whether a test takes its first seat: the harness gives each a thread with its name. Who waits for all goes first then,
/// or it would wait for the last of them. A test that has begun must go on, or nobody could.
fn is_first() -> bool {
    std::thread::current().name().is_some() && !HAS_BEGUN.replace(true)
}

fn is_awaited() -> bool {
    *WAITING.lock().unwrap_or_else(PoisonError::into_inner) > 0
}

fn now() -> MutexGuard<'static, Use> {
    USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part of the cluster for one shop. A test may take several: nobody who waits for all of it is in their way.
pub struct Seat;

impl Seat {
    pub fn take() -> Self {
        let first = is_first();
        let waited = CHANGED.wait_while(now(), |now| *now == Use::Alone || (first && is_awaited()));
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
        *WAITING.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let waited = CHANGED.wait_while(now(), |now| *now != Use::Shared(0));
        *waited.unwrap_or_else(PoisonError::into_inner) = Use::Alone;
        *WAITING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        Self
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        *now() = Use::Shared(0);
        CHANGED.notify_all();
    }
}
