//! Whether a build is of what is only proposed: whoever may not deploy may have written it, or started it.

use super::build::{Build, System};
use crate::environment::Environment;

/// Events of GitHub that anybody can cause in a public repository ("Events that trigger workflows"); a `workflow_run` may
/// follow the workflow of a pull request.
const BY_ANYBODY: [&str; 8] = [
    "workflow_run",
    "issue_comment",
    "issues",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "watch",
];

/// Variables that are there for a pull request alone, with the value that says that there is none. They count whatever
/// the system, also where it is none that we know.
const SIGNS: [(&str, &str); 14] = [
    ("CI_MERGE_REQUEST_IID", ""),
    ("CI_EXTERNAL_PULL_REQUEST_IID", ""),
    ("CHANGE_ID", ""),
    ("ghprbPullId", ""),
    ("gitlabMergeRequestIid", ""),
    ("SYSTEM_PULLREQUEST_PULLREQUESTID", ""),
    ("CIRCLE_PULL_REQUEST", ""),
    ("TRAVIS_PULL_REQUEST", "false"),
    ("BITBUCKET_PR_ID", ""),
    ("BUILDKITE_PULL_REQUEST", "false"),
    ("APPVEYOR_PULL_REQUEST_NUMBER", ""),
    ("CIRRUS_PR", ""),
    ("SEMAPHORE_GIT_PR_NUMBER", ""),
    ("PULL_NUMBER", ""),
];

/// Whether a variable says that a pull request is built.
pub(super) fn is_signed(environment: &Environment) -> bool {
    SIGNS.iter().any(|(name, none)| environment.get(name).is_some_and(|value| value != *none))
}

impl Build {
    /// Returns what proposes the change: "a pull request"; `None` for a build that may deploy.
    pub fn proposed_by(&self) -> Option<String> {
        let event = self.event.as_deref().unwrap_or_default();
        let is_request = self.signed
            || event.starts_with("pull_request")
            || event.starts_with("merge_request")
            || event == "external_pull_request_event";
        if is_request {
            return Some("a pull request".into());
        }
        let is_open = self.system == Some(System::GitHub) && BY_ANYBODY.contains(&event);
        is_open.then(|| format!("a build of the event {event}, which anybody may cause,"))
    }

    /// Whether it builds what is only proposed.
    pub fn is_pull_request(&self) -> bool {
        self.proposed_by().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::build::tests::environment;

    fn by(pairs: &[(&str, &str)]) -> Option<String> {
        Build::of(&environment(pairs)).proposed_by()
    }

    #[test]
    fn what_anybody_may_cause_is_proposed() {
        let github = |event| by(&[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", event)]);
        for event in ["pull_request", "pull_request_target", "pull_request_review"] {
            assert_eq!(github(event).as_deref(), Some("a pull request"), "{event}");
        }
        for event in ["workflow_run", "issue_comment", "issues", "discussion_comment"] {
            let whose = github(event).unwrap();
            assert_eq!(whose, format!("a build of the event {event}, which anybody may cause,"));
        }
        for event in ["push", "workflow_dispatch", "schedule", "release", "deployment"] {
            assert_eq!(github(event), None, "{event}");
        }
    }

    #[test]
    fn a_pull_request_is_known_whatever_the_system() {
        for (name, value) in [
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", "7"),
            ("TRAVIS_PULL_REQUEST", "7"),
            ("BUILDKITE_PULL_REQUEST", "7"),
            ("BITBUCKET_PR_ID", "7"),
        ] {
            assert!(by(&[("CI", "true"), (name, value)]).is_some(), "{name}");
        }
        // The child pipeline of a merge request has another event.
        let child =
            [("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "parent_pipeline"), ("CI_MERGE_REQUEST_IID", "7")];
        assert!(by(&child).is_some());
        for (name, value) in
            [("TRAVIS_PULL_REQUEST", "false"), ("BUILDKITE_PULL_REQUEST", "false"), ("CI", "true")]
        {
            assert_eq!(by(&[(name, value)]), None, "{name}");
        }
    }
}
