//! Flags of the verbs that judge a new version.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What is done about a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// Go back to the former version.
    #[default]
    Abort,
    /// Stop where it stands.
    Hold,
    /// Tell it, and go on.
    Continue,
}

/// A file in which a run is told again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the file looks like.
    pub form: ReportForm,
    /// The file.
    pub path: PathBuf,
}

/// What a report looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportForm {
    /// JUnit XML.
    Junit,
    /// An array of the events of `-o json`.
    Json,
    /// Markdown.
    Markdown,
}

/// The card that a step of Drone's makes of its run.
#[derive(Clone, Debug)]
pub struct CardArgs {
    /// The address of the template that shows it.
    pub template: String,
    /// Whether it is made in any case; else only if this command fails.
    pub is_last: bool,
}

/// Flags of all verbs that judge the new version.
#[derive(Clone, Debug, Default, Args)]
pub struct GuardArgs {
    /// What to do when the new version fails
    #[arg(long, value_enum, default_value = "abort", value_name = "ACTION")]
    pub on_failure: OnFailure,
    /// Let a failure be for longer, or for ever (repeatable; reasons are in docs/health.md)
    #[arg(long, value_name = "REASON[=DURATION]")]
    pub tolerate: Vec<String>,
    /// Where the run is told again.
    #[command(flatten)]
    pub told: ReportArgs,
}

/// Files in which a run is told again.
#[derive(Clone, Debug, Default, Args)]
pub struct ReportArgs {
    /// Files to tell the run again in: junit=FILE, json=FILE, markdown=FILE
    #[arg(long, value_name = "FORM=FILE,...", value_delimiter = ',', value_parser = report)]
    pub report: Vec<Report>,
}

impl GuardArgs {
    /// Returns those of a verb that judges no new version.
    pub fn of(told: &ReportArgs) -> Self {
        Self { told: told.clone(), ..Self::default() }
    }
}

fn report(text: &str) -> Result<Report, String> {
    let wrong = || format!("'{text}' is no report: write junit=FILE, json=FILE or markdown=FILE");
    let (form, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or_else(wrong)?;
    let form = match form {
        "junit" => ReportForm::Junit,
        "json" => ReportForm::Json,
        "markdown" | "md" => ReportForm::Markdown,
        _ => return Err(wrong()),
    };
    Ok(Report { form, path: PathBuf::from(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_its_form_and_file() {
        assert_eq!(report("junit=a.xml").unwrap().form, ReportForm::Junit);
        for text in ["junit", "junit=", "html=a", ""] {
            assert!(report(text).is_err(), "{text}");
        }
    }
}
