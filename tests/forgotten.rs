//! Every file of the tests is compiled: one that no module names would be green without ever running.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Adds the files that the modules of a file name, where the compiler looks for them (the reference: "Modules").
fn named(file: &Path, found: &mut BTreeSet<PathBuf>) {
    if !found.insert(file.to_path_buf()) {
        return;
    }
    let text = fs::read_to_string(file).unwrap();
    let folder = file.parent().unwrap();
    let own = if file.ends_with("main.rs") || file.parent().unwrap().ends_with("tests") {
        folder.to_path_buf()
    } else {
        file.with_extension("")
    };
    let mut path = None;
    for line in text.lines().map(str::trim) {
        if let Some(given) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            path = Some(given);
        } else if let Some((_, name)) = line.strip_suffix(';').and_then(|line| line.split_once("mod ")) {
            let next = path.take().map_or_else(|| own.join(format!("{name}.rs")), |path| folder.join(path));
            if let Ok(next) = next.canonicalize() {
                named(&next, found);
            }
        }
    }
}

fn files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").canonicalize().unwrap()
}

/// What cargo takes for a test by itself: names and files.
fn roots() -> BTreeMap<String, PathBuf> {
    let of = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, if path.is_dir() { path.join("main.rs") } else { path })
    };
    let is_rust =
        |root: &PathBuf| root.extension().is_some_and(|extension| extension == "rs") && root.is_file();
    let entries = fs::read_dir(tests()).unwrap().map(|entry| of(entry.unwrap().path()));
    entries.filter(|(_, root)| is_rust(root)).collect()
}

#[test]
fn the_makefile_runs_each_test_by_its_name() {
    let makefile = include_str!("../Makefile");
    let words = makefile.split("--test ").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let run: BTreeSet<&str> = words.collect();
    let roots = roots();
    assert_eq!(run, roots.keys().map(String::as_str).collect());
}

#[test]
fn no_file_is_forgotten() {
    let tests = tests();
    let mut compiled = BTreeSet::new();
    for root in roots().values() {
        named(root, &mut compiled);
    }
    let mut all = BTreeSet::new();
    files(&tests, &mut all);
    let forgotten: Vec<_> = all.difference(&compiled).collect();
    assert!(forgotten.is_empty(), "no module names {forgotten:?}");
    assert!(compiled.len() > 50, "only {compiled:?}");
}
