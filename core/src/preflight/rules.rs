//! All rules, in one table.

use crate::error::Error;
use crate::preflight::{
    Facts, Judged, Kind, Subject, access, images, live, metrics, numbers, placement, probes, quota,
    references, selector, services,
};

/// Looks at one thing.
pub type Judge = fn(&Subject, &Facts) -> Judged;

/// What a judge's findings are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The version and its settings: what runs so already only warns.
    Version,
    /// Whether its pods start. Those that run are no proof: what they need may be gone since.
    Pods,
    /// What is going to be done, now and with what there is.
    Plan,
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id, which never gets another meaning.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// The levels that its findings may have: E refuses, W warns, I tells.
    pub levels: &'static str,
    /// The names that kube-linter and kube-score have for the same, to silence what would be told twice.
    pub alike: &'static str,
    /// Each is judged by itself, because each needs other facts.
    pub judges: &'static [(About, Judge)],
}

macro_rules! rules {
    ($($id:literal, $title:literal, $levels:literal, $alike:literal, [$($about:ident: $judge:expr),+ $(,)?];)+) => {
        &[$(Rule { id: $id, title: $title, levels: $levels, alike: $alike, judges: &[$((About::$about, $judge)),+] }),+]
    };
}

/// Every rule. `docs/preflight.md` has the same table.
pub const RULES: &[Rule] = rules![
    "RP001", "a container behind a Service has no readiness probe", "E W", "no-readiness-probe, pod-probes", [Version: probes::readiness];
    "RP002", "an image has no tag or `latest`; the template is the live one", "W I", "latest-tag, container-image-tag", [Version: images::tags, Plan: images::same_as_live];
    "RP003", "the selector does not match the template, or is not the live one", "E", "mismatching-selector, deployment-pod-selector-labels-match-template-metadata-labels", [Plan: selector::selector];
    "RP004", "the update may take all pods away, or replace none", "E W", "", [Version: numbers::limits];
    "RP005", "the strategy is Recreate", "W", "no-rolling-update-strategy, deployment-strategy", [Version: numbers::recreate];
    "RP006", "there is no replica, or only one", "E W I", "minimum-three-replicas, deployment-replicas", [Plan: numbers::none, Version: numbers::single];
    "RP008", "the probes may take longer than the progress deadline", "W", "", [Version: probes::deadline];
    "RP010", "a pod has too little time to go", "W", "", [Version: probes::grace];
    "RP013", "not exactly one PodDisruptionBudget, or one without room", "W", "pdb-max-unavailable, pdb-min-available, deployment-has-poddisruptionbudget", [Version: numbers::budgets];
    "RP014", "quota, LimitRange, PodSecurity or a webhook refuses the new pods, or what is made with them", "E W", "", [Plan: quota::headroom, Pods: quota::admission, Pods: quota::limit_ranges];
    "RP015", "a ConfigMap, key, Secret, ServiceAccount or volume claim is missing", "E W", "non-existent-service-account", [
        Pods: |subject, facts| references::exist(subject, facts, Kind::ConfigMap),
        Pods: |subject, facts| references::exist(subject, facts, Kind::Secret),
        Pods: |subject, facts| references::exist(subject, facts, Kind::ServiceAccount),
        Pods: |subject, facts| references::exist(subject, facts, Kind::Claim),
    ];
    "RP016", "the Deployment is paused, under way, or kept by another tool", "E W I", "", [Plan: live::at_rest, Plan: live::owner];
    "RP017", "a volume that only one node or pod may have, and more pods than now", "E W", "", [Pods: references::claims];
    "RP018", "pods that need a node each, and too few nodes", "W", "", [Version: placement::nodes];
    "RP020", "a Service's named port is gone, or a Service serves nobody", "E W", "dangling-service, service-targets-pod", [Version: services::target_ports, Plan: services::endpoints];
    "RP030", "a right is missing", "E W I", "", [Plan: access::rights];
    "RP031", "the share that was asked cannot be had exactly", "W", "", [Plan: numbers::share];
    "RP032", "metrics of the stable version cannot be read, or compared", "E W", "", [Plan: metrics::comparable];
];

/// Reads a rule's id, for flags.
///
/// # Errors
/// A usage error that lists the ids.
pub fn rule_id(text: &str) -> Result<String, Error> {
    let wanted = text.trim().to_ascii_uppercase();
    if RULES.iter().any(|rule| rule.id == wanted) {
        return Ok(wanted);
    }
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    let why = if wanted.is_empty() { "a rule is required" } else { "there is no such rule" };
    Err(Error::usage(format!("{why}; the rules are {}", ids.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_meaning_and_are_in_order() {
        assert!(RULES.is_sorted_by(|a, b| a.id < b.id));
        assert_eq!(rule_id(" rp001"), Ok("RP001".into()));
        insta::assert_snapshot!(rule_id("RP999").unwrap_err().message, @"there is no such rule; the rules are RP001, RP002, RP003, RP004, RP005, RP006, RP008, RP010, RP013, RP014, RP015, RP016, RP017, RP018, RP020, RP030, RP031, RP032");
        insta::assert_snapshot!(rule_id("").unwrap_err().message, @"a rule is required; the rules are RP001, RP002, RP003, RP004, RP005, RP006, RP008, RP010, RP013, RP014, RP015, RP016, RP017, RP018, RP020, RP030, RP031, RP032");
    }

    #[test]
    fn the_documentation_has_every_rule_as_it_is() {
        let text = include_str!("../../../docs/preflight.md");
        for Rule { id, title, levels, alike, .. } in RULES {
            let row =
                format!("| {id} | {levels} | {title} | {} |", if alike.is_empty() { "-" } else { alike });
            assert!(text.contains(&row), "docs/preflight.md lacks\n{row}");
        }
        let rows = text.lines().filter(|line| line.starts_with("| RP")).count();
        assert_eq!(rows, RULES.len(), "docs/preflight.md has rows of rules that are gone");
    }
}
