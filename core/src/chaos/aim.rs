//! Whom a fault hits, and whom it must leave.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::chaos::Candidate;
use crate::error::{Error, Kind};
use crate::keys::CHAOS_ANNOTATION;
use crate::listed::listed;
use crate::words::counted;

listed! {
    /// Pods of one version.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Group {
        /// The version that users had: what nothing is done to is compared with.
        Stable,
        /// The version that is tried.
        Canary,
    }
}

impl Group {
    /// Returns it as people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

/// How many of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowMany {
    /// So many.
    Count(u32),
    /// So many in a hundred, rounded up.
    Percent(u8),
    /// All that there are.
    All,
}

impl HowMany {
    /// Returns how many of these are meant.
    pub fn of(self, pods: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Percent(percent) => (pods * usize::from(percent)).div_ceil(100),
            Self::All => pods,
        }
    }
}

impl HowMany {
    /// Returns what kube-monkey's labels on a workload ask for, if they let it be hit (`kube-monkey/enabled`, `kill-mode` and
    /// `kill-value` of its README). A random share counts as its most.
    pub fn of_kube_monkey(labels: &BTreeMap<String, String>) -> Option<Self> {
        let label = |name: &str| labels.get(&format!("kube-monkey/{name}")).map(String::as_str);
        label("enabled").filter(|enabled| *enabled == "enabled")?;
        let value = label("kill-value").and_then(|value| value.parse::<u32>().ok());
        let percent =
            || value.and_then(|value| u8::try_from(value).ok()).filter(|value| (1..=100).contains(value));
        match label("kill-mode")? {
            "kill-all" => Some(Self::All),
            "fixed" => value.filter(|value| *value > 0).map(Self::Count),
            "fixed-percent" | "random-max-percent" => percent().map(Self::Percent),
            _ => None,
        }
    }
}

/// Whom a fault is to hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    /// How many.
    pub how_many: HowMany,
    /// Pods that have to be Ready all the time, of those that get the same requests.
    pub min_ready: u32,
}

/// Pods as a fault finds them.
#[derive(Clone, Copy, Debug)]
pub struct Pool<'p> {
    /// Those that may be hit.
    pub group: &'p [Candidate],
    /// How these are called: "canary pod".
    pub noun: &'p str,
    /// Ready pods that get the same requests, those of the group included.
    pub serving: usize,
}

/// Chooses those that are hit: Ready ones, by name, so that a look ahead tells the truth.
///
/// # Errors
/// [`Kind::NotEnoughData`] if there is nobody to hit, [`Kind::Refused`] if too few would be left.
pub fn choose(pool: Pool<'_>, aim: Aim) -> Result<Vec<&Candidate>, Error> {
    let Pool { group, noun, serving } = pool;
    let ready = || group.iter().filter(|pod| pod.ready);
    let mut open: Vec<&Candidate> = ready().filter(|pod| !pod.opted_out).collect();
    let wanted = aim.how_many.of(open.len());
    if open.is_empty() || wanted == 0 {
        let closed = ready().count();
        let why = match closed {
            0 => format!("no {noun} is Ready"),
            _ if open.is_empty() => {
                format!("{} may not be hit ({CHAOS_ANNOTATION}: off)", counted(closed, noun))
            }
            _ => format!("none of {} was asked for", counted(closed, noun)),
        };
        return Err(Error::new(Kind::NotEnoughData, format!("there is nobody to hit: {why}")));
    }
    open.sort_by(|one, other| one.name.cmp(&other.name));
    open.truncate(wanted);
    let left = serving.saturating_sub(open.len());
    let least = usize::try_from(aim.min_ready).unwrap_or(usize::MAX);
    if left < least {
        let ready = |count: usize| format!("{} Ready", counted(count, "pod"));
        let next = format!("--min-ready {left}");
        let message = format!(
            "{} would be left of {serving} that get the same requests, and {least} must be",
            ready(left)
        );
        return Err(Error::refused(message).next(next));
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, ready: &str, opted: &str) -> Candidate {
        Candidate::of(&json!({
            "metadata": {"name": name, "uid": name, "annotations": {CHAOS_ANNOTATION: opted}},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        }))
    }

    fn chosen(
        pods: &[Candidate],
        serving: usize,
        how_many: HowMany,
        min_ready: u32,
    ) -> Result<Vec<String>, Error> {
        let pool = Pool { group: pods, noun: "canary pod", serving };
        let chosen = choose(pool, Aim { how_many, min_ready })?;
        Ok(chosen.into_iter().map(|pod| pod.name.clone()).collect())
    }

    #[test]
    fn only_ready_pods_that_may_be_hit_are_chosen_by_name() {
        let pods =
            [pod("c", "True", ""), pod("b", "False", ""), pod("a", "True", "off"), pod("d", "True", "")];
        assert_eq!(chosen(&pods, 3, HowMany::Count(1), 1).unwrap(), ["c"]);
        assert_eq!(chosen(&pods, 3, HowMany::Count(9), 1).unwrap(), ["c", "d"]);
        assert_eq!(chosen(&pods, 3, HowMany::Percent(50), 1).unwrap(), ["c"]);
        assert_eq!(chosen(&pods, 3, HowMany::Percent(51), 1).unwrap(), ["c", "d"]);
        assert_eq!(chosen(&pods, 3, HowMany::All, 1).unwrap(), ["c", "d"]);
    }

    #[test]
    fn nobody_to_hit_is_no_success() {
        for (pods, said) in [
            (vec![], "no canary pod is Ready"),
            (vec![pod("a", "False", "")], "no canary pod is Ready"),
            (vec![pod("a", "True", "off")], "1 canary pod may not be hit (rollout-plus/chaos: off)"),
        ] {
            let error = chosen(&pods, 5, HowMany::Count(1), 0).unwrap_err();
            assert_eq!(
                (error.kind, error.message),
                (Kind::NotEnoughData, format!("there is nobody to hit: {said}"))
            );
        }
    }

    #[test]
    fn kube_monkeys_labels_say_how_many() {
        let asked = |pairs: &[(&str, &str)]| {
            let labels =
                pairs.iter().map(|(name, value)| (format!("kube-monkey/{name}"), (*value).to_owned()));
            HowMany::of_kube_monkey(&labels.collect())
        };
        let of = |mode, value| asked(&[("enabled", "enabled"), ("kill-mode", mode), ("kill-value", value)]);
        assert_eq!(of("fixed", "2"), Some(HowMany::Count(2)));
        assert_eq!(of("random-max-percent", "50"), Some(HowMany::Percent(50)));
        assert_eq!(of("kill-all", ""), Some(HowMany::All));
        assert_eq!([of("fixed", "0"), of("fixed-percent", "200"), of("other", "1")], [None; 3]);
        assert_eq!(asked(&[("enabled", "no"), ("kill-mode", "fixed"), ("kill-value", "2")]), None);
    }

    #[test]
    fn enough_are_left() {
        let pods = [pod("a", "True", ""), pod("b", "True", "")];
        assert!(chosen(&pods, 2, HowMany::Count(1), 1).is_ok());
        let error = chosen(&pods, 2, HowMany::All, 1).unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        assert_eq!(
            error.message,
            "0 pods Ready would be left of 2 that get the same requests, and 1 must be"
        );
        assert_eq!(error.next, ["--min-ready 0"]);
        assert!(chosen(&pods, 2, HowMany::All, 0).is_ok());
        // The only replica is not taken unless somebody says so.
        assert!(chosen(&pods[..1], 1, HowMany::Count(1), 1).is_err());
        assert!(chosen(&pods[..1], 1, HowMany::Count(1), 0).is_ok());
    }
}
