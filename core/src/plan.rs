//! A plan is data: printed by `--dry-run`, stored in the journal, run by the engine.

mod analyze;
mod check;
mod probe;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Names, images};
use crate::share::{Size, Stable};
use crate::traffic::{Role, Split};
use crate::words::counted;

pub use analyze::{Analyze, OnInconclusive};
pub use check::{Answer, Check};
pub use probe::Probe;

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
    /// The workload is held with this many canary pods.
    Hold {
        /// The new version; absent: the template that is live.
        template: Option<Value>,
        /// The share to give it.
        size: Size,
        /// What may be done with the stable pods.
        stable: Stable,
        /// Whether it changes a hold that has to be there: what another client ended is not put on again.
        #[serde(default)]
        changes: bool,
    },
    /// A rolling update that is under way takes no more old pods away: its new pods do not count as Available any more, and
    /// the controller knows. Only then can it be held by numbers.
    Stop,
    /// The canary pods have been Ready for the user's own `minReadySeconds`.
    AwaitCanary,
    /// The canary serves for a while and stays Ready.
    Soak {
        /// For how long.
        seconds: u64,
        /// What its metrics are to tell meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        analyze: Option<Box<Analyze>>,
    },
    /// The template is this one, and the stock rolling update replaces the pods.
    Update {
        /// The new version.
        template: Value,
    },
    /// The stock rolling update is complete, and both versions served meanwhile.
    Follow {
        /// What their metrics are to tell.
        analyze: Box<Analyze>,
    },
    /// The user's own fields are back and the new template stays.
    Release,
    /// The stock rolling update is complete.
    AwaitRollout,
    /// The user's own fields and the stable template are back.
    Restore,
    /// The canary pods are gone.
    AwaitStable,
    /// There is a Service for the pods of one version, and it knows all of them that are Ready.
    Publish {
        /// Which version.
        role: Role,
    },
    /// The objects of ours that a router needs beside the Services say so.
    Own {
        /// What is asked.
        split: Split,
        /// Seconds that the data plane may need to follow.
        grace: u64,
    },
    /// The routes say so, and the data plane follows.
    Route {
        /// What is asked.
        split: Split,
        /// Seconds that the data plane may need to follow.
        grace: u64,
    },
    /// The user's own Service has the pods of one version alone, or all.
    Pin {
        /// Which version; `None`: all.
        role: Option<Role>,
    },
    /// Services and other objects of ours are gone.
    Withdraw,
    /// The workload is paused while it is held: no other version can take the place of the one that serves.
    Freeze,
    /// The new version answers as it should.
    Verify {
        /// What is asked, and what is to be answered.
        checks: Vec<Check>,
        /// The port by which each of its pods is asked; absent: its preview is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
    },
}

impl Plan {
    /// Whether it brings nothing new: the version that is live already is only followed, and asked.
    pub fn only_follows(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step, Step::AwaitRollout | Step::Follow { .. } | Step::Verify { .. }))
    }

    /// Whether pods are asked by themselves, through the API server.
    pub fn asks_pods(&self) -> bool {
        let asked = |asked: &Analyze| asked.probe.is_some() || asked.compares() && asked.from.asks_pods();
        let scrapes = |step: &Step| step.analyze().is_some_and(asked);
        let asks = |step: &Step| scrapes(step) || matches!(step, Step::Verify { port: Some(_), .. });
        self.steps.iter().any(asks)
    }
}

impl Step {
    /// A time in which the canary serves; nothing where there is neither a time nor a question.
    pub fn soak(seconds: u64, analyze: Option<&Analyze>) -> Option<Self> {
        let analyze = analyze.cloned().map(Box::new);
        (seconds > 0 || analyze.is_some()).then_some(Self::Soak { seconds, analyze })
    }

