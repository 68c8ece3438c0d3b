//! Reading manifests: size, aliases and depth are limited, because a manifest may come from anybody.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::apply::Document;
use crate::error::Error;

const MAX_FILE: u64 = 4 * 1024 * 1024;
const MAX_FILES: usize = 1000;
/// All files of a directory together.
const MAX_TOTAL: usize = 64 * 1024 * 1024;

/// Reads the objects of all documents.
pub(super) fn objects(path: &Path) -> Result<Vec<Value>, Error> {
    Ok(read(path)?.into_iter().map(|document| document.object).collect())
}

/// Reads all documents of a file, of the YAML and JSON files of a directory, or of stdin for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<Document>, Error> {
    if path == Path::new("-") {
        return parse(&capped(std::io::stdin().lock(), "stdin")?, "stdin");
    }
    let named = path.display().to_string();
    let failed = |error: std::io::Error| Error::usage(format!("read {named}: {error}"));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let mut files = vec![path.to_owned()];
    if metadata.is_dir() {
        let entries: Result<Vec<PathBuf>, _> =
            std::fs::read_dir(path).map_err(failed)?.map(|e| e.map(|e| e.path())).collect();
        files = entries.map_err(failed)?;
        let manifest =
            |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        files.retain(|path| manifest(path) && path.is_file());
        files.sort();
        if files.len() > MAX_FILES {
            return Err(Error::usage(format!("{named} has more than {MAX_FILES} manifests")));
        }
    } else if !metadata.is_file() {
        return Err(Error::usage(format!("{named} is neither a file nor a directory")));
    }
    let mut documents = Vec::new();
    let mut total = 0;
    for file in files {
        let named = file.display().to_string();
        let opened =
            std::fs::File::open(&file).map_err(|error| Error::usage(format!("read {named}: {error}")))?;
        let text = capped(opened, &named)?;
        total += text.len();
        if total > MAX_TOTAL {
            let most = MAX_TOTAL / 1024 / 1024;
            return Err(Error::usage(format!("the manifests up to {named} are larger than {most} MiB")));
        }
        documents.extend(parse(&text, &named)?);
    }
    Ok(documents)
}

/// Returns the Deployment of a name among documents, which may be Lists.
pub(super) fn find(documents: &[Value], name: &str, namespace: &str) -> Result<Value, Error> {
    let items = documents.iter().flat_map(|document| match document["items"].as_array() {
        Some(items) if document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => items.clone(),
        _ => vec![document.clone()],
    });
    let deployments: Vec<Value> = items.filter(|item| item["kind"] == "Deployment").collect();
    let of_name: Vec<&Value> = deployments.iter().filter(|item| item["metadata"]["name"] == name).collect();
    let [found] = of_name.as_slice() else {
        let names: Vec<&str> =
            deployments.iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
        let have = if names.is_empty() {
            "no Deployment".into()
        } else {
            format!("deployment {}", names.join(", "))
        };
        let count = if of_name.is_empty() { "has no" } else { "has more than one" };
        return Err(Error::usage(format!("the manifest {count} deployment/{name}: it has {have}")));
    };
    if let Some(other) = found["metadata"]["namespace"].as_str().filter(|other| *other != namespace) {
        return Err(Error::usage(format!("the manifest is for namespace {other}, not {namespace}"))
            .next(format!("-n {other}")));
    }
    if found["spec"]["template"]["spec"]["containers"].as_array().is_none_or(Vec::is_empty) {
        return Err(Error::usage(format!("deployment/{name} in the manifest has no containers")));
    }
    let mut document = (*found).clone();
    if document["apiVersion"] != "apps/v1" {
        return Err(Error::usage(format!("deployment/{name} in the manifest is not of apiVersion apps/v1")));
    }
    // Only the template is wanted. What autoscalers and people set elsewhere is left alone.
    let template = document["spec"]["template"].take();
    document["spec"] = serde_json::json!({"template": template});
    document["metadata"] = serde_json::json!({"name": name, "namespace": namespace});
    if let Some(object) = document.as_object_mut() {
        object.remove("status");
    }
    Ok(document)
}

fn capped(source: impl Read, named: &str) -> Result<String, Error> {
    let mut text = String::new();
    source
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)
        .map_err(|error| Error::usage(format!("read {named}: {error}")))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error::usage(format!("{named} is larger than {} MiB", MAX_FILE / 1024 / 1024)));
    }
    Ok(text)
}

/// Reads the documents of a text, each with its place in it. The parser skips empty ones, so they do not count.
pub(super) fn parse(text: &str, named: &str) -> Result<Vec<Document>, Error> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let message: String =
            error.to_string().lines().next().unwrap_or_default().chars().take(300).collect();
        Error::usage(format!("read {named}: {message}"))
    })?;
    let documents = documents.into_iter().enumerate().filter(|(_, document)| !document.is_null());
    let place = |(index, object)| Document { origin: format!("{named}, document {}", index + 1), object };
    Ok(documents.map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<Value> {
        parse(text, "t").unwrap().into_iter().map(|document| document.object).collect()
    }

    const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3, template: {spec: {containers: [{name: web, image: a}]}}}\n";

    #[test]
    fn the_deployment_is_found_among_others_and_lists() {
        let text = format!("kind: Service\nmetadata: {{name: web}}\n---\n---\n{WEB}");
        let found = find(&parsed(&text), "web", "shop").unwrap();
        assert_eq!(found["spec"]["template"]["spec"]["containers"][0]["image"], "a");
        assert!(found["spec"]["replicas"].is_null(), "only the template is taken");
        let indented = WEB.trim_end().replace('\n', "\n    ");
        let list = format!("kind: List\nitems:\n  - {indented}\n");
        assert!(find(&parsed(&list), "web", "shop").is_ok());
        let places: Vec<String> =
            parse("a: 1\n---\n---\nb: 1\n", "t").unwrap().into_iter().map(|d| d.origin).collect();
        assert_eq!(places, ["t, document 1", "t, document 2"], "empty ones do not count");
    }

    #[test]
    fn what_is_not_meant_is_refused() {
        let documents = parsed(WEB);
        assert!(find(&documents, "other", "shop").unwrap_err().message.contains("deployment web"));
        let elsewhere = parsed(&WEB.replace("{name: web}\nspec", "{name: web, namespace: dev}\nspec"));
        assert!(find(&elsewhere, "web", "shop").is_err());
        assert!(find(&[documents[0].clone(), documents[0].clone()], "web", "shop").is_err());
    }

    #[test]
    fn bombs_are_refused() {
        let levels = (1..9).map(|level| {
            format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","))
        });
        let bomb = format!("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}", levels.collect::<String>());
        assert!(parse(&bomb, "t").is_err());
        assert!(parse(&"[".repeat(100_000), "t").is_err());
        assert!(parse("a: 1\na: 2\n", "t").is_err(), "duplicate keys");
        let large = std::io::repeat(b'#').take(10 * 1024 * 1024);
        assert!(capped(large, "t").unwrap_err().message.contains("larger than 4 MiB"));
    }
}
