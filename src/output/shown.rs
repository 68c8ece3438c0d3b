//! Data that others have put into form: a table of the API server, a line.

use serde_json::Value;

use super::table::{plain, trimmed};
use super::{Output, safe, to_stdout};
use crate::error::Error;

impl Output {
    /// Writes a table of the API server (`meta.k8s.io/v1` Table). `prefix` stands before names, where objects of
    /// several kinds are shown; `wide` has the columns that are less important.
    pub(crate) fn server_table(
        &self,
        table: &Value,
        prefix: Option<&str>,
        namespaces: bool,
        wide: bool,
    ) -> Result<(), Error> {
        self.finish();
        to_stdout(&rendered(table, prefix, namespaces, wide))
    }

    /// Writes a line.
    pub(crate) fn text(&self, text: &str) -> Result<(), Error> {
        self.finish();
        to_stdout(&safe(text))
    }

    /// Prints a text of our own, in which nothing is from outside.
    pub(crate) fn script(&self, text: &'static str) -> Result<(), Error> {
        self.finish();
        to_stdout(text.trim_end())
    }
}

fn rendered(table: &Value, prefix: Option<&str>, namespaces: bool, wide: bool) -> String {
    let columns: Vec<(usize, String)> = table["columnDefinitions"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, column)| wide || column["priority"].as_i64().unwrap_or_default() == 0)
        .map(|(index, column)| (index, column["name"].as_str().unwrap_or_default().to_uppercase()))
        .collect();
    let header = columns.iter().map(|(_, name)| safe(name));
    let mut shown = plain(namespaces.then(|| "NAMESPACE".to_owned()).into_iter().chain(header).collect());
    for row in table["rows"].as_array().into_iter().flatten() {
        let text = |cell: &Value| safe(&cell.as_str().map_or_else(|| cell.to_string(), str::to_owned));
        let mut cells: Vec<String> = columns.iter().map(|(index, _)| text(&row["cells"][index])).collect();
        if let (Some(prefix), Some(name)) = (prefix, cells.first_mut()) {
            *name = format!("{prefix}/{name}");
        }
        if namespaces {
            cells.insert(0, text(&row["object"]["metadata"]["namespace"]));
        }
        shown.add_row(cells);
    }
    trimmed(&shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_come_by_their_importance_and_names_with_their_kind() {
        let column = |name: &str, priority: i64| json!({"name": name, "priority": priority});
        let table = json!({
            "columnDefinitions": [column("Name", 0), column("Ready", 0), column("Images", 1)],
            "rows": [{"cells": ["web", "3/3", "a\u{1b}b"], "object": {"metadata": {"namespace": "shop"}}}],
        });
        let words = |text: String| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        assert_eq!(words(rendered(&table, None, false, false)), ["NAME", "READY", "web", "3/3"]);
        let all = words(rendered(&table, Some("deployment.apps"), true, true));
        assert_eq!(all[4..], ["shop", "deployment.apps/web", "3/3", "a\\u{1b}b"]);
    }
}
