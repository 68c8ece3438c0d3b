//! Reading manifests: size, aliases and depth are limited, because a manifest may come from anybody.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::yaml;
use crate::apply::{Document, twice};
use crate::error::Error;

const MAX_FILE: u64 = 4 * 1024 * 1024;
const MAX_FILES: usize = 1000;
/// All files of a directory together.
const MAX_TOTAL: usize = 64 * 1024 * 1024;

/// Reads all documents of a file, of the YAML and JSON files of a directory, or of stdin for `-`.
///
/// Items of a List stand for themselves.
pub(crate) fn read(path: &Path) -> Result<Vec<Document>, Error> {
    if path == Path::new("-") {
        return parse(&capped(std::io::stdin().lock(), "stdin")?, "stdin", None);
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
        documents.extend(parse(&text, &named, Some(&named))?);
    }
    Ok(documents)
}

/// Returns the Deployment of a name among documents.
pub(crate) fn find<'d>(
    documents: &'d [Document],
    name: &str,
    namespace: &str,
) -> Result<&'d Document, Error> {
    let deployments: Vec<&Document> =
        documents.iter().filter(|document| document.object["kind"] == "Deployment").collect();
    let mut of_name: Vec<&Document> =
        deployments.iter().copied().filter(|document| document.object["metadata"]["name"] == name).collect();
    // Another of that name may be for another namespace.
    let is_here = |document: &&Document| {
        document.object["metadata"]["namespace"].as_str().is_none_or(|own| own == namespace)
    };
    if of_name.iter().any(is_here) {
        of_name.retain(is_here);
    }
    let [found] = of_name.as_slice() else {
        let names: Vec<&str> =
            deployments.iter().filter_map(|item| item.object["metadata"]["name"].as_str()).collect();
        let have = if names.is_empty() {
            "no Deployment".into()
        } else {
            format!("deployment {}", names.join(", "))
        };
        let count = if of_name.is_empty() { "has no" } else { "has more than one" };
        return Err(Error::usage(format!("the manifest {count} deployment/{name}: it has {have}")));
    };
    let value = &found.object;
    if let Some(other) = value["metadata"]["namespace"].as_str().filter(|other| *other != namespace) {
        return Err(Error::usage(format!("the manifest is for namespace {other}, not {namespace}"))
            .next(format!("-n {other}")));
    }
    if value["spec"]["template"]["spec"]["containers"].as_array().is_none_or(Vec::is_empty) {
        return Err(Error::usage(format!("deployment/{name} in the manifest has no containers")));
    }
    twice::refuse(found)?;
    if value["apiVersion"] != "apps/v1" {
        return Err(Error::usage(format!("deployment/{name} in the manifest is not of apiVersion apps/v1")));
    }
    Ok(found)
}

/// Returns what the server is to merge: the template. What autoscalers and people set elsewhere is left alone. The selector
/// comes with it: a Deployment that our `apply` made would lose it, as whoever applies less takes the rest away.
pub(crate) fn template_only(deployment: &Value, namespace: &str) -> Value {
    let mut sent = serde_json::json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment["metadata"]["name"], "namespace": namespace},
        "spec": {"template": deployment["spec"]["template"]},
    });
    if let Some(selector) = deployment["spec"].get("selector") {
        sent["spec"]["selector"] = selector.clone();
    }
    sent
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
pub(super) fn parse(text: &str, named: &str, file: Option<&str>) -> Result<Vec<Document>, Error> {
    let documents = yaml::documents(text).map_err(|why| {
        let why: String = why.lines().next().unwrap_or_default().chars().take(300).collect();
        Error::usage(format!("read {named}, {why}"))
    })?;
    let each = documents.into_iter().enumerate().flat_map(|(index, object)| {
        let origin = format!("{named}, document {}", index + 1);
        Document { file: file.map(str::to_owned), origin, object }.parts()
    });
    Ok(each.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3, template: {spec: {containers: [{name: web, image: a}]}}}\n";

    fn documents(text: &str) -> Vec<Document> {
        parse(text, "t", None).unwrap()
    }

    #[test]
    fn the_deployment_is_found_among_others_and_lists() {
        let text = format!("kind: Service\nmetadata: {{name: web}}\n---\n---\n{WEB}");
        let listed = documents(&text);
        let found = template_only(&find(&listed, "web", "shop").unwrap().object, "shop");
        assert_eq!(found["spec"]["template"]["spec"]["containers"][0]["image"], "a");
        assert!(found["spec"]["replicas"].is_null(), "only the template is taken");
        let indented = WEB.trim_end().replace('\n', "\n    ");
        let list = format!("kind: List\nitems:\n  - {indented}\n");
        assert!(find(&documents(&list), "web", "shop").is_ok());
        let places: Vec<String> = documents("a: 1\n---\n---\nb: 1\n").into_iter().map(|d| d.origin).collect();
        assert_eq!(places, ["t, document 1", "t, document 2"], "empty ones do not count");
    }

    #[test]
    fn what_is_not_meant_is_refused() {
        let all = documents(WEB);
        insta::assert_snapshot!(find(&all, "other", "shop").unwrap_err().message, @"the manifest has no deployment/other: it has deployment web");
        let elsewhere = documents(&WEB.replace("{name: web}\nspec", "{name: web, namespace: dev}\nspec"));
        assert!(find(&elsewhere, "web", "shop").is_err());
        assert!(find(&[all[0].clone(), all[0].clone()], "web", "shop").is_err());
        let mut both = vec![all[0].clone(), all[0].clone()];
        for (document, namespace) in both.iter_mut().zip(["shop", "lab"]) {
            document.object["metadata"]["namespace"] = namespace.into();
        }
        for namespace in ["shop", "lab"] {
            assert_eq!(find(&both, "web", namespace).unwrap().object["metadata"]["namespace"], namespace);
        }
        assert!(find(&both, "web", "other").is_err());
    }

    #[test]
    fn bombs_are_refused() {
        let levels = (1..9).map(|level| {
            format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","))
        });
        let bomb = format!("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}", levels.collect::<String>());
        assert!(parse(&bomb, "t", None).is_err());
        assert!(parse(&"[".repeat(100_000), "t", None).is_err());
        let twice = parse("a: 1\na: 2\n", "t", None).unwrap_err().message;
        assert_eq!(twice, "read t, line 2: the key a stands twice, first in line 1");
        let large = std::io::repeat(b'#').take(10 * 1024 * 1024);
        insta::assert_snapshot!(capped(large, "t").unwrap_err().message, @"t is larger than 4 MiB");
    }
}
