//! What goes wrong with requests.

use std::time::Duration;

use crate::draw::Draw;

/// How a request goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// An error, and nothing was done.
    ErrorBefore,
    /// An error, and it was done.
    ErrorAfter,
    /// No answer, and nothing was done.
    HangBefore,
    /// No answer, and it was done.
    HangAfter,
    /// The connection breaks before the server has it.
    ResetBefore,
    /// The connection breaks before the answer.
    ResetAfter,
    /// Too many requests.
    Busy,
}

impl How {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::HangBefore,
        Self::HangAfter,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Busy,
    ];

    /// Whether the server does what it was asked.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::ErrorAfter | Self::HangAfter | Self::ResetAfter)
    }
}

/// A request that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of which run.
    pub run: usize,
    /// The how manieth of its requests, from 1.
    pub nth: u64,
    /// How.
    pub how: How,
}

/// A patch that is at the server much later than it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// Of which run.
    pub run: usize,
    /// The how manieth of its patches, from 1; those that only try do not count.
    pub nth: u64,
    /// So much later.
    pub wait: Duration,
}

impl Late {
    /// How much later a run's patch is there.
    pub fn of(all: &[Self], run: usize, patch: Option<u64>) -> Duration {
        let late = all.iter().find(|late| late.run == run && Some(late.nth) == patch);
        late.map_or(Duration::ZERO, |late| late.wait)
    }
}

/// When a run is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// When it sends this request, which arrives all the same.
    Sending(u64),
    /// When the server has done this one, before the answer.
    Done(u64),
    /// So many milliseconds after its start.
    After(u64),
}

impl Kill {
    /// Draws one.
    pub fn draw(draw: &mut Draw, requests: u64) -> Self {
        match draw.number(0..=2) {
            0 => Self::Sending(draw.number(1..=requests)),
            1 => Self::Done(draw.number(1..=requests)),
            _ => Self::After(draw.number(0..=60_000)),
        }
    }
}
