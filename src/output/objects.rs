//! What became of many objects, or would: a table, a difference, or a document.

use serde_json::Value;

use super::{Output, safe::safe, table, to_stdout};
use crate::apply::{Change, Row};
use crate::cli::OutputFormat;
use crate::error::Error;

impl Output {
    /// Writes what became of the objects of a run. Machines that read events have been told of each.
    pub(crate) fn applied(&self, rows: &[Row]) -> Result<(), Error> {
        if self.format == OutputFormat::Json || rows.is_empty() {
            return Ok(());
        }
        self.objects(rows, false)
    }

    /// Writes what would become of objects, and with `changes` also what would change.
    pub(crate) fn objects(&self, rows: &[Row], changes: bool) -> Result<(), Error> {
        self.finish();
        match self.format {
            OutputFormat::Human if changes => {
                let lines: Vec<String> = rows.iter().flat_map(difference).map(|line| safe(&line)).collect();
                to_stdout(&lines.join("\n"))
            }
            OutputFormat::Human => to_stdout(&table::objects(rows)),
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif => self.document(rows),
        }
    }
}

pub(super) fn difference(row: &Row) -> Vec<String> {
    let place = row.namespace.as_ref().map(|name| format!("  (namespace {name})")).unwrap_or_default();
    let mut lines = vec![format!("{}  {}{place}", row.title(), row.action.word())];
    for Change { path, before, after } in row.changes.iter().flatten() {
        let line = |sign: char, value: &Value| format!("{sign} {path}: {value}");
        lines.extend(before.as_ref().map(|value| line('-', value)));
        lines.extend(after.as_ref().map(|value| line('+', value)));
    }
    lines
}
