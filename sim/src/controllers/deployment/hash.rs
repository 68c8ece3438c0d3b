//! The name of a pod template.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

/// `apps.DefaultDeploymentUniqueLabelKey`, `k8s.io/api/apps/v1/types.go`.
pub(crate) const LABEL: &str = "pod-template-hash";

/// `SafeEncodeString`, `k8s.io/apimachinery/pkg/util/rand/rand.go`.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Stands for `ComputeHash`, `pkg/controller/controller_utils.go`: stable, and another for every template and number of
/// collisions. It is not the same number: upstream hashes Go's own print of the structure.
pub(crate) fn hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    let text = serde_json::to_string(template).unwrap_or_default();
    let number = collisions.map(i32::to_le_bytes).unwrap_or_default();
    let mut sum: u32 = 0x811c_9dc5;
    for byte in text.bytes().chain(number) {
        sum = (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
    sum.to_string().bytes().map(letter).collect()
}

/// `EqualIgnoreHash`, `pkg/controller/deployment/util/deployment_util.go`: nothing and an empty list are the same.
pub(crate) fn equal_but_hash(one: &PodTemplateSpec, other: &PodTemplateSpec) -> bool {
    // What differs in a text differs, whatever lists are empty.
    if differ(one, other) {
        return false;
    }
    one.spec == other.spec && without_labels(one) == without_labels(other) || bare(one) == bare(other)
}

/// Whether labels, annotations or images differ.
fn differ(one: &PodTemplateSpec, other: &PodTemplateSpec) -> bool {
    fn labels(template: &PodTemplateSpec) -> impl Iterator<Item = (&String, &String)> {
        let labels = template.metadata.iter().flat_map(|metadata| metadata.labels.iter().flatten());
        labels.filter(|(name, _)| *name != LABEL)
    }
    fn annotations(template: &PodTemplateSpec) -> Option<&BTreeMap<String, String>> {
        template.metadata.as_ref()?.annotations.as_ref()
    }
    fn images(template: &PodTemplateSpec) -> impl Iterator<Item = &Option<String>> {
        let containers = template.spec.iter().flat_map(|spec| &spec.containers);
        containers.map(|container| &container.image)
    }
    labels(one).ne(labels(other)) || annotations(one) != annotations(other) || images(one).ne(images(other))
}

fn without_labels(template: &PodTemplateSpec) -> ObjectMeta {
    ObjectMeta { labels: None, ..template.metadata.clone().unwrap_or_default() }
}

fn bare(template: &PodTemplateSpec) -> Value {
    let mut value = serde_json::to_value(template).unwrap_or_default();
    if let Some(metadata) = value.pointer_mut("/metadata").and_then(Value::as_object_mut)
        && let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut)
    {
        labels.remove(LABEL);
        if labels.is_empty() {
            metadata.remove("labels");
        }
    }
    prune(&mut value);
    value
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(prune);
            map.retain(|_, value| !is_nothing(value));
        }
        Value::Array(list) => list.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        // `emptyDir: {}` says something: it is a pointer upstream, and equal only to itself.
        Value::Array(list) => list.is_empty(),
        Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn template(labels: &Value) -> PodTemplateSpec {
        from_value(json!({"metadata": {"labels": labels}})).unwrap()
    }

    /// `TestEqualIgnoreHash`, `pkg/controller/deployment/util/deployment_util_test.go`.
    #[test]
    fn the_hash_label_makes_no_difference() {
        let cases = [
            (json!({"a": "1", LABEL: "value-1"}), json!({"a": "1", LABEL: "value-1"}), true),
            (json!({"a": "1", LABEL: "value-1"}), json!({"a": "1", LABEL: "value-2"}), true),
            (json!({"a": "1"}), json!({"a": "1", LABEL: "value-2"}), true),
            (json!({"a": "1", LABEL: "value-1"}), json!({"a": "2", LABEL: "value-1"}), false),
            (json!({"something": "else"}), json!({LABEL: "value-2"}), false),
        ];
        for (one, other, equal) in cases {
            assert_eq!(equal_but_hash(&template(&one), &template(&other)), equal, "{one} {other}");
            assert_eq!(equal_but_hash(&template(&other), &template(&one)), equal, "{other} {one}");
        }
    }

    /// `TestComputeHash`, `pkg/controller/controller_utils_test.go`.
    #[test]
    fn a_collision_gives_another_hash() {
        let template = template(&json!({"a": "1"}));
        assert_eq!(hash(&template, Some(1)), hash(&template, Some(1)));
        assert_ne!(hash(&template, None), hash(&template, Some(1)));
        assert_ne!(hash(&template, Some(1)), hash(&template, Some(2)));
    }
}
