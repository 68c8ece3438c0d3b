//! Pod templates as raw JSON: equality, fingerprint, images.

use serde_json::Value;

use crate::error::Error;
use crate::keys;

/// Returns the template without the label that the Deployment controller adds to a ReplicaSet's copy.
///
/// With that label left in, the controller would not find the ReplicaSet again and would make another.
pub fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove(keys::POD_TEMPLATE_HASH);
        }
        // Older servers print it as null in one object and leave it out of the other.
        metadata.remove("creationTimestamp");
    }
    template
}

/// Whether the Deployment controller takes the two for the same version
/// (`EqualIgnoreHash` in `kubernetes/pkg/controller/deployment/util`).
///
/// Compared in place: every look at a workload asks this of each of its ReplicaSets.
pub fn same_template(a: &Value, b: &Value) -> bool {
    let labels = |a: &Value, b: &Value| same_fields(a, b, keys::POD_TEMPLATE_HASH, None);
    let metadata = |a: &Value, b: &Value| same_fields(a, b, "creationTimestamp", Some(("labels", &labels)));
    same_fields(a, b, "", Some(("metadata", &metadata)))
}

/// Compares one field of two objects.
type Same<'s> = &'s dyn Fn(&Value, &Value) -> bool;

/// Whether two objects have the same fields but for one; another may have a comparison of its own.
fn same_fields(a: &Value, b: &Value, but: &str, own: Option<(&str, Same<'_>)>) -> bool {
    let (Value::Object(a), Value::Object(b)) = (a, b) else { return a == b };
    let count =
        |fields: &serde_json::Map<String, Value>| fields.len() - usize::from(fields.contains_key(but));
    let same = |name: &String, one: &Value, other: &Value| match own {
        Some((of, same)) if of == name => same(one, other),
        Some(_) | None => one == other,
    };
    let mut fields = a.iter().filter(|(name, _)| *name != but);
    count(a) == count(b) && fields.all(|(name, one)| b.get(name).is_some_and(|other| same(name, one, other)))
}

/// Returns a short name for a template as the API server returned it: 64-bit FNV-1a of its JSON, in hex.
pub fn fingerprint(template: &Value) -> String {
    // `serde_json` sorts the keys of a map, so equal templates have equal text.
    hash(&without_hash(template).to_string())
}

/// Returns the 64-bit FNV-1a of a text, in 16 hexadecimal digits.
pub fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Returns the images of the containers, in their order.
pub fn images(template: &Value) -> Vec<String> {
    containers(template, "containers").filter_map(|c| c["image"].as_str().map(str::to_owned)).collect()
}

/// Returns the template with the image of one container replaced.
///
/// `container` may be left out where there is just one. Init containers can be named too.
///
/// # Errors
/// A usage error that lists the containers if there is none of that name, or several to choose from.
pub fn with_image(template: &Value, container: Option<&str>, image: &str) -> Result<Value, Error> {
    let names: Vec<&str> = containers(template, "containers").filter_map(|c| c["name"].as_str()).collect();
    let wanted = match (container, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(Error::usage(format!(
                "--image {image} does not say which of the containers {} it is for",
                names.join(", ")
            ))
            .next(format!("--image {}={image}", names.first().unwrap_or(&"CONTAINER"))));
        }
    };
    let mut changed = template.clone();
    for list in ["containers", "initContainers"] {
        let items = changed.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        if let Some(found) = items.into_iter().flatten().find(|c| c["name"] == wanted) {
            found["image"] = Value::from(image);
            return Ok(changed);
        }
    }
    Err(Error::usage(format!(
        "there is no container named {wanted}; the containers are {}",
        names.join(", ")
    )))
}

/// Returns the images that an object of any kind runs, those of its init containers too: it may be a pod, or have a
/// template of pods, or of Jobs.
pub fn images_of(object: &Value) -> Vec<String> {
    let places = ["/spec/template", "/spec/jobTemplate/spec/template"];
    let template = places.iter().find_map(|place| object.pointer(place)).unwrap_or(object);
    let all = containers(template, "initContainers").chain(containers(template, "containers"));
    all.filter_map(|container| container["image"].as_str().map(str::to_owned)).collect()
}

fn containers<'a>(template: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    template["spec"][list].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(image: &str) -> Value {
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
            {"name": "web", "image": image}, {"name": "log", "image": "log:1"}],
            "initContainers": [{"name": "init", "image": "init:1"}]}})
    }

    #[test]
    fn the_hash_label_makes_no_other_version() {
        let mut copy = template("a:1");
        copy["metadata"]["labels"][keys::POD_TEMPLATE_HASH] = json!("abc");
        copy["metadata"]["creationTimestamp"] = Value::Null;
        assert!(same_template(&copy, &template("a:1")));
        assert_eq!(fingerprint(&copy), fingerprint(&template("a:1")));
        assert!(!same_template(&copy, &template("a:2")));
        assert_ne!(fingerprint(&copy), fingerprint(&template("a:2")));
    }

    #[test]
    fn templates_are_compared_as_the_controller_does_it() {
        let hashed =
            json!({"metadata": {"labels": {"app": "web", "pod-template-hash": "a"}}, "spec": {"x": 1}});
        let others = [
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"x": 1}}),
            json!({"metadata": {"labels": {"app": "web"}, "creationTimestamp": null}, "spec": {"x": 1}}),
            json!({"metadata": {"labels": {"app": "web", "b": "c"}}, "spec": {"x": 1}}),
            json!({"metadata": {"labels": {"app": "api", "pod-template-hash": "b"}}, "spec": {"x": 1}}),
            json!({"metadata": {"labels": {"pod-template-hash": "b"}}, "spec": {"x": 1}}),
            json!({"metadata": {"labels": {"app": "web"}, "annotations": {}}, "spec": {"x": 1}}),
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"x": 2}}),
            json!({"metadata": {"labels": null}, "spec": {"x": 1}}),
            json!({"metadata": {}, "spec": {"x": 1}}),
            json!({"spec": {"x": 1}}),
            json!({"metadata": "odd", "spec": {"x": 1}}),
            Value::Null,
        ];
        for a in others.iter().chain([&hashed]) {
            for b in others.iter().chain([&hashed]) {
                assert_eq!(same_template(a, b), without_hash(a) == without_hash(b), "{a} {b}");
            }
        }
    }

    #[test]
    fn an_image_goes_to_the_container_that_is_named() {
        let changed = with_image(&template("a:1"), Some("web"), "a:2").unwrap();
        assert_eq!(images(&changed), ["a:2", "log:1"]);
        let changed = with_image(&template("a:1"), Some("init"), "init:2").unwrap();
        assert_eq!(changed["spec"]["initContainers"][0]["image"], "init:2");
    }

    #[test]
    fn a_container_that_is_unclear_is_refused() {
        insta::assert_snapshot!(with_image(&template("a:1"), None, "a:2").unwrap_err().message, @"--image a:2 does not say which of the containers web, log it is for");
        assert!(with_image(&template("a:1"), Some("nope"), "a:2").unwrap_err().message.contains("nope"));
    }
}
