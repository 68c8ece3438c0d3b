//! Who controls an object, and which objects a controller takes and lets go.

use k8s_openapi::Resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use serde_json::{Value, json};

/// `GetControllerOf`, `k8s.io/apimachinery/pkg/apis/meta/v1/controller_ref.go`.
pub(crate) fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// `IsControlledBy`, `k8s.io/apimachinery/pkg/apis/meta/v1/controller_ref.go`.
pub(crate) fn is_controlled_by(metadata: &ObjectMeta, owner: &ObjectMeta) -> bool {
    controller_of(metadata).is_some_and(|reference| Some(&reference.uid) == owner.uid.as_ref())
}

/// `NewControllerRef`, `k8s.io/apimachinery/pkg/apis/meta/v1/controller_ref.go`.
pub(crate) fn reference<K: Resource>(owner: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: K::API_VERSION.to_owned(),
        kind: K::KIND.to_owned(),
        name: owner.name.clone().unwrap_or_default(),
        uid: owner.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// `LabelSelectorAsSelector`, `k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go`: none selects nothing, an empty one all.
pub(crate) fn selects(selector: Option<&LabelSelector>, metadata: &ObjectMeta) -> bool {
    let Some(selector) = selector else { return false };
    let value = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key));
    let equal = selector.match_labels.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted));
    equal
        && selector.match_expressions.iter().flatten().all(|rule| {
            let listed = |value: &String| rule.values.iter().flatten().any(|one| one == value);
            match rule.operator.as_str() {
                "In" => value(&rule.key).is_some_and(listed),
                "NotIn" => !value(&rule.key).is_some_and(listed),
                "Exists" => value(&rule.key).is_some(),
                "DoesNotExist" => value(&rule.key).is_none(),
                _ => false,
            }
        })
}

/// What a controller does about an object that it may or may not own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It owns it.
    Keep,
    /// It is nobody's, and its labels match.
    Adopt,
    /// It owns it, and its labels no longer match.
    Release,
    /// It is none of its business.
    Leave,
}

/// `ClaimObject`, `pkg/controller/controller_ref_manager.go`. The second look at the owner before an adoption
/// (`RecheckDeletionTimestamp`) is left out.
pub(crate) fn claim(owner: &ObjectMeta, object: &ObjectMeta, matches: bool) -> Claim {
    let ends = owner.deletion_timestamp.is_some();
    match controller_of(object) {
        Some(reference) if Some(&reference.uid) != owner.uid.as_ref() => Claim::Leave,
        Some(_) if matches => Claim::Keep,
        Some(_) if ends => Claim::Leave,
        Some(_) => Claim::Release,
        None if ends || !matches || object.deletion_timestamp.is_some() => Claim::Leave,
        None if owner.namespace != object.namespace => Claim::Leave,
        None => Claim::Adopt,
    }
}

/// `ownerRefControllerPatch`, `pkg/controller/controller_ref_manager.go`. The uid makes a patch of another object of the
/// same name fail.
pub(crate) fn adopting(object: &ObjectMeta, reference: OwnerReference) -> Value {
    let mut owners = object.owner_references.clone().unwrap_or_default();
    owners.push(reference);
    json!({"metadata": {"uid": object.uid, "ownerReferences": owners}})
}

/// `GenerateDeleteOwnerRefStrategicMergeBytes`, `pkg/controller/controller_ref_manager.go`.
pub(crate) fn releasing(object: &ObjectMeta, owner: &ObjectMeta) -> Value {
    let others = object.owner_references.iter().flatten();
    let left: Vec<&OwnerReference> =
        others.filter(|reference| Some(&reference.uid) != owner.uid.as_ref()).collect();
    json!({"metadata": {"uid": object.uid, "ownerReferences": left}})
}
