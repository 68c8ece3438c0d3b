//! How often, and how soon, something is decided anew because the object changed meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Engine;
use crate::error::{Error, Kind};

const MOST: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The tries that were made, and until when there may be others.
#[derive(Debug)]
pub(super) struct Tries {
    made: u32,
    pause: Duration,
    deadline: Instant,
}

impl Tries {
    /// Within this time.
    pub(super) fn within(time: Duration) -> Self {
        let deadline = Instant::now() + time.max(Duration::from_secs(1));
        Self { made: 0, pause: FIRST_PAUSE, deadline }
    }

    /// Returns how long to wait before the next try; nothing if there were enough.
    pub(super) fn next(&mut self) -> Option<Duration> {
        self.made += 1;
        if self.made > MOST || Instant::now() > self.deadline {
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

impl Engine<'_> {
    /// Waits before a next try.
    pub(super) async fn pause(&mut self, time: Duration) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = sleep(time) => Ok(()),
            () = self.stop.received() => Err(self.interrupted("stopped by a signal", Kind::Interrupted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_tries_each_later() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _in_runtime = runtime.enter();
        let mut tries = Tries::within(Duration::from_secs(3600));
        let pauses: Vec<u128> = std::iter::from_fn(|| tries.next()).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000]);
        assert_eq!(tries.next(), None);
    }
}