    /// Returns what the step does to a workload of this kind, for people.
    pub fn title(&self, kind: &Names) -> String {
        let kind = kind.kind;
        match self {
            Self::Hold { template, size, stable, changes: _ } => {
                let what = if template.is_some() { "hold with the new template" } else { "hold" };
                let size = match size {
                    Size::Weight(weight) => format!("{weight} %"),
                    Size::Pods(pods) => counted(*pods, "canary pod"),
                    Size::Routed { weight, pods, .. } => {
                        format!("{weight} %, with {}", counted(*pods, "canary pod"))
                    }
                };
                let note = if *stable == Stable::Shrink { ", taking stable pods away" } else { "" };
                format!("{what} at {size}{note}")
            }
            Self::Stop => "stop the rolling update that is under way".into(),
            Self::AwaitCanary => "wait until the canary pods are Ready".into(),
            Self::Soak { seconds, analyze: None } => format!("let the canary serve for {seconds} s"),
            Self::Soak { seconds: 0, analyze: Some(asked) } => {
                format!("let the canary serve: {}, for {} s at most", asked.sentence(), asked.limit)
            }
            Self::Soak { seconds, analyze: Some(asked) } => {
                let asked = format!("{}, for {} s at most", asked.sentence(), asked.limit);
                format!("let the canary serve for {seconds} s: {asked}")
            }
            Self::Follow { analyze } => {
                format!("follow the rolling update while both versions serve: {}", analyze.sentence())
            }
            Self::Update { template } => format!("set the template: {}", images(template).join(", ")),
            Self::Release => format!("restore the {kind}'s own settings, keep the new template"),
            Self::AwaitRollout => "follow the rolling update to its end".into(),
            Self::Restore => format!("restore the stable template and the {kind}'s own settings"),
            Self::AwaitStable => "wait until only pods of the stable version are left".into(),
            Self::Publish { role } => format!("a Service for the {} pods", role.word()),
            Self::Own { split, .. } => format!("prepare the router: {}", split.sentence()),
            Self::Route { split, .. } => format!("route: {}", split.sentence()),
            Self::Pin { role: Some(role) } => format!("give the Service the {} pods alone", role.word()),
            Self::Pin { role: None } => "give the Service its own selector back".into(),
            Self::Withdraw => "remove the Services that were made".into(),
            Self::Freeze => format!("pause the {kind}: no other version can come in between"),
            Self::Verify { checks, port } => {
                let whom = match port {
                    Some(port) => format!("by port {port} of each new pod"),
                    None => "through the preview".to_owned(),
                };
                let each: Vec<String> = checks.iter().map(Check::to_string).collect();
                format!("verify {whom}: {}", each.join(", "))
            }
        }
    }

    /// Returns what the metrics are to tell while it is waited for, if anything.
    pub fn analyze(&self) -> Option<&Analyze> {
        match self {
            Self::Soak { analyze, .. } => analyze.as_deref(),
            Self::Follow { analyze } => Some(analyze),
            Self::Hold { .. }
            | Self::Stop
            | Self::AwaitCanary
            | Self::Update { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Route { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. } => None,
        }
    }

    /// Returns the template that it brings, if it brings one.
    pub const fn template(&self) -> Option<&Value> {
        match self {
            Self::Hold { template, .. } => template.as_ref(),
            Self::Update { template } => Some(template),
            Self::Stop
            | Self::AwaitCanary
            | Self::Soak { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Follow { .. }
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Route { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. } => None,
        }
    }

    /// Returns what the routes say after it, if it changes them.
    pub const fn routed(&self) -> Option<&Split> {
        match self {
            Self::Route { split, .. } => Some(split),
            Self::Hold { .. }
            | Self::Stop
            | Self::AwaitCanary
            | Self::Soak { .. }
            | Self::Update { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Follow { .. }
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. } => None,
        }
    }

    /// Whether it puts a hold on, or changes it: the record says what is the user's own as it was before that.
    pub const fn holds(&self) -> bool {
        match self {
            Self::Hold { .. } | Self::Stop => true,
            Self::AwaitCanary
            | Self::Soak { .. }
            | Self::Update { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Follow { .. }
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Route { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. } => false,
        }
    }

    /// Whether the new version is judged while the step is waited for.
    pub fn is_guarded(&self) -> bool {
        match self {
            Self::AwaitCanary | Self::Soak { .. } | Self::Follow { .. } | Self::AwaitRollout => true,
            Self::Route { split, .. } => split.canary.is_some_and(|share| share > 0),
            Self::Hold { .. }
            | Self::Stop
            | Self::Update { .. }
            | Self::Release
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
