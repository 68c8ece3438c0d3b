//! Finds out how the API serves the kinds of the input.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::apply::{Document, Item, intake, kinds};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::model::Resource;
use crate::model::resource::group;

/// The input, in the order in which it is sent.
pub(in crate::commands) struct Input {
    pub(in crate::commands) items: Vec<Item>,
    /// Kinds that only a definition in the input defines: `apiVersion` and kind.
    pub(super) undefined: BTreeSet<(String, String)>,
}

/// Gives every document its place in the API. One request for each group version that is not Kubernetes' own.
///
/// `given` is the namespace of the command line.
pub(in crate::commands) async fn items(
    cluster: &Cluster,
    given: Option<&str>,
    documents: Vec<Document>,
) -> Result<Input, Error> {
    let definitions: Vec<Value> = documents
        .iter()
        .map(|document| &document.object)
        .filter(|object| object["kind"] == "CustomResourceDefinition")
        .cloned()
        .collect();
    let mut lists: BTreeMap<String, Option<Value>> = BTreeMap::new();
    let mut undefined = BTreeSet::new();
    let mut items = Vec::new();
    for document in documents {
        let text = |field: &str| document.object[field].as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let resource = if let Some(resource) = kinds::built_in(&version, &kind) {
            resource
        } else {
            if !lists.contains_key(&version) {
                lists.insert(version.clone(), cluster.served(&version).await?);
            }
            let served = lists.get(&version).and_then(Option::as_ref);
            if let Some(resource) = served.and_then(|list| kinds::of_list(list, &version, &kind)) {
                resource
            } else {
                undefined.insert((version.clone(), kind.clone()));
                defined(&definitions, &document, &version, &kind)?
            }
        };
        items.push(intake::place(document, resource, given, &cluster.namespace)?);
    }
    Ok(Input { items: intake::arranged(items)?, undefined })
}

fn defined(definitions: &[Value], document: &Document, version: &str, kind: &str) -> Result<Resource, Error> {
    let found = definitions.iter().find_map(|definition| kinds::of_definition(definition, version, kind));
    found.ok_or_else(|| {
        Error::usage(format!(
            "{}: the server knows no kind {kind} in {version}, and no definition in the input has it",
            document.origin
        ))
        .next(format!("kubectl api-resources --api-group={}", group(version)))
        .next("apply its CustomResourceDefinition too, or first")
    })
}
