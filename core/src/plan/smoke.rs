//! Tests of the user's own against the new version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Plan, Step};
use crate::brief;
use crate::error::Error;
use crate::model::ObjectName;
use crate::share::Size;
use crate::traffic::Role;
use crate::words::typed;

/// The longest that is told of a command, in letters.
const TOLD: usize = 120;

/// A test against the new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmokeTest {
    /// A program of the machine of the run, with its arguments. It passes if it ends with exit code 0.
    Command(Vec<String>),
}

impl SmokeTest {
    /// Returns the program that is run on the machine of the run.
    pub fn program(&self) -> &str {
        match self {
            Self::Command(words) => words.first().map_or("", String::as_str),
        }
    }

    /// Returns what of it no command line could have asked for.
    pub fn oddity(&self) -> Option<String> {
        self.program().is_empty().then(|| "a test that runs nothing".to_owned())
    }

    /// Says that a plan has it, and the command line does not: whoever may write the Lease must not have this machine run a
    /// program. `verb`: what made the plan.
    pub fn not_named(&self, id: &ObjectName, verb: &str) -> Error {
        Error::refused(format!(
            "the plan of {id} runs {self}, and only a command line that names a program may run it"
        ))
        .next(Self::again(id, verb))
        .next(id.command("abort"))
    }

    /// Returns what goes on with a run that has tests. `verb`: what began it.
    pub fn again(id: &ObjectName, verb: &str) -> String {
        format!("{} (again as it was, with --verify-command)", id.command(verb))
    }
}

impl FromStr for SmokeTest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match shlex::split(text) {
            Some(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                Ok(Self::Command(words))
            }
            Some(_) => Err("there is no program in it: write for example './smoke.sh --fast'".to_owned()),
            None => Err(format!("'{text}' has a quote or a backslash without its end")),
        }
    }
}

impl fmt::Display for SmokeTest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => formatter.write_str(&brief::line(&typed(words), TOLD)),
        }
    }
}

impl Step {
    /// Returns the test that it runs, if it runs one.
    pub const fn test(&self) -> Option<&SmokeTest> {
        if let Self::Smoke { test } = self { Some(test) } else { None }
    }
}

impl Plan {
    /// Returns the share of the traffic in percent that the new version was given before the step at `index`; `None` where only
    /// the number of its pods says it.
    pub fn share_before(&self, index: usize) -> Option<u8> {
        let said = |step: &Step| match step {
            Step::Route { split, .. } => Some(Some(split.canary.unwrap_or(0))),
            Step::Hold { size: Size::Weight(weight), .. } => Some(Some(*weight)),
            Step::Hold { size: Size::Routed { .. }, .. } | Step::Publish { role: Role::Preview } => {
                Some(Some(0))
            }
            Step::Hold { size: Size::Pods(_), .. } => Some(None),
            Step::AwaitRollout => Some(Some(100)),
            Step::Stop
            | Step::AwaitCanary
            | Step::Soak { .. }
            | Step::Update { .. }
            | Step::Follow { .. }
            | Step::Release
            | Step::Restore
            | Step::AwaitStable
            | Step::Publish { .. }
            | Step::Own { .. }
            | Step::Pin { .. }
            | Step::Withdraw
            | Step::Freeze
            | Step::Verify { .. }
            | Step::Smoke { .. }
            | Step::Fault { .. } => None,
        };
        self.steps.iter().take(index).rev().find_map(said).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DEPLOYMENT;
    use crate::share::Stable;

    fn test(line: &str) -> SmokeTest {
        line.parse().unwrap()
    }

    #[test]
    fn a_command_is_split_without_a_shell() {
        let words = |line: &str| match test(line) {
            SmokeTest::Command(words) => words,
        };
        assert_eq!(words("./smoke.sh --name 'a b' $HOME"), ["./smoke.sh", "--name", "a b", "$HOME"]);
        let wrong = |line: &str| line.parse::<SmokeTest>().unwrap_err();
        insta::assert_snapshot!(wrong("  "), @"there is no program in it: write for example './smoke.sh --fast'");
        insta::assert_snapshot!(wrong("'' a"), @"there is no program in it: write for example './smoke.sh --fast'");
        insta::assert_snapshot!(wrong("./smoke 'a"), @"'./smoke 'a' has a quote or a backslash without its end");
        let step = Step::Smoke { test: test("./smoke.sh --name 'a b'") };
        assert_eq!(step.title(DEPLOYMENT.names()), "test the new version: ./smoke.sh --name 'a b'");
        let written =
            serde_json::json!({"step": "smoke", "test": {"command": ["./smoke.sh", "--name", "a b"]}});
        assert_eq!(serde_json::to_value(step).unwrap(), written);
    }

    #[test]
    fn the_share_before_a_test_is_what_was_last_asked_for() {
        let hold = |size| Step::Hold { template: None, size, stable: Stable::Whole, changes: false };
        let smoke = || Step::Smoke { test: test("true") };
        let plan = Plan {
            steps: vec![
                smoke(),
                hold(Size::Weight(25)),
                Step::AwaitCanary,
                smoke(),
                hold(Size::Pods(3)),
                smoke(),
                Step::Publish { role: Role::Preview },
                smoke(),
                Step::AwaitRollout,
                smoke(),
            ],
        };
        let shares = [0, 3, 5, 7, 9].map(|index| plan.share_before(index));
        assert_eq!(shares, [None, Some(25), None, Some(0), Some(100)]);
    }
}
