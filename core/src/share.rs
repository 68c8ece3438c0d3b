//! Share arithmetic: how many canary pods give what share of the connections, and which limits make the
//! Deployment controller keep exactly those.
//!
//! A Service spreads connections evenly over Ready pods, so with `s` stable and `k` canary pods the canary
//! gets `k / (s + k)`. The controller never makes more than `replicas` pods of a version, so a whole stable
//! set leaves at most one half.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::words::counted;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Size {
    /// A share of the connections in percent, 1 to 99.
    Weight(u8),
    /// A number of canary pods, at least 1.
    Pods(u32),
    /// A share that a router gives, whatever the number of pods.
    Routed {
        /// In percent, 0 to 100.
        weight: u8,
        /// Canary pods to give it to.
        pods: u32,
        /// Whether these follow the number of replicas: the user named none.
        #[serde(default, rename = "byShare", skip_serializing_if = "std::ops::Not::not")]
        by_share: bool,
    },
}

impl Size {
    /// Returns the share in percent, if it is one.
    pub const fn weight(self) -> Option<u8> {
        match self {
            Self::Weight(weight) | Self::Routed { weight, .. } => Some(weight),
            Self::Pods(_) => None,
        }
    }
}

/// How the stable set may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stable {
    /// Keep every stable pod.
    Whole,
    /// Keep those that are left: a rollout was under way, or the set was shrunk before.
    AsIs,
    /// Take stable pods away to meet the share. They come back only by an abort.
    Shrink,
}

/// The limits on a held Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// `maxSurge`, in pods.
    pub surge: u32,
    /// `maxUnavailable`.
    pub unavailable: Unavailable,
}

impl Bounds {
    /// Returns the strategy of a held Deployment.
    pub fn strategy(self) -> Value {
        json!({"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": self.surge, "maxUnavailable": Value::from(self.unavailable)}})
    }
}

/// `maxUnavailable` of a held Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Value", try_from = "Value")]
pub enum Unavailable {
    /// A number of pods. More than one would turn against the stable pods once the Deployment is scaled down.
    Pods(u32),
    /// A percentage of `spec.replicas`, which scales with it.
    Percent(u32),
}

impl From<Unavailable> for Value {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Pods(pods) => pods.into(),
            Unavailable::Percent(percent) => format!("{percent}%").into(),
        }
    }
}

impl TryFrom<Value> for Unavailable {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let percent = value.as_str().and_then(|text| text.strip_suffix('%')?.parse().ok());
        let pods = value.as_u64().and_then(|pods| u32::try_from(pods).ok());
        percent.map(Self::Percent).or(pods.map(Self::Pods)).ok_or_else(|| format!("not a limit: {value}"))
    }
}

/// Numbers of pods that answer a request for a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// What was asked for.
    pub size: Size,
    /// `spec.replicas`.
    pub replicas: u32,
    /// Stable pods to keep.
    pub stable: u32,
    /// Canary pods.
    pub canary: u32,
}

impl Sizing {
    /// Chooses the numbers nearest to what was asked.
    ///
    /// `kind` is what has them, `replicas` the pods that it is to have, `stable` those that the stable version wants now.
    ///
    /// # Errors
    /// [`crate::error::Kind::Refused`] if the controller could not be made to keep such numbers.
    pub fn choose(kind: &str, size: Size, use_of: Stable, replicas: u32, stable: u32) -> Result<Self, Error> {
        if replicas == 0 {
            return Err(Error::refused(format!(
                "the {kind} has 0 replicas: nothing serves, so nothing can be compared"
            )));
        }
        if use_of == Stable::Shrink && replicas == 1 {
            return Err(Error::refused(format!(
                "the only stable pod cannot be taken away: the {kind} has 1 replica"
            )));
        }
        // The controller fills up to replicas + surge, and with a whole set the surge is at least 1. A set that was shrunk
        // before leaves its room to the canary.
        let least = match use_of {
            Stable::Whole => (replicas + 1).saturating_sub(stable).max(1),
            Stable::AsIs | Stable::Shrink => replicas.saturating_sub(stable).max(1),
        };
        let most = if use_of == Stable::Shrink { replicas - 1 } else { replicas };
        let can_be_kept =
            |canary: u32| use_of != Stable::Shrink || shrinking_percent(replicas, canary).is_some();
        let stable_beside = |canary: u32| match use_of {
            Stable::Shrink => stable.min(replicas - canary),
            Stable::Whole | Stable::AsIs => stable,
        };
        let canary = match size {
            // Somebody may have scaled since it was asked, and the router gives the share in any case.
            Size::Routed { weight, by_share: true, .. } if use_of != Stable::Shrink => {
                average(weight, replicas).min(most).max(least)
            }
            Size::Pods(pods) | Size::Routed { pods, .. }
                if (least..=most).contains(&pods) && can_be_kept(pods) =>
            {
                pods
            }
            // The rollout went on while it was being stopped.
            Size::Pods(pods) if use_of == Stable::AsIs => pods.clamp(least, most),
            Size::Pods(pods) | Size::Routed { pods, .. } => {
                return Err(Error::refused(format!(
                    "{} cannot be kept: with {} and {} it is {least} to {most}",
                    counted(pods, "canary pod"),
                    counted(replicas, "replica"),
                    counted(stable, "stable pod")
                )));
            }
            Size::Weight(weight) => (least..=most)
                .filter(|&canary| can_be_kept(canary))
                .min_by_key(|&canary| distance(weight, canary, stable_beside(canary)))
                .unwrap_or(least),
        };
        Ok(Self { size, replicas, stable: stable_beside(canary), canary })
    }

