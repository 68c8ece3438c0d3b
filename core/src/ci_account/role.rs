//! From single needs to the rules of a Role, as few as say just that.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::preflight::Need;

/// A rule of a Role (`PolicyRule` in rbac.authorization.k8s.io/v1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// One group; empty for the core.
    pub api_groups: Vec<String>,
    /// Resources, with their subresource after a slash.
    pub resources: Vec<String>,
    /// Objects; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// What may be done.
    pub verbs: Vec<String>,
}

type Words<'a> = BTreeSet<&'a str>;

/// Returns rules that allow just these needs.
pub fn rules(needs: &[Need]) -> Vec<Rule> {
    // Group, resource and verb, with the names; none for all of them.
    let mut rights: BTreeMap<(&str, &str, &str), Words<'_>> = BTreeMap::new();
    for need in needs {
        let names = rights.entry((&need.group, &need.resource, need.verb)).or_default();
        names.extend(need.name.as_deref());
    }
    for need in needs.iter().filter(|need| need.name.is_none()) {
        rights.insert((&need.group, &need.resource, need.verb), Words::new());
    }
    // Verbs with the same names are one rule, and then resources with the same verbs and names.
    let mut by_names: BTreeMap<(&str, &str, Words<'_>), Words<'_>> = BTreeMap::new();
    for ((group, resource, verb), names) in rights {
        by_names.entry((group, resource, names)).or_default().insert(verb);
    }
    let mut by_verbs: BTreeMap<(&str, Words<'_>, Words<'_>), Words<'_>> = BTreeMap::new();
    for ((group, resource, names), verbs) in by_names {
        by_verbs.entry((group, names, verbs)).or_default().insert(resource);
    }
    let list = |words: Words<'_>| words.into_iter().map(str::to_owned).collect();
    let rules = by_verbs.into_iter().map(|((group, names, verbs), resources)| Rule {
        api_groups: vec![group.to_owned()],
        resources: list(resources),
        resource_names: list(names),
        verbs: list(verbs),
    });
    rules.collect()
}

/// Says a rule in one line: "get, patch deployments.apps/web".
pub fn sentence(rule: &Rule) -> String {
    let group = rule.api_groups.first().filter(|group| !group.is_empty());
    let group = group.map(|group| format!(".{group}")).unwrap_or_default();
    let resources: Vec<String> = rule.resources.iter().map(|resource| format!("{resource}{group}")).collect();
    let names = if rule.resource_names.is_empty() {
        String::new()
    } else {
        format!(" of the name {}", rule.resource_names.join(", "))
    };
    format!("{} {}{names}", rule.verbs.join(", "), resources.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::{Rights, missing, needs};

    fn need(verb: &'static str, resource: &str, name: Option<&str>) -> Need {
        let level = crate::preflight::Level::Error;
        Need { verb, group: String::new(), resource: resource.into(), name: name.map(str::to_owned), level }
    }

    fn lines(needs: &[Need]) -> Vec<String> {
        rules(needs).iter().map(sentence).collect()
    }

    #[test]
    fn rules_say_just_what_is_needed() {
        let needs = [
            need("get", "services", Some("web")),
            need("patch", "services", Some("web")),
            need("get", "services", Some("api")),
            need("list", "services", None),
            need("list", "pods", None),
            need("get", "pods/log", None),
        ];
        assert_eq!(
            lines(&needs),
            [
                "get pods/log",
                "list pods, services",
                "get services of the name api, web",
                "patch services of the name web",
            ]
        );
    }

    #[test]
    fn all_names_take_in_a_name() {
        let needs = [need("get", "services", Some("web")), need("get", "services", None)];
        assert_eq!(lines(&needs), ["get services"]);
        let reversed: Vec<Need> = needs.into_iter().rev().collect();
        assert_eq!(lines(&reversed), ["get services"]);
    }

    #[test]
    fn nothing_that_a_canary_needs_is_missing() {
        let needs = needs("web", true);
        let rights = Rights::of(&json!({"status": {"resourceRules": rules(&needs)}}));
        assert_eq!(missing(&needs, &rights), []);
        assert!(!missing(&crate::preflight::needs("api", false), &rights).is_empty(), "of that name alone");
    }
}
