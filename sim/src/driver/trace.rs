//! What happened, in virtual time: the same seed gives the same lines.

use std::fmt::Display;
use std::time::Duration;

/// The lines, if anybody wants them.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace that keeps what it is told, or does not.
    pub fn new(kept: bool) -> Self {
        Self { lines: kept.then(Vec::new) }
    }

    /// Whether it keeps anything.
    pub const fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// Takes a line down.
    pub fn tell(&mut self, at: Duration, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>10.3} {}", at.as_secs_f64(), text()));
        }
    }

    /// All lines.
    pub fn text(&self) -> impl Display {
        self.lines.as_deref().unwrap_or_default().join("\n")
    }
}
