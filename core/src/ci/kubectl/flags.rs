//! The flags of kubectl's commands that we know, and the reader of its command lines.

use super::unknown;

/// What is said of the flags of a command.
pub(super) struct Flags {
    /// Flags that take a value, with ours; `None` for what says nothing to us.
    valued: &'static [(&'static str, Option<&'static str>)],
    /// Flags that take none, with ours; `None` for what is so in any case.
    bare: &'static [(&'static str, Option<&'static str>)],
}

/// A command line, read.
#[derive(Default)]
pub(super) struct Line {
    pub(super) plain: Vec<String>,
    pub(super) flags: Vec<String>,
}

pub(super) const EVERYWHERE: &[(&str, Option<&str>)] = &[
    ("-n", Some("--namespace")),
    ("--namespace", Some("--namespace")),
    ("--context", Some("--context")),
    ("--request-timeout", Some("--request-timeout")),
    ("--as", Some("--as")),
    ("--as-group", Some("--as-group")),
];

pub(super) const APPLY: Flags = Flags {
    valued: &[
        ("-f", Some("--filename")),
        ("--filename", Some("--filename")),
        ("-k", Some("--kustomize")),
        ("--kustomize", Some("--kustomize")),
        ("-l", Some("--selector")),
        ("--selector", Some("--selector")),
        // How long kubectl waits for a deletion, and not for a rollout.
        ("--timeout", None),
    ],
    bare: &[
        ("--server-side", Some("--server-side")),
        ("--record", None),
        ("--wait", None),
        // Annotations of the manifest take the place of those that are there.
        ("--overwrite", None),
        ("--prune", Some("--prune")),
        ("--force-conflicts", Some("--force-conflicts")),
    ],
};

pub(super) const ROLLOUT: Flags = Flags {
    valued: &[
        ("--timeout", Some("--timeout")),
        ("--to-revision", Some("--to-revision")),
        ("--revision", Some("--revision")),
    ],
    bare: &[("-w", None), ("--watch", None)],
};

pub(super) const SET: Flags = Flags { valued: &[], bare: &[("--record", None)] };

pub(super) const GET: Flags = Flags {
    valued: &[
        ("-l", Some("--selector")),
        ("--selector", Some("--selector")),
        ("-o", Some("--output")),
        ("--output", Some("--output")),
    ],
    bare: &[("-A", Some("--all-namespaces")), ("--all-namespaces", Some("--all-namespaces"))],
};

pub(super) const DELETE: Flags = Flags {
    valued: &[
        ("-f", Some("--filename")),
        ("--filename", Some("--filename")),
        ("--timeout", Some("--timeout")),
    ],
    bare: &[("--wait", None), ("--ignore-not-found", Some("--ignore-not-found"))],
};

pub(super) const WAIT: Flags = Flags {
    valued: &[
        ("--for", Some("--for")),
        ("-l", Some("--selector")),
        ("--selector", Some("--selector")),
        ("--timeout", Some("--within")),
    ],
    bare: &[("--all", Some("--all"))],
};

pub(super) const SCALE: Flags = Flags { valued: &[("--replicas", Some("--replicas"))], bare: &[] };

/// Reads a command line.
///
/// # Errors
/// Names a flag that is not known.
pub(super) fn read(words: &[String], known: &Flags) -> Result<Line, String> {
    let mut line = Line::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            line.plain.push(word.clone());
            continue;
        }
        let (name, given) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            // -nshop
            None if !word.starts_with("--") && word.len() > 2 => match word.split_at_checked(2) {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => return Err(unknown(word)),
            },
            None => (word.as_str(), None),
        };
        if name == "--dry-run" {
            match given.as_deref() {
                Some("none") => {}
                Some(depth) => line.flags.push(format!("--dry-run={depth}")),
                None => line.flags.push("--dry-run".to_owned()),
            }
        } else if let Some((_, ours)) =
            known.valued.iter().chain(EVERYWHERE).find(|(theirs, _)| *theirs == name)
        {
            let Some(value) = given.or_else(|| words.next().cloned()) else {
                return Err(format!("'{name}' has no value"));
            };
            line.flags.extend(ours.map(|ours| format!("{ours}={value}")));
        } else {
            let Some((_, ours)) = known.bare.iter().find(|(theirs, _)| *theirs == name) else {
                return Err(unknown(name));
            };
            match (given.as_deref(), ours) {
                (None | Some("true"), Some(ours)) => line.flags.push((*ours).to_owned()),
                (None | Some("true"), None) | (Some("false"), Some(_)) => {}
                // What we always do cannot be left out.
                _ => return Err(unknown(word)),
            }
        }
    }
    Ok(line)
}