    /// Returns the share of the canary in percent.
    pub fn share(&self) -> f64 {
        percent(self.canary, self.stable)
    }

    /// Whether the share is just what was asked.
    pub fn is_exact(&self) -> bool {
        match self.size {
            Size::Weight(weight) => distance(weight, self.canary, self.stable) == (0, 1),
            Size::Pods(_) | Size::Routed { .. } => true,
        }
    }

    /// Returns the limits under which the controller keeps these numbers.
    ///
    /// Its rules (`NewRSNewReplicas` and `reconcileOldReplicaSets` in `kubernetes/pkg/controller/deployment`):
    /// the new version grows until all pods together are `replicas + surge`; old pods go while more than
    /// `replicas - unavailable` would stay Available, and a held canary is never Available. An old set never grows, so
    /// one that is small already stays as it is under the smallest limit, also when the Deployment is scaled down.
    pub fn bounds(&self, use_of: Stable) -> Bounds {
        let surge = (self.stable + self.canary).saturating_sub(self.replicas);
        let shrinks = use_of == Stable::Shrink && surge == 0;
        match shrinking_percent(self.replicas, self.replicas.saturating_sub(self.stable)) {
            Some(percent) if shrinks => Bounds { surge, unavailable: Unavailable::Percent(percent) },
            // The API refuses 0 and 0.
            _ if surge == 0 && use_of != Stable::Whole => Bounds { surge, unavailable: Unavailable::Pods(1) },
            _ => Bounds { surge: surge.max(1), unavailable: Unavailable::Pods(0) },
        }
    }

    /// Returns how the numbers compare with what was asked, for people.
    pub fn sentence(&self) -> String {
        let pods = format!("{} of {}", self.canary, counted(self.canary + self.stable, "pod"));
        let share = tidy(self.share());
        match self.size {
            Size::Pods(_) => format!("{share} %: {pods}"),
            Size::Routed { weight, .. } => format!("{weight} % by the router: {pods}"),
            Size::Weight(weight) if self.is_exact() => format!("{weight} %: {pods}"),
            Size::Weight(weight) => format!(
                "asked {weight} %, with {} the nearest is {share} %: {pods}",
                counted(self.replicas, "replica")
            ),
        }
    }

    /// Returns what would make the share exact; `None` if it is.
    pub fn advice(&self) -> Option<String> {
        let Size::Weight(weight) = self.size else { return None };
        if self.is_exact() {
            return None;
        }
        match exact_replicas(weight) {
            Some((replicas, canary)) => Some(format!(
                "exactly {weight} % takes {} ({canary} of {} pods) or a router",
                counted(replicas, "replica"),
                replicas + canary
            )),
            None => Some(format!(
                "more than 50 % takes a router, or --shrink-stable, which is one-way until abort ({weight} % was asked)"
            )),
        }
    }
}

/// Returns the `maxUnavailable` in percent that means just these pods of `replicas`; percentages round down
/// (`ResolveFenceposts` in kubernetes/pkg/controller/deployment/util). `None` where none does.
fn shrinking_percent(replicas: u32, pods: u32) -> Option<u32> {
    let percent = (u64::from(pods) * 100).div_ceil(u64::from(replicas.max(1)));
    let means = percent * u64::from(replicas) / 100;
    (pods > 0 && percent <= 100 && means == u64::from(pods)).then_some(u32::try_from(percent).ok()?)
}

/// Returns the share of `canary` pods beside `stable` ones, in percent; 0 where there are none.
pub fn percent(canary: u32, stable: u32) -> f64 {
    let total = canary + stable;
    if total == 0 { 0.0 } else { (f64::from(canary) * 10_000.0 / f64::from(total)).round() / 100.0 }
}

/// Returns the canary pods for a share of the requests: none gets more than an average one, and there is one to get any at all.
pub fn average(weight: u8, replicas: u32) -> u32 {
    (replicas * u32::from(weight)).div_ceil(100).max(1)
}

/// Returns a percentage with no more digits than it needs.
pub fn tidy(percent: f64) -> String {
    format!("{percent:.1}").trim_end_matches(".0").to_owned()
}

/// The smallest number of replicas whose whole set and some canary pods make the weight exact.
fn exact_replicas(weight: u8) -> Option<(u32, u32)> {
    let (weight, rest) = (u32::from(weight), 100 - u32::from(weight));
    let divisor = gcd(weight, rest);
    (weight <= rest).then_some((rest / divisor, weight / divisor))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// How far off a share is, as something to sort by: exact fractions, then the smaller canary.
fn distance(weight: u8, canary: u32, stable: u32) -> (u64, u32) {
    let total = u64::from(canary + stable).max(1);
    let off = (u64::from(canary) * 100).abs_diff(u64::from(weight) * total);
    if off == 0 {
        return (0, 1);
    }
    // Scaled, so that fractions of different totals compare as whole numbers.
    (off * 1_000_000_000 / total, 1 + canary)
}

#[cfg(test)]
mod tests;
