//! A plan is data: printed by `--dry-run`, stored in the journal, run by the engine.

mod abort;
mod canary;
mod promote;
mod rolling;
mod stop;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use abort::abort;
pub use canary::{CanaryRequest, canary};
pub use promote::promote;
pub use rolling::rolling;
pub use stop::stop;

use crate::model::images;
use crate::share::{Size, Stable};

/// What is to be done, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Each is declarative ("make it so"), so doing one twice is harmless.
    pub steps: Vec<Step>,
}

/// One thing to be made so, or waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// The Deployment is held with this many canary pods.
    Hold {
        /// The new version; absent: the template that is live.
        template: Option<Value>,
        /// The share to give it.
        size: Size,
        /// What may be done with the stable pods.
        stable: Stable,
    },
    /// The canary pods have been Ready for the user's own `minReadySeconds`.
    AwaitCanary,
    /// The canary serves for a while and stays Ready.
    Soak {
        /// For how long.
        seconds: u64,
    },
    /// The template is this one, and the stock rolling update replaces the pods.
    Update {
        /// The new version.
        template: Value,
    },
    /// The user's own fields are back and the new template stays.
    Release,
    /// The stock rolling update is complete.
    AwaitRollout,
    /// The user's own fields and the stable template are back.
    Restore,
    /// The canary pods are gone.
    AwaitStable,
}

impl Step {
    /// Returns what the step does, for people.
    pub fn title(&self) -> String {
        match self {
            Self::Hold { template, size, stable } => {
                let what = if template.is_some() { "hold with the new template" } else { "hold" };
                let size = match size {
                    Size::Weight(weight) => format!("{weight} %"),
                    Size::Pods(pods) => format!("{pods} canary pods"),
                };
                let note = if *stable == Stable::Shrink { ", taking stable pods away" } else { "" };
                format!("{what} at {size}{note}")
            }
            Self::AwaitCanary => "wait until the canary pods are Ready".into(),
            Self::Soak { seconds } => format!("let the canary serve for {seconds} s"),
            Self::Update { template } => format!("set the template: {}", images(template).join(", ")),
            Self::Release => "restore the Deployment's own settings, keep the new template".into(),
            Self::AwaitRollout => "follow the rolling update to its end".into(),
            Self::Restore => "restore the stable template and the Deployment's own settings".into(),
            Self::AwaitStable => "wait until only pods of the stable version are left".into(),
        }
    }

    /// Whether the new version is judged while the step is waited for.
    pub const fn is_guarded(&self) -> bool {
        matches!(self, Self::AwaitCanary | Self::Soak { .. } | Self::AwaitRollout)
    }
}
