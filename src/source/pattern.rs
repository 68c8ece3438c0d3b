//! Patterns of file names, expanded here: in a pipeline no shell does it, and kubectl expands those of `-f` itself.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Returns the files and directories that a pattern matches, sorted; a path that is no pattern is itself.
///
/// # Errors
/// A pattern that cannot be read, or that matches nothing: what it was meant for would silently be missing.
pub(super) fn expanded(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let text = path.to_string_lossy();
    // A file may have such a name.
    if !text.contains(['*', '?', '[']) || path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    let found = glob::glob(&text)
        .map_err(|error| Error::usage(format!("the pattern {text} cannot be read: {}", error.msg)))?;
    let found = found.collect::<Result<Vec<PathBuf>, _>>();
    let found = found.map_err(|error| Error::usage(format!("look for {text}: {error}")))?;
    if found.is_empty() {
        return Err(Error::usage(format!("no file matches the pattern {text}")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_all_that_it_matches_and_never_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yaml", "c.json", "[d].yaml"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| -> Result<Vec<String>, String> {
            let found = expanded(&folder.path().join(pattern)).map_err(|error| error.message)?;
            Ok(found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect())
        };
        assert_eq!(names("?.yaml").unwrap(), ["a.yaml", "b.yaml"]);
        assert_eq!(names("*.json").unwrap(), ["c.json"]);
        assert_eq!(names("[d].yaml").unwrap(), ["[d].yaml"], "a file of that name");
        assert_eq!(names("no.yaml").unwrap(), ["no.yaml"], "no pattern: reading it says what is wrong");
        assert!(names("*.toml").unwrap_err().starts_with("no file matches the pattern"));
        assert!(names("a***").unwrap_err().contains("cannot be read"));
    }
}
