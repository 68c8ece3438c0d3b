//! What the compiler does not know of the core: it reads no clock, environment or file, prints nothing, and its modules
//! stand above each other.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

/// What the standard library and jiff would let it do.
const FORBIDDEN: [&str; 7] =
    ["std::env", "::now()", "println!", "eprintln!", "std::fs", "std::net", "std::process"];

/// What would bring a client with it.
const HEAVY: [&str; 4] = ["hyper", "kube-core", "rustls", "tokio"];

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

/// The files under `src` of both crates, as a path from the root and their text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("core/src"), &mut found);
    files(&root.join("src"), &mut found);
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file.strip_prefix(root).unwrap().to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

/// The code of a file without its tests and comments.
fn code(text: &str) -> String {
    let is_inside = |rest: &str| rest.lines().next().is_some_and(|line| line.ends_with('{'));
    let mut tests = text.match_indices("\n#[cfg(test)]\n");
    let begin = tests.find(|(at, word)| is_inside(&text[at + word.len()..]));
    let own = begin.map_or(text, |(at, _)| &text[..at]);
    let lines = own.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.fold(String::new(), |code, line| code + line + "\n")
}

#[test]
fn the_core_has_no_clock_environment_file_or_printing() {
    for (file, text) in sources().into_iter().filter(|(file, _)| file.starts_with("core")) {
        let found = FORBIDDEN.into_iter().find(|word| text.contains(word));
        assert_eq!(found, None, "{} is to be pure: it gets such things passed in", file.display());
    }
}

#[test]
fn the_core_is_built_without_a_client() {
    let lock = include_str!("../Cargo.lock");
    let needs = |name: &str| -> Vec<&str> {
        let head = format!("name = \"{name}\"");
        let block = lock.split("[[package]]").find(|block| block.lines().any(|line| line == head)).unwrap();
        let listed = block.lines().filter_map(|line| line.strip_prefix(" \""));
        listed.map(|line| line.trim_end_matches("\",").split(' ').next().unwrap()).collect()
    };
    let (mut found, mut next) = (BTreeSet::new(), vec!["rollout-plus-core"]);
    while let Some(name) = next.pop() {
        if found.insert(name) {
            next.extend(needs(name));
        }
    }
    assert!(found.contains("k8s-openapi"), "{found:?}");
    for heavy in HEAVY {
        assert!(!found.contains(heavy), "the core needs {heavy}");
    }
}

/// The modules that the table in a `lib.rs` names, in its order.
fn map(lib: &'static str) -> Vec<&'static str> {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(|row| row.contains('`'));
    let modules = rows.flat_map(|row| row.split_once(" | ").unwrap().1.split('`').skip(1).step_by(2));
    modules.collect()
}

/// The modules that a `lib.rs` declares.
fn declared(lib: &'static str) -> BTreeSet<&'static str> {
    let module = |line: &'static str| {
        line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ").map(|rest| rest.trim_end_matches(';'))
    };
    lib.lines().filter_map(module).collect()
}

const CORE: &str = include_str!("../core/src/lib.rs");
const SHELL: &str = include_str!("../src/lib.rs");

#[test]
fn the_maps_name_every_module_once() {
    for lib in [CORE, SHELL] {
        let (named, declared) = (map(lib), declared(lib));
        assert_eq!(named.len(), declared.len(), "{named:?}");
        assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), declared);
    }
    let contributing = include_str!("../CONTRIBUTING.md");
    let named = |place: &str| -> BTreeSet<&str> {
        let places = contributing.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
        let words = places.flat_map(|cell| cell.split('`'));
        let modules = words.filter_map(|word| word.strip_prefix(place));
        modules.map(|module| module.trim_end_matches('*').trim_end_matches(".rs")).collect()
    };
    assert_eq!(named("core/src/"), declared(CORE));
    assert_eq!(named("src/"), declared(SHELL));
}

