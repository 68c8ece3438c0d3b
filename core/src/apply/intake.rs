//! Checks the input before anything is sent.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Document, Id, Item, held, order, twice};
use crate::error::Error;
use crate::keys::{HELD_ANNOTATION, LAST_APPLIED, OWNERS_ANNOTATION, REVISION};
use crate::model::Resource;
use crate::model::resource::group;

/// The most objects in one input.
const MAX_OBJECTS: usize = 10_000;

/// What the server counts and names for itself.
const THE_SERVERS: [&str; 6] =
    ["managedFields", "creationTimestamp", "generation", "selfLink", "uid", "resourceVersion"];

/// Annotations that others write again and again: applied, they would be a conflict with whoever writes them.
const NOT_THE_USERS: [&str; 4] = [LAST_APPLIED, REVISION, HELD_ANNOTATION, OWNERS_ANNOTATION];

impl Document {
    /// Returns it, or the objects of a List, each with its place in it.
    pub fn parts(self) -> Vec<Self> {
        let is_list = self.object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
        if !is_list || !self.object["items"].is_array() {
            return vec![self];
        }
        let Self { file, origin, mut object } = self;
        let items = object["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let part = |(index, object)| {
            let origin = format!("{origin}, item {}", index + 1);
            Self { file: file.clone(), origin, object }.parts()
        };
        items.into_iter().enumerate().flat_map(part).collect()
    }
}

/// Returns the objects of the documents.
///
/// # Errors
/// A usage error that names the document which is no object, or that cannot be applied.
pub fn objects(documents: Vec<Document>) -> Result<Vec<Document>, Error> {
    let mut found = Vec::new();
    for document in documents {
        found.push(checked(document)?);
        if found.len() > MAX_OBJECTS {
            return Err(Error::usage(format!("the input has more than {MAX_OBJECTS} objects")));
        }
    }
    if found.is_empty() {
        return Err(Error::usage("the input has no objects: there is nothing to apply"));
    }
    Ok(found)
}

fn checked(mut document: Document) -> Result<Document, Error> {
    let origin = &document.origin;
    let refused = |what: &str| Err(Error::usage(format!("{origin}: {what}")));
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&document.object["apiVersion"]), text(&document.object["kind"]));
    if !document.object.is_object() {
        return refused("that is no Kubernetes object");
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '/';
    if version.is_empty() || version.matches('/').count() > 1 || !version.chars().all(legal) {
        return refused("the object has no apiVersion");
    }
    if version.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return refused("the object has no apiVersion");
    }
    if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_alphanumeric()) {
        return refused("the object has no kind");
    }
    let metadata = &document.object["metadata"];
    let name = text(&metadata["name"]);
    if name.is_empty() && metadata["generateName"].is_string() {
        return refused(&format!(
            "the {kind} has a generateName: applying it twice would make two, so it needs a name"
        ));
    }
    if name.is_empty() {
        return refused(&format!("the {kind} has no name"));
    }
    if !is_segment(&name) {
        return refused(&format!("'{name}' cannot be the name of a {kind}"));
    }
    for labels in ["labels", "annotations"] {
        if !metadata[labels].is_null() && !metadata[labels].is_object() {
            return refused(&format!("metadata.{labels} of {kind}/{name} is no map"));
        }
    }
    // The server's own error would print the value.
    if version == "v1" && kind == "Secret" {
        for part in ["data", "stringData"] {
            let values = document.object[part].as_object().into_iter().flatten();
            if let Some((key, _)) = values.clone().find(|(_, value)| !value.is_string() && !value.is_null()) {
                return refused(&format!("{part}.{key} of Secret/{name} is no text: put it in quotes"));
            }
        }
    }
    held::refuse_copy(&document)?;
    twice::refuse(&document)?;
    // What `kubectl get -o yaml` prints besides: the server's own, and never applied.
    if let Some(object) = document.object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = document.object["metadata"].as_object_mut() {
        for field in THE_SERVERS {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            for annotation in NOT_THE_USERS {
                annotations.remove(annotation);
            }
        }
    }
    Ok(document)
}

/// What goes into a path must not lead elsewhere. Names of roles may have colons.
fn is_segment(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '@');
    text.len() <= 253 && text.chars().all(legal) && text.chars().any(|c| c != '.')
}

/// Gives an object its place in the API.
///
/// `given` is the namespace that the user named on the command line, `default` that of the context.
///
/// # Errors
/// A usage error if the object is for another namespace than the one that was named.
pub fn place(
    document: Document,
    resource: Resource,
    given: Option<&str>,
    default: &str,
) -> Result<Item, Error> {
    let Document { origin, mut object, .. } = document;
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    let own = object["metadata"]["namespace"].as_str().filter(|own| !own.is_empty()).map(str::to_owned);
    let namespace = match (resource.namespaced, own, given) {
        (false, ..) => None,
        (true, Some(own), Some(given)) if own != given => {
            return Err(Error::usage(format!(
                "{origin}: {}/{name} is for namespace {own}, not {given}",
                kind.to_lowercase()
            ))
            .next(format!("-n {own}"))
            .next("without -n every object goes to its own namespace"));
        }
        (true, Some(own), _) => Some(own),
        (true, None, _) => Some(default.to_owned()),
    };
    if let Some(wrong) = namespace.as_ref().filter(|text| {
        text.len() > 63 || !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    }) {
        return Err(Error::usage(format!("{origin}: '{wrong}' cannot be the name of a namespace")));
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        match &namespace {
            Some(namespace) => metadata.insert("namespace".to_owned(), Value::from(namespace.clone())),
            None => metadata.remove("namespace"),
        };
    }
    let id = Id { group: group(&resource.api_version).to_owned(), kind, namespace, name };
    Ok(Item { origin, id, resource, object })
}

