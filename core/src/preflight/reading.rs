//! What the preflight itself reads: rights without which rules stay unjudged.

use crate::preflight::{Kind, Level, Need, Subject, references};

/// Returns what the facts about a subject are read with, as far as a namespace's role can allow it
/// (`src/cluster/facts.rs` has the requests).
///
/// Secrets are left out: no right reads their metadata alone.
pub fn reading_needs(subject: &Subject) -> Vec<Need> {
    let need = |verb, group: &str, resource: &str, name: Option<&str>| {
        Need::new(verb, group, resource, name, Level::Info)
    };
    let mut needs = vec![
        need("list", "", "services", None),
        need("list", "", "resourcequotas", None),
        need("list", "policy", "poddisruptionbudgets", None),
        need("list", "discovery.k8s.io", "endpointslices", None),
        need("list", "autoscaling", "horizontalpodautoscalers", None),
        // Of the dry run. Who may change a Deployment can have any pod made anyway.
        need("create", "", "pods", None),
    ];
    let named = references(subject).into_iter().filter(|(kind, _)| *kind != Kind::Secret);
    needs.extend(named.map(|(kind, name)| need("get", "", kind.plural(), Some(&name))));
    needs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::fixtures::subject;

    #[test]
    fn what_the_template_names_is_read_and_secrets_are_not() {
        let mut subject = subject();
        subject.deployment.spec.template["spec"]["containers"][0]["envFrom"] =
            json!([{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "key"}}]);
        let words: Vec<String> = reading_needs(&subject).iter().map(Need::words).collect();
        assert!(words.contains(&"get configmaps/settings".to_owned()), "{words:?}");
        assert!(!words.iter().any(|need| need.contains("secrets")), "{words:?}");
    }
}
