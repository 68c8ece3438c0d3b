//! The helpers for `NetworkPolicies` of `chaosk8s.networking.actions`.

use serde_json::{Value, json};

use super::{Function, Read, labels};
use crate::experiment::arguments::Arguments;

/// One of the policies that chaosk8s names, made or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// What it is for.
    pub direction: Direction,
    /// The namespace.
    pub namespace: String,
    /// Whether it is removed.
    pub remove: bool,
    /// Labels of the pods that it is for; without them, all of the namespace.
    pub labels: Vec<(String, String)>,
}

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Nobody reaches the pods.
    DenyIngress,
    /// The pods reach nobody.
    DenyEgress,
    /// The pods reach DNS servers, and nobody else.
    AllowDns,
}

impl Direction {
    /// Returns the name of the policy, fixed upstream.
    pub const fn policy(self) -> &'static str {
        match self {
            Self::DenyIngress => "chaostoolkit-deny-all-ingress",
            Self::DenyEgress => "chaostoolkit-deny-all-egress",
            Self::AllowDns => "chaostoolkit-allow-dns",
        }
    }
}

impl Network {
    /// Returns the `spec` of the policy.
    pub fn spec(&self) -> Value {
        let labels: serde_json::Map<String, Value> =
            self.labels.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let selector = if labels.is_empty() { json!({}) } else { json!({"matchLabels": labels}) };
        match self.direction {
            Direction::DenyIngress => {
                json!({"podSelector": selector, "policyTypes": ["Ingress"], "ingress": []})
            }
            Direction::DenyEgress => json!({"podSelector": selector, "policyTypes": ["Egress"]}),
            Direction::AllowDns => json!({
                "podSelector": selector,
                "policyTypes": ["Egress"],
                "egress": [{
                    "to": [{"namespaceSelector": {}}],
                    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
                }],
            }),
        }
    }
}

pub(super) fn read(func: &str, arguments: &mut Arguments<'_>) -> Read {
    let (direction, remove) = match func {
        "deny_all_ingress" => (Direction::DenyIngress, false),
        "remove_deny_all_ingress" => (Direction::DenyIngress, true),
        "deny_all_egress" => (Direction::DenyEgress, false),
        "remove_deny_all_egress" => (Direction::DenyEgress, true),
        "allow_dns_access" => (Direction::AllowDns, false),
        "remove_allow_dns_access" => (Direction::AllowDns, true),
        _ => return Ok(None),
    };
    let namespace = arguments.namespace()?;
    let given = if remove { None } else { arguments.map("label_selectors")? };
    let labels = labels(given.unwrap_or_default(), "label_selectors")?;
    Ok(Some(Function::Network(Network { direction, namespace, remove, labels })))
}
