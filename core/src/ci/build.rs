//! The build that runs us: what CI systems say about who, what and where.
//!
//! Variables: Woodpecker `pipeline/frontend/metadata/environment.go`, Drone runner-go `environ/environ.go` (both also
//! recorded, see `tests/fixtures/ci`), GitHub "Default environment variables", GitLab "Predefined CI/CD variables",
//! Jenkins "Using environment variables".

use super::proposed::is_signed;
use crate::environment::Environment;

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Woodpecker. It also sets copies of Drone's variables, but never `DRONE`.
    Woodpecker,
    /// Drone.
    Drone,
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Jenkins.
    Jenkins,
}

impl System {
    /// Returns its name as it stands in tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Woodpecker => "woodpecker",
            Self::Drone => "drone",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Jenkins => "jenkins",
        }
    }

    /// Tells which one runs us.
    fn of(environment: &Environment) -> Option<Self> {
        let is = |name: &str, value: &str| environment.get(name) == Some(value);
        if is("CI", "woodpecker") || is("CI_SYSTEM_NAME", "woodpecker") {
            Some(Self::Woodpecker)
        } else if is("DRONE", "true") {
            Some(Self::Drone)
        } else if is("GITHUB_ACTIONS", "true") {
            Some(Self::GitHub)
        } else if is("GITLAB_CI", "true") {
            Some(Self::GitLab)
        } else {
            environment.get("JENKINS_URL").map(|_| Self::Jenkins)
        }
    }

    /// Returns the variables that hold a fact, the best first.
    fn names(self, fact: Fact) -> &'static [&'static str] {
        match (self, fact) {
            (Self::Woodpecker, Fact::Number) => &["CI_PIPELINE_NUMBER"],
            (Self::Woodpecker, Fact::Event) => &["CI_PIPELINE_EVENT"],
            (Self::Woodpecker, Fact::Link) => &["CI_PIPELINE_URL"],
            (Self::Woodpecker, Fact::Author) => &["CI_COMMIT_AUTHOR"],
            (Self::Woodpecker | Self::GitLab, Fact::Commit) => &["CI_COMMIT_SHA"],
            (Self::Woodpecker | Self::GitLab, Fact::Tag) => &["CI_COMMIT_TAG"],
            (Self::Woodpecker, Fact::Repo) => &["CI_REPO"],
            (Self::Drone, Fact::Number) => &["DRONE_BUILD_NUMBER"],
            (Self::Drone, Fact::Commit) => &["DRONE_COMMIT_SHA", "DRONE_COMMIT", "DRONE_COMMIT_AFTER"],
            (Self::Drone, Fact::Tag) => &["DRONE_TAG"],
            (Self::Drone, Fact::Event) => &["DRONE_BUILD_EVENT"],
            // `CI_REPO_NAME` is the whole name here, and the last part of it in Woodpecker.
            (Self::Drone, Fact::Repo) => &["DRONE_REPO"],
            (Self::Drone, Fact::Link) => &["DRONE_BUILD_LINK"],
            (Self::Drone, Fact::Author) => &["DRONE_COMMIT_AUTHOR"],
            (Self::GitHub, Fact::Number) => &["GITHUB_RUN_NUMBER"],
            (Self::GitHub, Fact::Commit) => &["GITHUB_SHA"],
            (Self::GitHub, Fact::Event) => &["GITHUB_EVENT_NAME"],
            (Self::GitHub, Fact::Repo) => &["GITHUB_REPOSITORY"],
            (Self::GitHub, Fact::Author) => &["GITHUB_ACTOR"],
            // Both are put together from several variables.
            (Self::GitHub, Fact::Link | Fact::Tag) => &[],
            (Self::GitLab, Fact::Number) => &["CI_PIPELINE_IID"],
            (Self::GitLab, Fact::Event) => &["CI_PIPELINE_SOURCE"],
            (Self::GitLab, Fact::Repo) => &["CI_PROJECT_PATH"],
            (Self::GitLab, Fact::Link) => &["CI_JOB_URL", "CI_PIPELINE_URL"],
            (Self::GitLab, Fact::Author) => &["GITLAB_USER_LOGIN"],
            (Self::Jenkins, Fact::Number) => &["BUILD_NUMBER"],
            (Self::Jenkins, Fact::Commit) => &["GIT_COMMIT"],
            (Self::Jenkins, Fact::Tag) => &["TAG_NAME"],
            // Set for builds of a change alone, with its number.
            (Self::Jenkins, Fact::Event) => &["CHANGE_ID"],
            (Self::Jenkins, Fact::Repo) => &["JOB_NAME"],
            (Self::Jenkins, Fact::Link) => &["BUILD_URL"],
            (Self::Jenkins, Fact::Author) => &["CHANGE_AUTHOR"],
        }
    }
}

#[derive(Clone, Copy)]
enum Fact {
    Number,
    Commit,
    Tag,
    Event,
    Repo,
    Link,
    Author,
}

/// What the CI system says about the build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The CI system; `None` on a person's machine.
    pub system: Option<System>,
    /// The number of the build, from 1.
    pub number: Option<u64>,
    /// The commit, in lower-case hex.
    pub commit: Option<String>,
    /// The tag in the repository, if one is built.
    pub tag: Option<String>,
    /// What started the build: `push`, `pull_request`, `tag`, `promote` and others.
    pub event: Option<String>,
    /// The repository.
    pub repo: Option<String>,
    /// The address of the build.
    pub link: Option<String>,
    /// Who made the commit, or started the build.
    pub author: Option<String>,
    /// Whether a variable says that a pull request is built, whatever the event.
    pub signed: bool,
}

