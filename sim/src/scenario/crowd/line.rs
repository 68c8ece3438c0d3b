//! What is typed, and what goes wrong with it.

use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use super::super::shop::{NAME, NAMESPACE};
use crate::controllers::kubelet::script::Behaviour;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill, Late};

/// A verb and its flags.
#[derive(Clone, PartialEq, Eq)]
pub enum Line {
    /// `canary`: of an image, or of what is there.
    Canary {
        /// The new version; nothing for a new share of the one that is held.
        image: Option<String>,
        /// The shares, in percent.
        steps: Vec<u8>,
        /// Seconds between them.
        wait: u64,
        /// `--shrink-stable`.
        shrink: bool,
        /// `--promote`.
        promote: bool,
    },
    /// `blue-green`.
    BlueGreen {
        /// The new version.
        image: String,
        /// Seconds after the switch.
        soak: u64,
        /// `--auto-promote`.
        promote: bool,
    },
    /// `rolling`.
    Rolling {
        /// The new version.
        image: String,
    },
    /// Any other verb: its name is all of it.
    Other(&'static str),
}

impl Line {
    /// As it is typed.
    pub fn text(&self) -> String {
        match self {
            Self::Canary { image, steps, wait, shrink, promote } => {
                let image = image.as_ref().map(|image| format!(" --image {image}")).unwrap_or_default();
                let shares: Vec<String> = steps.iter().map(ToString::to_string).collect();
                let shares = match shares.as_slice() {
                    [one] => format!(" --weight {one}"),
                    all => format!(" --steps {} --step-wait {wait}s", all.join(",")),
                };
                let shrink = if *shrink { " --shrink-stable" } else { "" };
                let promote = if *promote { " --promote" } else { "" };
                format!("canary {NAME}{image}{shares}{shrink}{promote}")
            }
            Self::BlueGreen { image, soak, promote } => {
                let promote = if *promote { " --auto-promote" } else { "" };
                format!("blue-green {NAME} --image {image} --soak {soak}s{promote}")
            }
            Self::Rolling { image } => format!("rolling {NAME} --image {image}"),
            Self::Other(verb) => format!("{verb} {NAME}"),
        }
    }

    /// The version that it names.
    pub fn image(&self) -> Option<&str> {
        match self {
            Self::Canary { image, .. } => image.as_deref(),
            Self::BlueGreen { image, .. } | Self::Rolling { image } => Some(image),
            Self::Other(_) => None,
        }
    }

    /// How that version behaves; one that is not named is good.
    pub fn behaviour(&self) -> Behaviour {
        self.image().map_or(Behaviour::Good, Behaviour::of_image)
    }
}

impl Debug for Line {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "'{}'", self.text())
    }
}

/// A line, and what goes wrong with its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The line.
    pub line: Line,
    /// `--timeout`, in seconds.
    pub timeout: Option<u64>,
    /// `--on-failure hold`.
    pub keeps: bool,
    /// Which of its requests go wrong, and how.
    pub faults: Vec<(u64, How)>,
    /// When it is killed.
    pub kill: Option<Kill>,
    /// Which of its patches is at the server so much later.
    pub late: Option<(u64, Duration)>,
}

impl Typed {
    /// A line with which nothing goes wrong.
    pub const fn plain(line: Line) -> Self {
        Self { line, timeout: None, keeps: false, faults: Vec::new(), kill: None, late: None }
    }

    /// Starts its run, and returns which one that is.
    pub fn start(&self, driver: &mut Driver) -> usize {
        let run = driver.runs.len();
        driver.faults.extend(self.faults.iter().map(|(nth, how)| Fault { run, nth: *nth, how: *how }));
        driver.kills.extend(self.kill.map(|kill| (run, kill)));
        driver.late.extend(self.late.map(|(nth, wait)| Late { run, nth, wait }));
        let mut text = format!("{} -n {NAMESPACE}", self.line.text());
        if let Some(timeout) = self.timeout {
            text = format!("{text} --timeout {timeout}s");
        }
        if self.keeps {
            text = format!("{text} --on-failure hold");
        }
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        driver.start(&words)
    }
}
