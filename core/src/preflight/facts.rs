//! What was read from the cluster, or from the manifests where there is no cluster.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Resource, resource};
use crate::preflight::Need;
use crate::reading::Read;

/// Something that was read, or why it was not: "no right to list resourcequotas", "offline".
pub type Fact<T> = Result<T, String>;

/// Kinds of objects that a pod template refers to by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A `v1` ConfigMap, read whole.
    ConfigMap,
    /// A `v1` Secret, of which only the metadata is ever read.
    Secret,
    /// A `v1` ServiceAccount.
    ServiceAccount,
    /// A `v1` PersistentVolumeClaim.
    Claim,
}

impl Kind {
    /// Returns the name of the kind in small letters, as `kubectl` takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
            Self::ServiceAccount => "serviceaccount",
            Self::Claim => "persistentvolumeclaim",
        }
    }

    /// Returns how the API serves it.
    pub fn resource(self) -> &'static Resource {
        match self {
            Self::ConfigMap => &resource::CONFIG_MAPS,
            Self::Secret => &resource::SECRETS,
            Self::ServiceAccount => &resource::SERVICE_ACCOUNTS,
            Self::Claim => &resource::CLAIMS,
        }
    }

    /// Returns the name of the resource in the API.
    pub fn plural(self) -> &'static str {
        &self.resource().plural
    }
}

/// Everything that rules may ask for. Objects are raw JSON of the Deployment's namespace.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Services.
    pub services: Fact<Vec<Value>>,
    /// EndpointSlices of the Services that select the pods.
    pub endpoint_slices: Fact<Vec<Value>>,
    /// ResourceQuotas.
    pub quotas: Fact<Vec<Value>>,
    /// LimitRanges; needed only where the server did not try a pod.
    pub limit_ranges: Fact<Vec<Value>>,
    /// PodDisruptionBudgets.
    pub budgets: Fact<Vec<Value>>,
    /// Nodes; needed only where pods of the template exclude each other from a node.
    pub nodes: Fact<Vec<Value>>,
    /// What the template refers to; `None` is an object that does not exist.
    pub named: BTreeMap<(Kind, String), Fact<Option<Value>>>,
    /// The server's answer to a dry run of the template as a pod: the pod with all defaults, or a refusal.
    pub pod_dry_run: Fact<Result<Value, String>>,
    /// The same for the live template; needed only where a version that is gone back to was refused.
    pub live_dry_run: Fact<Result<Value, String>>,
    /// What the user needs for the rollout and may not do.
    pub missing_rights: Fact<Vec<Need>>,
    /// What pods of the stable version say, where metrics are to be compared.
    pub metrics: Fact<Vec<Read>>,
}

impl Facts {
    /// Nothing was read, for this reason.
    pub fn unread(why: &str) -> Self {
        let why = why.to_owned();
        Self {
            services: Err(why.clone()),
            endpoint_slices: Err(why.clone()),
            quotas: Err(why.clone()),
            limit_ranges: Err(why.clone()),
            budgets: Err(why.clone()),
            nodes: Err(why.clone()),
            named: BTreeMap::new(),
            pod_dry_run: Err(why.clone()),
            live_dry_run: Err(why.clone()),
            missing_rights: Err(why.clone()),
            metrics: Err(why),
        }
    }

    /// Adds what stands in the same manifests: it is going to exist too.
    pub fn add(&mut self, beside: Self) {
        let join = |read: &mut Fact<Vec<Value>>, more: Fact<Vec<Value>>| match (read, more) {
            (Ok(read), Ok(more)) => {
                read.retain(|old| more.iter().all(|new| new["metadata"]["name"] != old["metadata"]["name"]));
                read.extend(more);
            }
            (read @ Err(_), more @ Ok(_)) => *read = more,
            _ => {}
        };
        join(&mut self.services, beside.services);
        join(&mut self.budgets, beside.budgets);
        self.named.extend(beside.named);
    }
}

/// Returns what manifests say by themselves. A kind of which they have no object stays unread, because the
/// objects may well be in the cluster.
pub fn from_documents<'d>(documents: impl Iterator<Item = &'d Value>) -> Facts {
    let mut facts = Facts::unread("offline");
    let push = |list: &mut Fact<Vec<Value>>, object: &Value| match list {
        Ok(list) => list.push(object.clone()),
        Err(_) => *list = Ok(vec![object.clone()]),
    };
    for document in documents {
        let kind = match document["kind"].as_str().unwrap_or_default() {
            "Service" => {
                push(&mut facts.services, document);
                continue;
            }
            "PodDisruptionBudget" => {
                push(&mut facts.budgets, document);
                continue;
            }
            "ConfigMap" => Kind::ConfigMap,
            "Secret" => Kind::Secret,
            "ServiceAccount" => Kind::ServiceAccount,
            "PersistentVolumeClaim" => Kind::Claim,
            _ => continue,
        };
        if let Some(name) = document["metadata"]["name"].as_str() {
            facts.named.insert((kind, name.to_owned()), Ok(Some(document.clone())));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_in_the_same_files_replaces_what_is_in_the_cluster() {
        let service = |port: u32| json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": port}]}});
        let files =
            [service(2), json!({"kind": "Secret", "metadata": {"name": "key"}}), json!({"kind": "Job"})];
        let beside = from_documents(files.iter());
        assert!(beside.budgets.is_err(), "a kind that the files lack stays unread");
        let mut facts = Facts::unread("none");
        facts.services = Ok(vec![service(1)]);
        facts.add(beside);
        assert_eq!(facts.services, Ok(vec![service(2)]));
        assert!(facts.named.contains_key(&(Kind::Secret, "key".into())));
    }
}
