//! What is deleted because the input has it no longer. Only by a label that the user names, and only what we
//! applied ourselves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::kinds::built_in;
use super::{Id, Item, order};
use crate::error::Error;
use crate::keys::FIELD_MANAGER;
use crate::model::Resource;
use crate::model::resource::group;

/// Kinds that are looked through besides those of the input.
const ALSO: [(&str, &str); 15] = [
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
];

/// Labels that every object of the input has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    labels: BTreeMap<String, String>,
}

impl Selector {
    /// Reads `name=value,name=value`.
    ///
    /// # Errors
    /// A usage error if it would select more than what bears labels: an empty one would select everything.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let legal = |part: &str| {
            part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        };
        let mut labels = BTreeMap::new();
        for part in text.split(',') {
            let pair =
                part.split_once('=').map(|(name, value)| (name.trim(), value.trim_start_matches('=').trim()));
            match pair {
                Some((name, value))
                    if !name.is_empty() && !value.is_empty() && legal(name) && legal(value) =>
                {
                    labels.insert(name.to_owned(), value.to_owned());
                }
                _ => {
                    return Err(Error::usage(format!(
                        "-l '{text}' is no list of labels with values: write -l NAME=VALUE[,NAME=VALUE]"
                    )));
                }
            }
        }
        Ok(Self { labels })
    }

    /// Returns it as a query has it.
    pub fn query(&self) -> String {
        let pairs: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(",")
    }

    fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|(name, value)| labels[name] == value.as_str())
    }

    /// Checks that every object has the labels: one without would be pruned by nobody, ever.
    ///
    /// # Errors
    /// A usage error that names the first without.
    pub fn check(&self, items: &[Item]) -> Result<(), Error> {
        match items.iter().find(|item| !self.matches(&item.object)) {
            None => Ok(()),
            Some(item) => Err(Error::usage(format!(
                "{}: {} has not the label {}: with --prune every object has to have it",
                item.origin,
                item.id,
                self.query()
            ))),
        }
    }
}

/// A kind in a namespace that is looked through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The API group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The path of its objects there.
    pub path: String,
    /// Whether the input has this kind, or we look for it on our own account.
    pub named: bool,
}

/// Returns where to look: the kinds of the input and some more, in the namespaces of the input.
pub fn places(items: &[Item]) -> Vec<Place> {
    let namespaces: BTreeSet<&str> = items.iter().filter_map(|item| item.id.namespace.as_deref()).collect();
    let mut kinds: BTreeMap<(String, String), (Resource, bool)> = BTreeMap::new();
    for (version, kind) in ALSO {
        if let Some(resource) = built_in(version, kind) {
            let group = group(version).to_owned();
            kinds.insert((group, kind.to_owned()), (resource, false));
        }
    }
    for item in items.iter().filter(|item| item.resource.namespaced) {
        kinds.insert((item.id.group.clone(), item.id.kind.clone()), (item.resource.clone(), true));
    }
    let mut found = Vec::new();
    for namespace in namespaces {
        for ((group, kind), (resource, named)) in &kinds {
            found.push(Place {
                namespace: namespace.to_owned(),
                group: group.clone(),
                kind: kind.clone(),
                path: resource.collection(Some(namespace)),
                named: *named,
            });
        }
    }
    found
}

/// An object to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prunable {
    /// What it is known by.
    pub id: Id,
    /// Its path in the API.
    pub path: String,
    /// Which one it is: another of the same name is not meant.
    pub uid: String,
}

/// Returns what of a place is to be deleted.
pub fn prunable(place: &Place, live: &[Value], items: &[Item], selector: &Selector) -> Vec<Prunable> {
    let found =
        live.iter().filter_map(|object| {
            let metadata = &object["metadata"];
            let id = Id {
                group: place.group.clone(),
                kind: place.kind.clone(),
                namespace: Some(place.namespace.clone()),
                name: metadata["name"].as_str()?.to_owned(),
            };
            let uid = metadata["uid"].as_str()?.to_owned();
            let applied = metadata["managedFields"]
                .as_array()?
                .iter()
                .any(|entry| entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply");
            let owned = metadata["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
            let wanted = items.iter().any(|item| item.id == id);
            // Data, and what the server made for somebody else.
            let kept = match (id.group.as_str(), id.kind.as_str()) {
                ("", "PersistentVolumeClaim" | "Namespace") | ("apiextensions.k8s.io", _) => true,
                ("", "Secret") => object["type"] == "kubernetes.io/service-account-token",
                _ => false,
            };
            let leaving = metadata["deletionTimestamp"].is_string();
            (applied && selector.matches(object) && !owned && !wanted && !kept && !leaving)
                .then(|| Prunable { path: format!("{}/{}", place.path, id.name), id, uid })
        });
    found.collect()
}

/// Puts what is deleted in the reverse of the order in which it was made.
pub fn arranged(mut found: Vec<Prunable>) -> Vec<Prunable> {
    found.sort_by_key(|one| std::cmp::Reverse(order::class(&one.id.group, &one.id.kind)));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Document;
    use super::super::intake::place;
    use super::*;

    fn item(name: &str) -> Item {
        let object = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "labels": {"app": "shop", "tier": "x"}}});
        let document = Document { file: None, origin: "a".into(), object };
        place(document, built_in("v1", "Secret").unwrap(), None, "shop").unwrap()
    }

    #[test]
    fn a_selector_names_labels_with_values() {
        assert_eq!(Selector::parse("app=shop,b.c/tier==x").unwrap().query(), "app=shop,b.c/tier=x");
        for text in ["", "app", "app=", "=x", "app!=x", "app in (a)", "app=a,", ",", "a=b c", "a=&x=1"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
        let selector = Selector::parse("app=shop").unwrap();
        assert!(selector.check(&[item("a")]).is_ok());
        let other = Selector::parse("app=other").unwrap();
        insta::assert_snapshot!(other.check(&[item("a")]).unwrap_err().message, @"a: secret/a in namespace shop has not the label app=other: with --prune every object has to have it");
    }

    #[test]
    fn only_what_we_applied_and_nobody_owns_is_deleted() {
        let selector = Selector::parse("app=shop").unwrap();
        let items = [item("kept")];
        let places = places(&items);
        let place = places.iter().find(|place| place.kind == "Secret").unwrap();
        assert!(place.named && places.iter().any(|place| place.kind == "Ingress" && !place.named));
        let live = |name: &str, change: fn(&mut Value)| {
            let mut object = json!({"metadata": {"name": name, "uid": name, "labels": {"app": "shop"},
                "managedFields": [{"manager": FIELD_MANAGER, "operation": "Apply"}]}});
            change(&mut object);
            object
        };
        let all = [
            live("old", |_| ()),
            live("kept", |_| ()),
            live("foreign", |o| o["metadata"]["managedFields"][0]["manager"] = json!("helm")),
            live("patched", |o| o["metadata"]["managedFields"][0]["operation"] = json!("Update")),
            live("owned", |o| o["metadata"]["ownerReferences"] = json!([{"uid": "x"}])),
            live("unlabelled", |o| o["metadata"]["labels"] = json!({})),
            live("token", |o| o["type"] = json!("kubernetes.io/service-account-token")),
            live("leaving", |o| o["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")),
        ];
        let found = prunable(place, &all, &items, &selector);
        let names: Vec<&str> = found.iter().map(|one| one.id.name.as_str()).collect();
        assert_eq!(names, ["old"]);
        let claims = Place { kind: "PersistentVolumeClaim".into(), ..place.clone() };
        assert!(prunable(&claims, &all, &items, &selector).is_empty());
    }
}
