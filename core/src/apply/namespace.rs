//! The Namespace that `--create-namespace` adds to the input.

use serde_json::json;

use super::Document;

/// Adds the Namespace, unless the input has it.
pub fn with_namespace(mut documents: Vec<Document>, name: &str) -> Vec<Document> {
    let is_it = |document: &Document| {
        document.object["kind"] == "Namespace" && document.object["metadata"]["name"] == name
    };
    if !documents.iter().any(is_it) {
        documents.push(Document {
            file: None,
            origin: "--create-namespace".to_owned(),
            object: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        });
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_added_once() {
        let once = with_namespace(Vec::new(), "shop");
        assert_eq!((once.len(), &once[0].object["metadata"]["name"]), (1, &json!("shop")));
        let twice = with_namespace(once, "shop");
        assert_eq!(twice.len(), 1);
        assert_eq!(with_namespace(twice, "other").len(), 2);
    }
}
