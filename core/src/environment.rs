//! The process environment as a value, and who we are by it. Only `main` reads the real one.

use std::collections::BTreeMap;

/// A copy of the environment variables, and what `main` found out about its streams.
#[derive(Clone, Debug, Default)]
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

    /// Returns who acts: the repository that a CI system builds, or the user, `@host`. Control characters are left out.
    pub fn holder(&self, repository: Option<&str>) -> String {
        let user = repository.or(self.get("USER")).or(self.get("LOGNAME")).unwrap_or(&self.user);
        let name = format!("{user}@{}", self.host);
        name.chars().filter(|letter| !letter.is_control()).take(120).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