#[test]
fn a_module_of_the_core_imports_those_above_it_in_the_map() {
    let map = map(CORE);
    let place = |module: &str| map.iter().position(|named| *named == module);
    for (file, text) in sources() {
        let Ok(inner) = file.strip_prefix("core/src") else { continue };
        let module = inner.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if ["lib", "fixtures"].contains(&module) || file.ends_with("tests.rs") {
            continue;
        }
        let code = code(&text);
        for (at, word) in code.match_indices("crate::") {
            let rest = &code[at + word.len()..];
            let other = rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap();
            let is_above = other == "fixtures" || (place(other).is_some() && place(other) <= place(module));
            assert!(
                is_above,
                "{} imports '{other}', which core/src/lib.rs has below {module}",
                file.display()
            );
        }
    }
}

/// What would tell a strategy or a writer which kind of workload it has.
const KINDS: [&str; 5] = ["Deployment", "DEPLOYMENT", "ReplicaSet", "StatefulSet", "DaemonSet"];

#[test]
fn strategies_and_output_know_no_kind_of_workloads() {
    let declared = |text: &str| -> Vec<String> {
        let after = text.split("#[cfg(test)]\nmod ").skip(1);
        after.filter_map(|rest| Some(rest.split_once(';')?.0.to_owned())).collect()
    };
    let tests: BTreeSet<String> = sources().iter().flat_map(|(_, text)| declared(text)).collect();
    let places = ["core/src/strategy", "src/output"];
    let is_here = |file: &Path| places.iter().any(|place| file.to_str().unwrap().starts_with(place));
    let is_test = |file: &Path| tests.contains(file.file_stem().unwrap().to_str().unwrap());
    let mut count = 0;
    for (file, text) in sources().into_iter().filter(|(file, _)| is_here(file) && !is_test(file)) {
        let code = code(&text);
        let found = KINDS.into_iter().find(|kind| code.contains(kind));
        assert_eq!(found, None, "{} has it: a kind says that in core/src/model/kind", file.display());
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_name_that_we_write_into_a_cluster_stands_in_keys_alone() {
    let keys = include_str!("../core/src/keys.rs");
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

/// The code of all sources but those named, in which tests and comments do not count.
fn code_but_of<'f>(left_out: &'f [&str]) -> impl Iterator<Item = (PathBuf, String)> + use<'f> {
    let sources = sources().into_iter().map(|(file, text)| (file, code(&text)));
    sources
        .filter(|(file, _)| !file.ends_with("tests.rs") && !left_out.iter().any(|one| file == Path::new(one)))
}

#[test]
fn whether_a_workload_is_held_is_asked_in_keys_alone() {
    for (file, code) in code_but_of(&["core/src/keys.rs", "core/src/strategy/routed/world.rs"]) {
        for word in ["== HELD", "== Some(HELD", "== keys::HELD", "== Some(keys::HELD", "== crate::keys::HELD"]
        {
            assert!(!code.contains(word), "{} asks by itself: {word}", file.display());
        }
    }
}

#[test]
fn a_path_of_the_api_is_put_together_in_one_place() {
    for (file, code) in code_but_of(&["core/src/model/resource.rs"]) {
        assert!(!code.contains("/namespaces/"), "{}: it is for core/src/model/resource.rs", file.display());
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
fn a_command_line_to_type_next_is_of_a_verb_that_there_is() {
    let all = rollout_plus::cli::Cli::command();
    let mut count = 0;
    for (file, text) in sources() {
        for (at, word) in text.match_indices("command(\"") {
            let verb = text[at + word.len()..].split('"').next().unwrap();
            let known = verb.split(' ').try_fold(&all, |command, word| command.find_subcommand(word));
            assert!(known.is_some(), "{} tells people to type '{verb}'", file.display());
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn files_stay_small() {
    // What help prints is as long as it is.
    let is_code = |file: &Path| file.extension().is_none_or(|ending| ending != "snap");
    for (file, text) in sources().into_iter().filter(|(file, _)| is_code(file)) {
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines: split it", file.display());
    }
}
