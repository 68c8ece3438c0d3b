//! When a run says what it waits for: at each change, and now and then as a sign of life.

use std::time::Duration;

use tokio::time::Instant;

use crate::duration;

/// A line at least this often, because CI systems end silent jobs.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Changes come in bursts; one line for each burst is enough.
const QUIET: Duration = Duration::from_millis(700);

/// What was said last, and when.
pub(super) struct Telling {
    begun: Instant,
    heartbeat: Instant,
    spoke: Instant,
    said: String,
    complete: bool,
}

/// What is to be said now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// This.
    Now(String),
    /// Something, but not before that.
    At(Instant),
    /// Nothing until something changes, or the time of [`Telling::heartbeat`] has come.
    None,
}

impl Telling {
    pub(super) fn new(begun: Instant) -> Self {
        let heartbeat = begun + HEARTBEAT;
        Self { begun, heartbeat, spoke: begun, said: String::new(), complete: false }
    }

    /// Returns when something has to be said although nothing changed.
    pub(super) fn heartbeat(&self) -> Instant {
        self.heartbeat.max(self.spoke + QUIET)
    }

    /// Says what a wait is for, and whether the controller calls the rollout complete, if that is news. What goes on
    /// changing is told in `detail`, and is no news by itself.
    pub(super) fn line(&mut self, text: &str, detail: Option<&str>, complete: bool, now: Instant) -> Line {
        let beat = now >= self.heartbeat;
        let news = text != self.said || complete != self.complete;
        if news && now < self.spoke + QUIET {
            return Line::At(self.spoke + QUIET);
        }
        if !news && !beat {
            return Line::None;
        }
        text.clone_into(&mut self.said);
        self.complete = complete;
        self.spoke = now;
        let text = detail.unwrap_or(text);
        if !beat {
            return Line::Now(text.to_owned());
        }
        self.heartbeat = now + HEARTBEAT;
        // How long it has taken is no news the next time.
        Line::Now(format!("{text} (for {})", duration::short(now - self.begun)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_is_not_told_again_without_its_time() {
        let begun = Instant::now();
        let mut telling = Telling::new(begun);
        let mut at =
            |text: &str, millis: u64| telling.line(text, None, false, begun + Duration::from_millis(millis));
        assert_eq!(at("a", 100), Line::At(begun + QUIET));
        assert_eq!(at("a", 700), Line::Now("a".into()));
        assert_eq!(at("a", 20_000), Line::None);
        assert_eq!(at("a", 30_000), Line::Now("a (for 30s)".into()));
        assert_eq!(at("a", 30_900), Line::None);
        assert_eq!(at("b", 31_000), Line::Now("b".into()));
        assert_eq!(at("c", 31_100), Line::At(begun + Duration::from_millis(31_700)));
        assert_eq!(at("c", 60_000), Line::Now("c (for 1m0s)".into()));
        assert_eq!(at("c", 61_000), Line::None);
        // News just before it takes its time, and nothing has to be looked at before that.
        assert_eq!(at("d", 89_900), Line::Now("d".into()));
        assert_eq!(at("e", 90_000), Line::At(begun + Duration::from_millis(90_600)));
        assert_eq!(telling.heartbeat(), begun + Duration::from_millis(90_600));
    }
}
