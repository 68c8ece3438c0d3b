//! Programs of this machine.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// Finds a program on the PATH.
pub(crate) fn program(environment: &Environment, name: &str) -> Option<PathBuf> {
    // As execvp does without one.
    let path = environment.variables.get("PATH").map_or("/usr/bin:/bin", String::as_str);
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(path).map(|folder| folder.join(&file)).find(|path| is_program(path))
}

/// Whether a file may be run.
pub(crate) fn is_program(path: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    metadata.is_file() && may_run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubectl");
        std::fs::write(&file, "").unwrap();
        let path = format!("/nowhere:{}", folder.path().display());
        let environment =
            Environment { variables: [("PATH".to_owned(), path)].into(), ..Environment::default() };
        assert_eq!(program(&environment, "kubectl"), None, "it may not be run");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(program(&environment, "kubectl"), Some(file));
        assert_eq!(program(&environment, "helm"), None);
    }
}
