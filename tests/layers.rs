//! The pure core stays pure: no client, no clock, no environment, no printing.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// What is not pure, and why: a module with all that is in it, or one file. All else under `src` is.
const IMPURE: [(&str, &str); 14] = [
    ("src/cluster", "talks to the API server"),
    ("src/commands", "the verbs bring cluster, engine and output together"),
    ("src/delivery/client.rs", "sends requests to CI systems"),
    ("src/delivery/write.rs", "writes files"),
    ("src/engine", "acts, waits and looks at the clock"),
    ("src/environment.rs", "finds programs and looks at files on this machine"),
    ("src/main.rs", "begins and ends the process"),
    ("src/output", "the only writer"),
    ("src/source.rs", "opens what the user named"),
    ("src/source/kustomize", "reads directories and runs a program"),
    ("src/source/manifest.rs", "reads files"),
    ("src/source/pattern.rs", "looks for the files of a pattern"),
    ("src/source/pin.rs", "asks the cluster for the digest that its pods run"),
    ("src/world.rs", "the clock, chance, signals and streams of a run"),
];

const FORBIDDEN: [&str; 14] = [
    "kube::",
    "tokio",
    "glob::",
    "std::env",
    "::now()",
    "println!",
    "eprintln!",
    "std::fs",
    "std::net",
    "std::process",
    "crate::cluster",
    "crate::commands",
    "crate::engine",
    "crate::output",
];

/// Clock, chance, signals and streams. They reach a run through one value, so that a simulator can make another.
const WORLD: [&str; 11] = [
    "Timestamp::now()",
    "Zoned::now()",
    "SystemTime",
    "time::Instant::now",
    "RandomState",
    "SignalKind::interrupt",
    "SignalKind::terminate",
    "io::stdout()",
    "io::stderr()",
    "println!",
    "eprintln!",
];

/// Who reads them: the two that make the value.
const READERS: [&str; 2] = ["src/main.rs", "src/world.rs"];

fn files(place: &Path, found: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else {
        found.push(place.to_owned());
    }
}

/// The files under `src`, as a path from the root and their text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("src"), &mut found);
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file.strip_prefix(root).unwrap().to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

fn is_in(file: &Path, place: &str) -> bool {
    file.starts_with(place) || file.with_extension("") == Path::new(place)
}

fn forbidden_in(text: &str) -> Option<&'static str> {
    FORBIDDEN.into_iter().find(|word| text.contains(word))
}

#[test]
fn what_is_not_named_has_no_client_clock_environment_or_printing() {
    for (file, text) in sources() {
        let named = IMPURE.iter().any(|(place, _)| is_in(&file, place));
        let found = forbidden_in(&text).filter(|_| !named);
        assert_eq!(found, None, "{} is to be pure: it gets such things passed in", file.display());
    }
}

#[test]
fn what_is_named_is_not_pure() {
    let sources = sources();
    for (place, why) in IMPURE {
        let found = sources.iter().any(|(file, text)| is_in(file, place) && forbidden_in(text).is_some());
        assert!(found, "{place} is pure, or gone: take it off the list ({why})");
    }
}

/// The rows of the map in `src/lib.rs`: what a part is, and its modules.
fn map(lib: &str) -> Vec<(String, Vec<String>)> {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(|row| row.contains('`'));
    rows.map(|row| {
        let (part, rest) = row.split_once(" | ").unwrap();
        let modules = rest.split('`').skip(1).step_by(2);
        (part.to_owned(), modules.map(str::to_owned).collect())
    })
    .collect()
}

#[test]
fn the_map_names_every_module_once_and_the_core_is_pure() {
    let lib = include_str!("../src/lib.rs");
    let map = map(lib);
    let mut named: Vec<&str> = map.iter().flat_map(|(_, modules)| modules).map(String::as_str).collect();
    named.sort_unstable();
    let module = |line: &'static str| {
        line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ").map(|rest| rest.trim_end_matches(';'))
    };
    let mut there: Vec<&str> = lib.lines().filter_map(module).collect();
    there.sort_unstable();
    assert_eq!(named, there, "the map in src/lib.rs, and its modules");
    for (part, modules) in map {
        for module in modules {
            let file = format!("src/{module}.rs");
            let named = IMPURE.iter().any(|(place, _)| is_in(Path::new(&file), place));
            assert!(!(named && part == "pure core"), "{module} is not pure, and stands in the core");
        }
    }
}

#[test]
fn a_name_that_we_write_into_a_cluster_stands_in_keys_alone() {
    let keys = include_str!("../src/keys.rs");
    let value =
        |line: &'static str| line.split_once(": &str = \"").map(|(_, rest)| rest.trim_end_matches("\";"));
    let names: Vec<&str> =
        keys.lines().filter_map(value).filter(|name| !name.starts_with("kubectl-")).collect();
    assert!(names.contains(&"rollout-plus/held"), "{names:?}");
    let left_out =
        |file: &Path| ["keys.rs", "fixtures.rs", "tests.rs"].iter().any(|name| file.ends_with(name));
    for (file, text) in sources().into_iter().filter(|(file, _)| !left_out(file)) {
        // The tests of a module may have what stands in a cluster as it is.
        let code = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
        for (number, line) in
            code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let found = names.iter().find(|name| {
                line.match_indices(**name).any(|(at, _)| !line[at + name.len()..].starts_with('-'))
            });
            assert_eq!(found, None, "{} has it in line {}, not by its constant", file.display(), number + 1);
        }
    }
}

/// The pauses, too: without `biased` tokio rolls dice.
#[test]
fn a_run_reads_its_world_in_one_place_and_waits_without_chance() {
    let is_rust = |file: &Path| file.extension().is_some_and(|extension| extension == "rs");
    for (file, text) in sources().into_iter().filter(|(file, _)| is_rust(file)) {
        let is_reader = READERS.iter().any(|reader| file == Path::new(reader));
        let own = text.split("#[cfg(test)]").next().unwrap();
        for word in WORLD.iter().filter(|_| !is_reader) {
            assert!(!own.contains(word), "{} reads {word}: it is for src/world.rs", file.display());
        }
        assert!(!own.contains("std::time::Instant"), "{}: its waits are not virtual", file.display());
        for (_, after) in own.match_indices("select! {").map(|(at, word)| own.split_at(at + word.len())) {
            assert!(
                after.trim_start().starts_with("biased;"),
                "{} has a select without 'biased'",
                file.display()
            );
        }
    }
}

#[test]
fn files_stay_small() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines: split it", file.display());
    }
}
