//! What is going to happen, in the order of its time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use rollout_plus::world::AnswerBody;

use super::transport::Answer;
use crate::object::Key;
use crate::server::request::Request;

/// What is going to happen.
pub(super) enum Due {
    /// A request is at the server.
    Effect(usize, u64, Box<http::Request<Bytes>>, Answer),
    /// An answer is at the run.
    Answered(Answer, Box<Response<AnswerBody>>),
    /// The connection of a request breaks.
    Broken(Answer),
    /// A controller's cache takes changes in.
    Cache(usize),
    /// A controller looks at its next key.
    Look(usize),
    /// A controller sends its next write.
    Act(usize),
    /// A key of a controller comes back.
    Again(usize, Key),
    /// A controller is killed and starts again.
    Restart(usize),
    /// A watch tells changes.
    Tell(u64),
    /// A watch is over.
    Close(u64),
    /// All watches break.
    Cut,
    /// The server forgets what was.
    Compact,
    /// Somebody sends a request.
    Foreign(Box<Request>),
    /// SIGKILL.
    Kill(usize),
    /// SIGTERM.
    Signal(usize),
}

/// All of it. What is due at the same time happens in the order in which it was entered.
#[derive(Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Duration, u64), Due>,
    entered: u64,
}

impl Agenda {
    pub(super) fn enter(&mut self, at: Duration, due: Due) {
        self.entered += 1;
        self.entries.insert((at, self.entered), due);
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Duration> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next thing out, if its time has come.
    pub(super) fn take(&mut self, now: Duration) -> Option<Due> {
        let entry = self.entries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
