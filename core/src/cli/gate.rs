//! Flags of verbs that try a new version by a fault.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::chaos::{Fault, Gate};
use crate::duration;

/// A fault that the new version has to stand.
#[derive(Clone, Debug, Default, Args)]
pub struct GateArgs {
    /// Let it stand kill-pods, fail-pods, slow-pods, cut-pods, or an experiment before it goes on
    #[arg(long, value_name = "FAULT|FILE")]
    pub chaos: Option<Ordeal>,
    /// Hit so many of its pods [default: 1]
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, requires = "chaos", value_parser = clap::value_parser!(u32).range(1..))]
    pub chaos_count: u32,
    /// How long the fault lasts [default: 30s]; of kill-pods: for how long it is looked at least
    #[arg(long, value_name = "DURATION", requires = "chaos", value_parser = duration::parse)]
    pub chaos_for: Option<Duration>,
    /// How soon as many of its pods have to be Ready as before [default: 60s]
    #[arg(long, value_name = "DURATION", default_value = "60s", hide_default_value = true, requires = "chaos", value_parser = duration::parse)]
    pub chaos_recover_within: Duration,
    /// Pods that stay Ready meanwhile, of those that get the same requests [default: 1]
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, requires = "chaos")]
    pub chaos_min_ready: u32,
}

/// What a new version has to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ordeal {
    /// A fault.
    Fault(Fault),
    /// An experiment.
    File(PathBuf),
}

impl FromStr for Ordeal {
    type Err = String;

    /// The names of faults come first; whatever else is said is a file.
    fn from_str(text: &str) -> Result<Self, String> {
        match Fault::ALL.into_iter().find(|fault| fault.name() == text) {
            Some(fault) => Ok(Self::Fault(fault)),
            None if text.contains(['.', '/']) => Ok(Self::File(text.into())),
            None => Err(format!("it is neither {} nor a file", Fault::ALL.map(Fault::name).join(", "))),
        }
    }
}

impl GateArgs {
    /// Returns the experiment that is asked for, if one is.
    pub fn file(&self) -> Option<&Path> {
        match self.chaos.as_ref()? {
            Ordeal::File(file) => Some(file),
            Ordeal::Fault(_) => None,
        }
    }

    /// Returns a flag that says how a fault is made, beside an experiment, which says that itself. `at`: the value of `--chaos-at`.
    pub fn stray(&self, at: Option<u8>) -> Option<&'static str> {
        self.file()?;
        let given = [
            (at.is_some(), "--chaos-at"),
            (self.chaos_for.is_some(), "--chaos-for"),
            (self.chaos_count > 1, "--chaos-count"),
        ];
        given.into_iter().find_map(|(is_given, flag)| is_given.then_some(flag))
    }

    /// Returns the fault that is asked for, if one is.
    pub fn asked(&self) -> Option<Gate> {
        let fault = match self.chaos.as_ref()? {
            Ordeal::Fault(fault) => *fault,
            Ordeal::File(_) => return None,
        };
        Some(Gate {
            fault,
            pods: self.chaos_count,
            seconds: self.chaos_for.unwrap_or(fault.lasting()).as_secs(),
            within: self.chaos_recover_within.as_secs(),
            min_ready: self.chaos_min_ready,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_names_and_files_have_endings() {
        assert_eq!("kill-pods".parse(), Ok(Ordeal::Fault(Fault::KillPods)));
        assert_eq!("a/b.json".parse(), Ok(Ordeal::File("a/b.json".into())));
        assert!("kill-pod".parse::<Ordeal>().is_err());
    }

    #[test]
    fn an_experiment_says_itself_what_is_done() {
        let gate = |text: &str| GateArgs { chaos: Some(text.parse().unwrap()), ..GateArgs::default() };
        assert_eq!(gate("kill-pods").stray(Some(10)), None);
        assert_eq!(gate("a.json").stray(None), None);
        assert_eq!(gate("a.json").stray(Some(10)), Some("--chaos-at"));
        let long = GateArgs { chaos_for: Some(Duration::from_secs(1)), ..gate("a.json") };
        assert_eq!(long.stray(None), Some("--chaos-for"));
        assert_eq!(GateArgs { chaos_count: 2, ..gate("a.json") }.stray(None), Some("--chaos-count"));
    }
}
