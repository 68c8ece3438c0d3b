//! Steps in words.

use super::{Check, Step};
use crate::model::{Names, images};
use crate::share::{Size, Stable};
use crate::words::counted;

impl Step {
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
            Self::Fault { gate } => format!("try {}", gate.sentence()),
            Self::Smoke { test } => format!("test the new version: {test}"),
        }
    }
}
