//! What was read, told to a person beside the file.

use super::{Import, Note, Reading, Separation};
use crate::analysis_file::{AnalysisFile, Source};

impl Import {
    /// Returns the lines: how each metric was read, what was left out, and the command lines to type.
    pub fn told(&self) -> Vec<String> {
        let readings = self.metrics.iter().flat_map(Reading::told);
        let notes = self.notes.iter().map(Note::told);
        let commands = self.commands.iter().map(|command| format!("next: {command}"));
        readings.chain(notes).chain(commands).collect()
    }
}

impl Reading {
    fn told(&self) -> Vec<String> {
        let left_out = if self.name.is_none() && self.query.is_some() { " (left out)" } else { "" };
        let mut lines = vec![format!("{} {}{left_out}: {}", self.object, self.metric, self.meaning)];
        lines.extend(self.separation.as_ref().map(|separation| format!("  {}", separation.told())));
        if let Some(Source::Counter { counter, bad, .. }) = self.offer.as_ref().map(|offer| &offer.source) {
            let bad: Vec<String> = bad.iter().map(|(label, value)| format!("{label}=~\"{value}\"")).collect();
            lines.push(format!(
                "  its counters can be compared with stable's in place of a limit: {counter}, bad {}; --compare does so",
                bad.join(",")
            ));
        }
        lines
    }
}

impl Separation {
    /// Says whether the query tells the versions apart.
    pub fn told(&self) -> String {
        match self {
            Self::Version => "its query is of one version".to_owned(),
            Self::Pods { label } => {
                format!("its query is of both versions; now it has the canary's pods by name in '{label}'")
            }
            Self::Service { label } => format!(
                "its query is of one version where a router splits the traffic: '{label}' has to be our Service of it, \
                 which is called as the Deployment's own with -rp-canary behind"
            ),
            Self::Argument { name } => {
                format!("whether its query is of one version hangs on the argument {name}")
            }
            Self::Nothing => {
                "warning: its query measures both versions together: a canary with 5 % of the traffic that \
                              always fails moves it by 5 %; add a label of pods, with ${canary.pods}"
                    .to_owned()
            }
            Self::Unreadable => "warning: its query cannot be read, so nothing was added to it".to_owned(),
        }
    }
}

impl Note {
    fn told(&self) -> String {
        let path = if self.path.is_empty() { String::new() } else { format!(" {}", self.path) };
        format!("{}: {}{path}: {}", self.origin, self.object, self.text)
    }
}

/// The schema of the document that `-o json` prints.
const SCHEMA: u64 = 1;

impl Import {
    /// Returns it as a document.
    pub fn document(&self) -> serde_json::Value {
        let mut document = serde_json::json!({"schema": SCHEMA, "kind": "Import"});
        if let (Some(document), Ok(serde_json::Value::Object(import))) =
            (document.as_object_mut(), serde_json::to_value(self))
        {
            document.extend(import);
        }
        document
    }

    /// Returns the file's text.
    ///
    /// # Errors
    /// What the writer says.
    pub fn file(&self) -> Result<Option<String>, String> {
        self.analysis.as_ref().map(AnalysisFile::yaml).transpose()
    }
}
