//! Text that goes out as a whole: values as documents, and what clap has to say.

use serde::Serialize;

use super::safe::{has_command, safe, safe_json};
use super::{Output, to_stderr, to_stdout};
use crate::cli::OutputFormat;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::world;

impl Output {
    /// Writes a value as a document.
    pub(crate) fn document<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Error> {
        let json = || serde_json::to_string_pretty(value).map_err(|error| error.to_string());
        let yaml = || serde_saphyr::to_string(&value).map_err(|error| error.to_string());
        let text = match self.format {
            // JSON is YAML, and has an escape for what a CI system would take for a command.
            OutputFormat::Yaml => yaml().and_then(|text| if has_command(&text) { json() } else { Ok(text) }),
            OutputFormat::Json | OutputFormat::Human | OutputFormat::Sarif => json(),
        };
        let text =
            text.map_err(|error| Error::new(Kind::Infrastructure, format!("write the result: {error}")))?;
        to_stdout(safe_json(text.trim_end()).as_str())
    }
}

/// Writes what clap has to say: help to stdout, errors to stderr.
pub(crate) fn usage(error: &clap::Error, environment: &Environment) {
    let text = error.render();
    let plain = text.to_string();
    let shown = plain.lines().map(safe).collect::<Vec<_>>().join("\n");
    // An argument may be the name of somebody's branch.
    let is_harmless = shown == plain.trim_end();
    let painted = |terminal: bool| {
        let styled = terminal && environment.allows_color();
        if styled { text.ansi().to_string() } else { plain.clone() }
    };
    if !error.use_stderr() {
        // A closed pipe is the reader's choice.
        world::stdout(&painted(environment.stdout_is_terminal)).unwrap_or(());
    } else if is_harmless {
        world::stderr(&painted(environment.stderr_is_terminal));
    } else {
        to_stderr(&shown);
    }
}
