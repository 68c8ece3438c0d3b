//! The one error type: what we were doing, what went wrong, what to type next, and the exit code.

use std::fmt;

use crate::listed::listed;

listed! {
    /// Why a command ended without success. Each kind has one exit code; the README has the same table.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        /// The new version failed; the message says what was done about it.
        VersionFailed,
        /// A wrong argument, setting or manifest.
        Usage,
        /// The API server could not be reached, or refused a request.
        Cluster,
        /// A deadline of ours passed; the state is safe and can be resumed.
        Deadline,
        /// Another run holds the lock.
        Locked,
        /// The cluster or registry is at fault, not the version.
        Infrastructure,
        /// There is not enough data to judge.
        NotEnoughData,
        /// A preflight check refused before the first write.
        Refused,
        /// A signal ended the run; the state is safe.
        Interrupted,
    }
}

impl Kind {
    /// Returns the exit code of the process.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::VersionFailed => 1,
            Self::Usage => 2,
            Self::Cluster => 3,
            Self::Deadline => 4,
            Self::Locked => 5,
            Self::Infrastructure => 6,
            Self::NotEnoughData => 7,
            Self::Refused => 8,
            Self::Interrupted => 130,
        }
    }
}

/// An error with the command to type next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Decides the exit code.
    pub kind: Kind,
    /// One sentence: what we were doing, to which object, what the server said.
    pub message: String,
    /// Commands or advice, printed as `next:` lines.
    pub next: Vec<String>,
}

impl Error {
    /// Makes an error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next: Vec::new() }
    }

    /// Makes a [`Kind::Usage`] error.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Makes a [`Kind::Refused`] error.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Takes back that a check refused before the first write: something was written, and the rest was refused.
    #[must_use]
    pub fn after_a_write(mut self) -> Self {
        if self.kind == Kind::Refused {
            self.kind = Kind::Cluster;
        }
        self
    }

    /// Adds a command to type next.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_refused_after_a_write() {
        assert_eq!(Error::refused("x").after_a_write().kind.exit_code(), 3);
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Refused) {
            assert_eq!(Error::new(kind, "x").after_a_write().kind, kind);
        }
    }

    #[test]
    fn exit_codes_have_one_meaning_each_and_stand_in_the_readme() {
        let readme = include_str!("../../README.md");
        let mut seen = vec![0];
        for kind in Kind::ALL {
            let code = kind.exit_code();
            assert!(!seen.contains(&code), "{code} has two meanings");
            assert!(readme.contains(&format!("| {code} |")), "README lacks exit code {code}");
            seen.push(code);
        }
    }
}
