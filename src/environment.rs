//! The process environment as a value, and who we are by it. Only `main` reads the real one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::world::{Process, World};

/// A copy of the environment variables, and what `main` found out about its streams.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Variables by name.
    pub variables: BTreeMap<String, String>,
    /// The machine's name.
    pub host: String,
    /// What the system calls the user, or by which number where it knows no name.
    pub user: String,
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
    /// Clock, chance, signals, streams and the way to the API server.
    pub world: Arc<dyn World>,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            variables: BTreeMap::new(),
            host: String::new(),
            user: String::new(),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            world: Arc::new(Process),
        }
    }
}

impl Environment {
    /// Returns a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a CI system runs us.
    pub fn is_ci(&self) -> bool {
        self.get("CI").is_some_and(|value| value != "false" && value != "0")
    }

    /// Whether colours may be used (<https://no-color.org>).
    pub fn allows_color(&self) -> bool {
        self.get("NO_COLOR").is_none() && self.get("TERM") != Some("dumb")
    }

    /// Finds a program on the PATH.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        // As execvp does without one.
        let path = self.variables.get("PATH").map_or("/usr/bin:/bin", String::as_str);
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(path).map(|folder| folder.join(&file)).find(|path| is_program(path))
    }

    /// Returns who acts: the repository that a CI system builds, or the user, `@host`. Control characters are left out.
    pub fn holder(&self, repository: Option<&str>) -> String {
        let user = repository.or(self.get("USER")).or(self.get("LOGNAME")).unwrap_or(&self.user);
        let name = format!("{user}@{}", self.host);
        name.chars().filter(|letter| !letter.is_control()).take(120).collect()
    }
}

fn is_program(path: &Path) -> bool {
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
        assert_eq!(environment.program("kubectl"), None, "it may not be run");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(environment.program("kubectl"), Some(file));
        assert_eq!(environment.program("helm"), None);
    }

    #[test]
    fn who_acts_is_known_without_variables() {
        let mut environment =
            Environment { host: "vm".into(), user: "root".into(), ..Environment::default() };
        assert_eq!(environment.holder(None), "root@vm");
        environment.variables.insert("USER".into(), "jane".into());
        assert_eq!(environment.holder(None), "jane@vm");
        assert_eq!(environment.holder(Some("shop/web")), "shop/web@vm");
    }
}
