//! How a new version comes in.

use std::str::FromStr;

use crate::listed::listed;

listed! {
    /// How a new version comes in.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Strategy {
        /// The stock rolling update.
        #[default]
        Rolling,
        /// A share of the traffic first.
        Canary,
        /// A whole second set, then one switch.
        BlueGreen,
    }
}

impl Strategy {
    /// Returns it as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
        }
    }

    /// Returns what it does, for help.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Rolling => "The stock rolling update",
            Self::Canary => "A share of the traffic first",
            Self::BlueGreen => "A whole second set, then one switch",
        }
    }

    /// Whether the new pods are judged by their readiness before they replace anything.
    pub const fn is_judged(self) -> bool {
        match self {
            Self::Rolling => false,
            Self::Canary | Self::BlueGreen => true,
        }
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|strategy| strategy.name() == text);
        named.ok_or_else(|| format!("'{text}' is none of {}", Self::ALL.map(Self::name).join(", ")))
    }
}
