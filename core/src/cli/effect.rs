//! What a command line does to the cluster: what guards it, and how it tells of itself, depends on that.

use super::{ChaosAction, Cli, Command};

/// What a command line does to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// It changes objects, and rolls nothing out.
    Writes,
    /// It rolls a version out, takes one back, or makes a fault on purpose.
    RollsOut,
}

impl Command {
    fn effect(&self) -> Effect {
        match self {
            Self::Status(_)
            | Self::History(_)
            | Self::Check(_)
            | Self::Analyze(_)
            | Self::Import(_)
            | Self::Tag(_)
            | Self::Get(_)
            | Self::Wait(_)
            | Self::Doctor(_)
            | Self::Completion(_) => Effect::Reads,
            Self::Chaos(args) if matches!(args.action, ChaosAction::Check(_)) => Effect::Reads,
            Self::Apply(args) if args.diff => Effect::Reads,
            Self::Delete(_) | Self::Scale(_) | Self::Pause(_) | Self::Unpause(_) | Self::Bootstrap(_) => {
                Effect::Writes
            }
            Self::Apply(_)
            | Self::Canary(_)
            | Self::BlueGreen(_)
            | Self::Chaos(_)
            | Self::Rolling(_)
            | Self::Promote(_)
            | Self::Abort(_)
            | Self::Resume(_)
            | Self::Rollback(_)
            | Self::Restart(_) => Effect::RollsOut,
        }
    }

    /// Whether it goes on until somebody ends it.
    fn watches(&self) -> bool {
        matches!(self, Self::Status(args) if args.watch)
    }
}

impl Cli {
    /// What it does to the cluster; a dry run does nothing.
    pub fn effect(&self) -> Effect {
        if self.global.dry_run.is_some() { Effect::Reads } else { self.command.effect() }
    }

    /// Whether it may change anything in the cluster.
    pub fn changes(&self) -> bool {
        match self.effect() {
            Effect::Reads => false,
            Effect::Writes | Effect::RollsOut => true,
        }
    }

    /// Whether `-o json` prints one event per line. What is only shown is one document.
    pub fn tells_events(&self) -> bool {
        let watches = self.command.watches() && self.global.dry_run.is_none();
        watches || self.effect() == Effect::RollsOut
    }
}
