//! The faults that need no file.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::listed::listed;

listed! {
    /// What is done to a pod.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
    #[serde(rename_all = "kebab-case")]
    pub enum Fault {
        /// It is evicted.
        KillPods,
        /// Its container gets an image that nobody has, so it runs no more.
        FailPods,
        /// It gets hardly any CPU.
        SlowPods,
        /// A `NetworkPolicy` lets nothing in or out.
        CutPods,
    }
}

impl Fault {
    /// Returns it as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillPods => "kill-pods",
            Self::FailPods => "fail-pods",
            Self::SlowPods => "slow-pods",
            Self::CutPods => "cut-pods",
        }
    }

    /// Says what was done to pods, as the end of a sentence.
    pub const fn done(self) -> &'static str {
        match self {
            Self::KillPods => "evicted",
            Self::FailPods => "without a container that runs",
            Self::SlowPods => "short of CPU",
            Self::CutPods => "cut off the network",
        }
    }

    /// Returns how long it lasts where nobody says it.
    pub const fn lasting(self) -> Duration {
        if self.lasts() { Duration::from_secs(30) } else { Duration::ZERO }
    }

    /// Whether it stays if our process ends, so that it needs a deadline and a way back.
    pub const fn lasts(self) -> bool {
        match self {
            Self::KillPods => false,
            Self::FailPods | Self::SlowPods | Self::CutPods => true,
        }
    }
}