/// Puts the objects in the order in which they are sent.
///
/// # Errors
/// A usage error that names two documents which are the same object.
pub fn arranged(mut items: Vec<Item>) -> Result<Vec<Item>, Error> {
    let mut seen: BTreeMap<&Id, &str> = BTreeMap::new();
    for item in &items {
        if let Some(first) = seen.insert(&item.id, &item.origin) {
            return Err(Error::usage(format!("{}: {} is in {first} already", item.origin, item.id)));
        }
    }
    // Stable: within a class the user's own order stays.
    items.sort_by_key(|item| order::class(&item.id.group, &item.id.kind));
    Ok(items)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kinds::built_in;
    use super::*;

    fn document(object: Value) -> Document {
        Document { file: None, origin: "a.yaml, document 1".into(), object }
    }

    fn item(version: &str, kind: &str, name: &str) -> Item {
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        place(document(object), built_in(version, kind).unwrap(), None, "shop").unwrap()
    }

    #[test]
    fn what_is_no_named_object_is_refused_with_its_place() {
        for (object, says) in [
            (json!("text"), "no Kubernetes object"),
            (json!({"kind": "Service", "metadata": {"name": "a"}}), "no apiVersion"),
            (json!({"apiVersion": "a/b/c", "kind": "Service", "metadata": {"name": "a"}}), "no apiVersion"),
            (json!({"apiVersion": "../v1", "kind": "Service", "metadata": {"name": "a"}}), "no apiVersion"),
            (json!({"apiVersion": "v1", "metadata": {"name": "a"}}), "no kind"),
            (json!({"apiVersion": "v1", "kind": "Service"}), "no name"),
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}}), "generateName"),
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "../b"}}), "cannot be the name"),
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": ".."}}), "cannot be the name"),
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": [1]}}), "no map"),
            (
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"pin": 123_456}}),
                "stringData.pin of Secret/a is no text",
            ),
        ] {
            let error = objects(vec![document(object)]).unwrap_err();
            assert!(error.message.contains(says), "{}", error.message);
            assert!(!error.message.contains("123456"), "{}", error.message);
            assert!(error.message.starts_with("a.yaml, document 1"), "{}", error.message);
        }
        insta::assert_snapshot!(objects(Vec::new()).unwrap_err().message, @"the input has no objects: there is nothing to apply");
    }

    #[test]
    fn lists_are_taken_apart_and_the_servers_own_fields_left_out() {
        let one = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a",
            "managedFields": [], "generation": 3, "uid": "u", "resourceVersion": "7", "annotations": {"own": "1",
            REVISION: "3", LAST_APPLIED: "{}"}}, "status": {}});
        let inner = json!({"apiVersion": "v1", "kind": "ConfigMapList", "items": [one]});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [one, inner]});
        let found = objects(document(list).parts()).unwrap();
        assert_eq!(found[0].origin, "a.yaml, document 1, item 1");
        assert_eq!(found[1].origin, "a.yaml, document 1, item 2, item 1");
        assert_eq!(found[0].object["metadata"], json!({"name": "a", "annotations": {"own": "1"}}));
        assert!(found[0].object.get("status").is_none());
    }

    #[test]
    fn an_object_goes_to_its_own_namespace_unless_one_was_named() {
        let service = |namespace: Option<&str>| {
            let mut object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}});
            if let Some(namespace) = namespace {
                object["metadata"]["namespace"] = json!(namespace);
            }
            document(object)
        };
        let resource = built_in("v1", "Service").unwrap();
        let placed = |namespace, given| place(service(namespace), resource.clone(), given, "shop");
        assert_eq!(placed(Some("dev"), None).unwrap().id.namespace.as_deref(), Some("dev"));
        let item = placed(None, None).unwrap();
        assert_eq!(item.path(), "/api/v1/namespaces/shop/services/a");
        assert_eq!(item.object["metadata"]["namespace"], "shop");
        insta::assert_snapshot!(placed(Some("dev"), Some("shop")).unwrap_err().message, @"a.yaml, document 1: service/a is for namespace dev, not shop");
        assert!(placed(Some("../x"), None).is_err());
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "namespace": "x"}});
        let placed =
            place(document(namespace), built_in("v1", "Namespace").unwrap(), Some("shop"), "shop").unwrap();
        assert_eq!((placed.path().as_str(), placed.id.namespace), ("/api/v1/namespaces/n", None));
    }

    #[test]
    fn the_order_is_stable_and_one_object_twice_is_refused() {
        let items = vec![
            item("apps/v1", "Deployment", "b"),
            item("apps/v1", "Deployment", "a"),
            item("v1", "Service", "a"),
            item("v1", "Namespace", "shop"),
        ];
        let names: Vec<String> =
            arranged(items.clone()).unwrap().iter().map(|item| item.id.to_string()).collect();
        assert_eq!(
            names,
            [
                "namespace/shop",
                "service/a in namespace shop",
                "deployment/b in namespace shop",
                "deployment/a in namespace shop"
            ]
        );
        let twice = vec![items[0].clone(), items[0].clone()];
        insta::assert_snapshot!(arranged(twice).unwrap_err().message, @"a.yaml, document 1: deployment/b in namespace shop is in a.yaml, document 1 already");
    }
}
