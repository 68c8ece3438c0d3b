//! The process environment as a value, and who we are by it. Only `main` reads the real one.

use std::collections::BTreeMap;

/// A copy of the environment variables, and what `main` found out about its streams.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Variables by name.
    pub variables: BTreeMap<String, String>,
    /// The machine's name.
    pub host: String,
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

    /// Returns who acts: the CI job or `user@host`. Control characters are left out.
    pub fn holder(&self) -> String {
        let user = self.get("CI_REPO").or(self.get("DRONE_REPO")).or(self.get("GITHUB_REPOSITORY"));
        let user = user.or(self.get("USER")).or(self.get("LOGNAME")).unwrap_or("unknown");
        let name = format!("{user}@{}", self.host);
        name.chars().filter(|letter| !letter.is_control()).take(120).collect()
    }

    /// Returns the address of the CI build, if there is one.
    pub fn build_link(&self) -> Option<String> {
        let names = ["CI_PIPELINE_URL", "DRONE_BUILD_LINK", "CI_JOB_URL", "BUILD_URL"];
        let link = names.iter().find_map(|name| self.get(name))?;
        Some(link.chars().filter(|letter| !letter.is_control()).take(500).collect())
    }

    /// Returns the commit that is deployed, if the CI system tells it.
    pub fn commit(&self) -> Option<String> {
        let names = ["CI_COMMIT_SHA", "DRONE_COMMIT_SHA", "GITHUB_SHA", "GIT_COMMIT"];
        let commit = names.iter().find_map(|name| self.get(name))?;
        Some(commit.chars().filter(char::is_ascii_alphanumeric).take(64).collect())
    }
}

/// Returns the time for a record, RFC 3339 with microseconds. For people and for "has it changed", never to
/// be compared with another machine's.
pub(crate) fn timestamp() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}
