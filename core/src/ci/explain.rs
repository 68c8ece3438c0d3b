//! What the parser of command lines refuses, in the words of the pipeline.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::ci::{Settings, argv::setting_of};
use crate::error::Error;

/// Returns the parser's error about the command of a setting. A flag that a setting has become is named by the setting.
#[allow(clippy::wildcard_enum_match_arm, reason = "clap may get more kinds")]
pub fn explain(error: &clap::Error, from: &str, argv: &[String], settings: &Settings) -> Error {
    let verb = argv.first().map(String::as_str).unwrap_or_default();
    let error_kind = error.kind();
    // The flags of kubectl's command lines are the user's own.
    let typed = matches!(from, "kubectl");
    let texts = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    let named = |kind| -> Vec<String> {
        texts(kind)
            .iter()
            .map(|argument| if typed { argument.clone() } else { name(argument, settings) })
            .collect()
    };
    let arguments = named(ContextKind::InvalidArg).join(", ");
    let value = texts(ContextKind::InvalidValue).join(", ");
    let valid = texts(ContextKind::ValidValue).join(", ");
    let said = match error_kind {
        ErrorKind::ArgumentConflict => {
            let others = named(ContextKind::PriorArg);
            if others.is_empty() || others.join(", ") == arguments {
                format!("{arguments} takes one value")
            } else {
                format!("{arguments} and {} cannot be used together", others.join(", "))
            }
        }
        ErrorKind::UnknownArgument if typed => format!("{arguments} has no meaning for {verb}"),
        ErrorKind::UnknownArgument => {
            format!("{arguments} has no meaning for {verb}, which is what {} says", decider(verb, settings))
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{arguments} needs a value"),
        ErrorKind::InvalidValue => format!("{arguments}: '{value}' is none of {valid}"),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("{arguments}: '{value}': {why}")
        }
        ErrorKind::MissingRequiredArgument => format!("{verb} needs {arguments}"),
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    let word = if typed { "setting kubectl: " } else { "settings: " };
    let error = Error::usage(format!("{word}{said}"));
    error.next(format!("kubectl rollout-plus {verb} --help"))
}

/// Returns the setting that decides on a verb, with what it says.
fn decider(verb: &str, settings: &Settings) -> String {
    let name = match verb {
        "apply" => ["manifests", "kustomize"].into_iter().find(|name| settings.text(name).is_some()),
        "rolling" | "canary" | "blue-green" => Some("strategy"),
        _ => Some("action"),
    };
    match name.and_then(|name| settings.text(name).map(|text| (settings.spelled(name), text.trim()))) {
        // The names of files may be many.
        Some((name, _)) if verb == "apply" => format!("{name} without deployment"),
        Some((name, text)) => format!("{name}: {text}"),
        None => "strategy: rolling, the default,".to_owned(),
    }
}

/// Returns the setting behind `--weight <PERCENT>`, or each behind `<--filename <FILE>|--kustomize <DIRECTORY>>`.
fn name(argument: &str, settings: &Settings) -> String {
    let flags = argument.split(['|', ' ']).map(|part| {
        let from = part.find("--").unwrap_or(0);
        part[from..].trim_end_matches("...").split('[').next().unwrap_or_default()
    });
    let names: Vec<String> = match setting_of(argument.trim_end_matches("..."), settings) {
        Some(name) => vec![name],
        None => flags
            .filter(|flag| flag.starts_with("--"))
            .filter_map(|flag| setting_of(flag.split('=').next().unwrap_or_default(), settings))
            .collect(),
    };
    if names.is_empty() { argument.to_owned() } else { names.join(" or ") }
}
