//! What the metrics of two versions came to, as data.

use serde_json::json;

use super::safe::safe;
use super::{Output, SCHEMA, to_stdout};
use crate::cli::OutputFormat;
use crate::error::Error;
use crate::event::{Compared, Outlook};

impl Output {
    /// Writes a comparison: a line for each metric and the verdict, or a document.
    pub(crate) fn compared(&self, compared: &Compared) -> Result<(), Error> {
        self.finish();
        if self.format != OutputFormat::Human {
            let mut document = serde_json::to_value(compared).unwrap_or_default();
            document["schema"] = json!(SCHEMA);
            document["kind"] = json!("Analysis");
            return self.document(&document);
        }
        let mut lines = compared.picture.clone();
        lines.extend(compared.limits.iter().map(|seen| format!("{}  {}", seen.name, seen.measured)));
        if compared.verdict == Outlook::Good {
            lines.push(compared.text.clone());
        }
        if lines.is_empty() {
            return Ok(());
        }
        to_stdout(&lines.iter().map(|line| safe(line)).collect::<Vec<_>>().join("\n"))
    }
}
