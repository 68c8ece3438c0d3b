//! Compares the requests that were sent with the rules that were granted.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::proxy::Seen;

/// A right as the API server asks for it: verb, group, resource with subresource, name.
pub type Right = (String, String, String, String);

/// Returns the rights that a request takes; none for what everybody may do.
pub fn rights(seen: &Seen) -> Vec<Right> {
    let mut path = seen.path.trim_start_matches('/').split('/');
    let group = match path.next() {
        Some("api") => String::new(),
        Some("apis") => path.next().unwrap_or_default().to_owned(),
        _ => return vec![],
    };
    let (_version, namespaces, _namespace) = (path.next(), path.next(), path.next());
    let Some(resource) = path.next().filter(|_| namespaces == Some("namespaces")) else { return vec![] };
    let named = path.next();
    let resource = match path.next() {
        Some(subresource) => format!("{resource}/{subresource}"),
        None => resource.to_owned(),
    };
    let field = seen.query.split('&').find_map(|pair| pair.strip_prefix("fieldSelector=metadata.name%3D"));
    let name = named.or(field).unwrap_or_default().to_owned();
    let verbs: &[&str] = match (seen.method.as_str(), named) {
        ("GET", Some(_)) => &["get"],
        ("GET", None) if seen.watch => &["watch"],
        ("GET", None) => &["list"],
        ("POST", _) => &["create"],
        ("PUT", _) => &["update"],
        // An apply that makes its object is a create, too.
        ("PATCH", _) if seen.status == Some(201) => &["patch", "create"],
        ("PATCH", _) => &["patch"],
        ("DELETE", _) => &["delete"],
        other => panic!("{other:?}"),
    };
    verbs.iter().map(|verb| ((*verb).into(), group.clone(), resource.clone(), name.clone())).collect()
}

/// Returns every single right of a Role; the name is empty for all names.
pub fn granted(role: &Value) -> BTreeSet<Right> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut all = BTreeSet::new();
    for rule in role["rules"].as_array().expect("rules") {
        let mut names = texts(&rule["resourceNames"]);
        if names.is_empty() {
            names.push(String::new());
        }
        for verb in texts(&rule["verbs"]) {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for name in &names {
                        all.insert((verb.clone(), group.clone(), resource.clone(), name.clone()));
                    }
                }
            }
        }
    }
    all
}

/// Returns the rights that were granted and that no request took.
pub fn unused(granted: &BTreeSet<Right>, seen: &[Seen]) -> Vec<Right> {
    let mut left = granted.clone();
    for (verb, group, resource, name) in seen.iter().flat_map(rights) {
        for name in [name, String::new()] {
            left.remove(&(verb.clone(), group.clone(), resource.clone(), name));
        }
    }
    left.into_iter().collect()
}
