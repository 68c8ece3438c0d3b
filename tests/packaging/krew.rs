//! The rules of krew: `internal/index/validation/validate.go` and `pkg/index/types.go` of kubernetes-sigs/krew, and what
//! the reviewers of its index ask for.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Says what is wrong with a manifest in a file of this name. `archive` finds the file that a release would have.
pub fn violations(manifest: &Value, file: &str, archive: impl Fn(&str) -> Option<PathBuf>) -> Vec<String> {
    let mut found = Vec::new();
    let mut must = |is_so: bool, why: &str| {
        if !is_so {
            found.push(why.to_owned());
        }
    };
    must(manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2", "another apiVersion");
    must(manifest["kind"] == "Plugin", "another kind");
    let name = text(&manifest["metadata"]["name"]);
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    must(!name.is_empty() && name.chars().all(legal), "the name has only letters, digits, _ and -");
    must(file == format!("{name}.yaml"), "the file is named like the plugin");
    let spec = &manifest["spec"];
    must(is_version(text(&spec["version"])), "the version is a semantic version with a v");
    let short = text(&spec["shortDescription"]);
    must(!short.is_empty() && !short.contains('\n'), "the short description is one line");
    must(short.chars().count() <= 50, "the short description has at most 50 letters");
    let description = text(&spec["description"]);
    must(!description.is_empty(), "there is a description");
    must(
        description.lines().all(|line| line.chars().count() <= 80),
        "a line of the description has at most 80 letters",
    );
    let platforms = spec["platforms"].as_array().map(Vec::as_slice).unwrap_or_default();
    must(!platforms.is_empty(), "there is no platform");
    let mut seen = BTreeSet::new();
    for platform in platforms {
        let labels = &platform["selector"]["matchLabels"];
        found.extend(of_platform(platform, &archive).into_iter().map(|why| format!("{labels}: {why}")));
        if !seen.insert(labels.to_string()) {
            found.push(format!("{labels} is there twice"));
        }
    }
    found
}

fn of_platform(platform: &Value, archive: &impl Fn(&str) -> Option<PathBuf>) -> Vec<String> {
    let mut found = Vec::new();
    let mut must = |is_so: bool, why: String| {
        if !is_so {
            found.push(why);
        }
    };
    let labels = platform["selector"]["matchLabels"].as_object();
    let known = |name: &String| name == "os" || name == "arch";
    must(
        labels.is_some_and(|labels| !labels.is_empty() && labels.keys().all(known)),
        "only os and arch can be selected".to_owned(),
    );
    let files = &platform["files"];
    must(
        files.is_null() || files.as_array().is_some_and(|files| !files.is_empty()),
        "files are left out or not empty".to_owned(),
    );
    let bin = text(&platform["bin"]);
    let is_windows = platform["selector"]["matchLabels"]["os"] == "windows";
    must(
        !bin.is_empty() && is_windows == bin.ends_with(".exe"),
        format!("{bin}: on Windows it ends with .exe, else not"),
    );
    let sum = text(&platform["sha256"]);
    let lower = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    must(
        sum.len() == 64 && sum.chars().all(lower),
        "the sum is 64 hexadecimal digits, in lower case".to_owned(),
    );
    let uri = text(&platform["uri"]);
    must(uri.starts_with("https://"), format!("{uri} is not https"));
    must(uri.ends_with(".tar.gz") || uri.ends_with(".zip"), format!("{uri} is not .tar.gz or .zip"));
    let Some(path) = archive(uri.rsplit('/').next().unwrap_or_default()) else {
        must(false, format!("there is no archive for {uri}"));
        return found;
    };
    must(sum_of(&path) == sum, format!("{sum} is not the sum of {}", path.display()));
    let inside = names(&path);
    for name in [bin, "LICENSE"] {
        must(inside.iter().any(|file| file == name), format!("{name} is not in the archive: {inside:?}"));
    }
    found
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `v1.2.3`, with what semantic versions allow after it.
fn is_version(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix('v') else { return false };
    let core = numbers.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| part == "0" || (!part.starts_with('0') && part.parse::<u32>().is_ok());
    core.split('.').count() == 3 && core.split('.').all(is_number)
}

fn sum_of(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned()
}

/// The names in a .tar.gz: blocks of 512 bytes, a header with name and size in octal before each file.
fn names(path: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let field = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_owned();
    let (mut at, mut names) = (0, Vec::new());
    while let Some(header) = bytes.get(at..at + 512).filter(|header| header[0] != 0) {
        names.push(field(&header[..100]));
        let size = usize::from_str_radix(&field(&header[124..136]), 8).unwrap();
        at += 512 + size.div_ceil(512) * 512;
    }
    names
}