impl Build {
    /// Reads the variables of the system that runs us.
    pub fn of(environment: &Environment) -> Self {
        let signed = is_signed(environment);
        let Some(system) = System::of(environment) else { return Self { signed, ..Self::default() } };
        let get = |fact| {
            let value = system.names(fact).iter().find_map(|name| environment.get(name));
            value.map(plain)
        };
        let github = |name: &str| environment.get(name).filter(|_| system == System::GitHub).map(plain);
        let run = || {
            let (server, repo) = (github("GITHUB_SERVER_URL")?, github("GITHUB_REPOSITORY")?);
            Some(format!("{server}/{repo}/actions/runs/{}", github("GITHUB_RUN_ID")?))
        };
        let tag = || github("GITHUB_REF")?.strip_prefix("refs/tags/").map(str::to_owned);
        Self {
            system: Some(system),
            // A local run of Drone calls itself build 0.
            number: get(Fact::Number).and_then(|text| text.parse().ok()).filter(|number| *number > 0),
            commit: get(Fact::Commit)
                .map(|text| text.to_ascii_lowercase())
                .filter(|text| text.len() >= 7 && text.len() <= 64 && is_hex(text)),
            tag: get(Fact::Tag).or_else(tag),
            event: get(Fact::Event),
            repo: get(Fact::Repo),
            link: get(Fact::Link).or_else(run).filter(|link| is_link(link)),
            author: get(Fact::Author),
            signed,
        }
    }

    /// Whether it deploys what another build has made, so that its own number says nothing about the image.
    pub fn deploys_another(&self) -> bool {
        matches!(self.event.as_deref(), Some("promote" | "rollback" | "deployment"))
    }
}

/// Returns a value without what could steer a terminal, and not endless.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(500).collect()
}

fn is_link(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| host.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '['))
}

pub(super) fn is_hex(text: &str) -> bool {
    text.chars().all(|letter| matches!(letter, '0'..='9' | 'a'..='f'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An environment of these variables.
    pub(in crate::ci) fn environment(pairs: &[(&str, &str)]) -> Environment {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Environment { variables, ..Environment::default() }
    }

    /// A recorded environment.
    pub(in crate::ci) fn recorded(text: &str) -> Environment {
        let recording: serde_json::Value = serde_json::from_str(text).unwrap();
        let variables = serde_json::from_value(recording["env"].clone()).unwrap();
        Environment { variables, ..Environment::default() }
    }

    pub(in crate::ci) const DRONE: &str = include_str!("../../../tests/fixtures/ci/drone-1.9-docker.json");
    pub(in crate::ci) const WOODPECKER: &str =
        include_str!("../../../tests/fixtures/ci/woodpecker-3.17-local.json");

    #[test]
    fn recorded_builds_are_understood() {
        let build = Build::of(&recorded(WOODPECKER));
        assert_eq!(build.system, Some(System::Woodpecker), "it sets copies of Drone's variables, too");
        assert_eq!(build.number, Some(42));
        assert_eq!(build.commit.as_deref(), Some("0123456789abcdef0123456789abcdef01234567"));
        assert_eq!(build.event.as_deref(), Some("push"));
        assert!(build.link.is_some_and(|link| link.ends_with("/pipeline/42")));
        let build = Build::of(&recorded(DRONE));
        assert_eq!((build.system, build.number), (Some(System::Drone), None), "a local run is build 0");
        assert_eq!((build.link, build.commit), (None, None), "':////0' is no address");
    }

    #[test]
    fn each_system_says_it_in_its_own_way() {
        let sha = "0123456789ABCDEF0123456789abcdef01234567";
        let github = Build::of(&environment(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_RUN_NUMBER", "7"),
            ("GITHUB_RUN_ID", "99"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_SHA", sha),
            ("GITHUB_REF", "refs/tags/v1.2.3"),
            ("GITHUB_EVENT_NAME", "pull_request_target"),
        ]));
        assert_eq!(github.link.as_deref(), Some("https://github.com/o/r/actions/runs/99"));
        assert_eq!((github.number, github.tag.as_deref()), (Some(7), Some("v1.2.3")));
        assert!(github.is_pull_request());
        let gitlab = Build::of(&environment(&[
            ("GITLAB_CI", "true"),
            ("CI_PIPELINE_IID", "8"),
            ("CI_COMMIT_SHA", sha),
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ]));
        assert_eq!((gitlab.number, gitlab.is_pull_request()), (Some(8), true));
        assert_eq!(gitlab.commit, Some(sha.to_ascii_lowercase()));
        let jenkins = environment(&[("JENKINS_URL", "https://j"), ("BUILD_NUMBER", "9")]);
        assert_eq!((Build::of(&jenkins).number, Build::of(&jenkins).is_pull_request()), (Some(9), false));
        let change = environment(&[("JENKINS_URL", "https://j"), ("CHANGE_ID", "3")]);
        assert!(Build::of(&change).is_pull_request());
        let drone = environment(&[("DRONE", "true"), ("DRONE_BUILD_EVENT", "promote")]);
        assert!(Build::of(&drone).deploys_another() && !Build::of(&drone).is_pull_request());
        assert_eq!(
            Build::of(&environment(&[("BUILD_NUMBER", "9")])),
            Build::default(),
            "no system, no build"
        );
    }
}
