//! Providers: a Prometheus and a web request as far as our file has them; the others are refused by name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Gathered, Object};
use crate::analysis_file::{Prometheus, SECRET_HEADERS, Web};

/// Reads Argo's `prometheus`, in which arguments are filled in.
pub(super) fn prometheus(
    gathered: &mut Gathered<'_>,
    object: Object<'_>,
    path: &str,
    value: &Value,
    address: &str,
) -> Result<Prometheus, String> {
    let known = ["address", "query", "headers", "timeout", "authentication", "insecure", "rangeQuery"];
    gathered.strangers(object, path, value, &known);
    let headers = headers(gathered, object, &format!("{path}.headers"), pairs(&value["headers"]));
    if !value["authentication"].is_null() {
        let text = "not read: give the token by prometheus.tokenFile or prometheus.tokenCommand";
        gathered.note(object, format!("{path}.authentication"), text);
    }
    if value["insecure"] == true {
        gathered.note(object, format!("{path}.insecure"), UNVERIFIED);
    }
    server(address, headers)
}

pub(super) const UNVERIFIED: &str =
    "left out: the server's certificate is always verified; give its CA by prometheus.caFile";

/// Returns the server of an address, as our file would take it.
pub(super) fn server(address: &str, headers: BTreeMap<String, String>) -> Result<Prometheus, String> {
    if address.trim().is_empty() {
        return Err(
            "left out: it has no address; Argo takes that of an environment variable of its controller"
                .to_owned(),
        );
    }
    let prometheus = Prometheus {
        url: address.trim().trim_end_matches('/').to_owned(),
        headers,
        token_file: None,
        token_command: Vec::new(),
        ca_file: None,
    };
    checked(&serde_json::json!({"prometheus": prometheus}))?;
    Ok(prometheus)
}

/// Reads Argo's `web`, in which arguments are filled in.
pub(super) fn web(
    gathered: &mut Gathered<'_>,
    object: Object<'_>,
    path: &str,
    value: &Value,
    url: &str,
) -> Result<Web, String> {
    let known = [
        "url",
        "headers",
        "jsonPath",
        "timeoutSeconds",
        "method",
        "insecure",
        "authentication",
        "body",
        "jsonBody",
    ];
    gathered.strangers(object, path, value, &known);
    if value["method"].as_str().is_some_and(|method| method != "GET")
        || !(value["body"].is_null() && value["jsonBody"].is_null())
    {
        return Err("left out: only GET without a body is sent".to_owned());
    }
    if value["jsonPath"].as_str().is_some_and(|path| path.contains("{{")) {
        return Err("left out: its jsonPath has an argument without a value".to_owned());
    }
    if !value["authentication"].is_null() {
        gathered.note(object, format!("{path}.authentication"), "not read: give the token by web.tokenFile");
    }
    if value["insecure"] == true {
        gathered.note(
            object,
            format!("{path}.insecure"),
            "left out: the server's certificate is always verified",
        );
    }
    let headers = headers(gathered, object, &format!("{path}.headers"), pairs(&value["headers"]));
    let web = Web {
        url: url.to_owned(),
        headers,
        token_file: None,
        json_path: value["jsonPath"].as_str().map(str::to_owned),
        timeout: value["timeoutSeconds"]
            .as_u64()
            .map(|seconds| std::time::Duration::from_secs(seconds.clamp(1, 60))),
    };
    checked(&serde_json::json!({"metrics": [{"name": "x", "web": web, "max": 1}]}))?;
    Ok(web)
}

/// Has the reader of our own file look at a part, so that what is written can be read.
pub(super) fn checked(part: &Value) -> Result<(), String> {
    let mut file = serde_json::json!({"schema": 1, "metrics": [{"name": "x", "query": "up", "max": 1}]});
    if let (Some(file), Some(part)) = (file.as_object_mut(), part.as_object()) {
        file.extend(part.clone());
    }
    crate::analysis_file::AnalysisFile::read(&file).map(|_| ()).map_err(|why| format!("left out: {why}"))
}

/// Argo's list of headers.
fn pairs(list: &Value) -> Vec<(String, String)> {
    let pair =
        |header: &Value| Some((header["key"].as_str()?.to_owned(), header["value"].as_str()?.to_owned()));
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}

/// Keeps what is not secret, and tells of the rest.
pub(super) fn headers(
    gathered: &mut Gathered<'_>,
    object: Object<'_>,
    path: &str,
    pairs: Vec<(String, String)>,
) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for (name, value) in pairs {
        if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) || value.contains("{{") {
            let text = format!(
                "{name} left out: it is secret or not known; a token goes into a file, named by tokenFile"
            );
            gathered.note(object, path, text);
        } else {
            kept.insert(name, value);
        }
    }
    kept
}
