//! What a kustomization has fetched from elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The names that the file may have (`konfig.RecognizedKustomizationFileNames` in kustomize/api).
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// The lists whose members may be directories or addresses.
const LISTS: [&str; 8] = [
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
];
/// How many directories are looked into.
const MOST: usize = 200;

/// Returns the addresses in a kustomization and in those that it is made of, sorted. What cannot be read is the tool's
/// to complain about.
pub(super) fn remote(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut ahead, mut seen) = (vec![directory.to_owned()], BTreeSet::<PathBuf>::new());
    while let Some(directory) = ahead.pop() {
        let Ok(place) = directory.canonicalize() else { continue };
        if seen.len() >= MOST || !seen.insert(place) {
            continue;
        }
        let texts = FILES.iter().filter_map(|name| std::fs::read_to_string(directory.join(name)).ok());
        for member in texts.flat_map(|text| members(&text)) {
            if is_remote(&member) {
                found.insert(member);
            } else if directory.join(&member).is_dir() {
                ahead.push(directory.join(member));
            }
        }
    }
    found
}

fn members(text: &str) -> Vec<String> {
    let Ok(kustomization) = serde_saphyr::from_str::<Value>(text) else { return Vec::new() };
    let lists = LISTS.iter().filter_map(|name| kustomization[*name].as_array());
    lists.flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether kustomize fetches it (`git.NewRepoSpecFromURL` and `loader.IsRemoteFile`).
fn is_remote(member: &str) -> bool {
    member.contains("://")
        || member.contains("?ref=")
        || ["git::", "git@", "github.com/", "github.com:"].iter().any(|begin| member.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_all_that_it_is_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("prod/kustomization.yaml", "resources: [../base, a.yaml, 'github.com/o/r//deploy?ref=v1']");
        write(
            "base/Kustomization",
            "resources: [b.yaml, ../prod]\ncomponents:\n- https://example.org/c.yaml",
        );
        let found = remote(&folder.path().join("prod"));
        assert!(
            found.iter().eq(["github.com/o/r//deploy?ref=v1", "https://example.org/c.yaml"]),
            "{found:?}"
        );
        assert!(remote(&folder.path().join("none")).is_empty());
        write("odd/kustomization.yaml", "resources: [[{");
        assert!(remote(&folder.path().join("odd")).is_empty());
    }
}
