//! What was read of others' files: the analysis file on stdout, and all that is said of it on stderr.

use super::safe::{has_command, safe};
use super::{Output, to_stderr, to_stdout};
use crate::cli::OutputFormat;
use crate::error::{Error, Kind};
use crate::import::Import;

impl Output {
    /// Writes what was read.
    pub(crate) fn imported(&self, import: &Import) -> Result<(), Error> {
        self.finish();
        if self.format != OutputFormat::Human {
            return self.document(&import.document());
        }
        let file = import
            .file()
            .map_err(|why| Error::new(Kind::Infrastructure, format!("write the file: {why}")))?;
        match (file, &import.analysis) {
            // JSON is YAML, and has an escape for what a CI system would take for a command.
            (Some(text), Some(analysis)) if has_command(&text) => self.document(analysis)?,
            (Some(text), _) => to_stdout(text.trim_end())?,
            (None, _) => {}
        }
        for line in import.told() {
            to_stderr(&safe(&line));
        }
        Ok(())
    }
}
