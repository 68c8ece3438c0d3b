//! Settings that say one thing together, and settings that contradict each other.

use crate::ci::Settings;
use crate::error::Error;
use crate::model::Strategy;

/// Which part of the settings a command is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them.
    Whole,
    /// Those that say how manifests are applied.
    Manifests,
    /// Those that say how a Deployment is rolled out.
    Rollout,
}

/// Returns the arguments that settings become, as far as they are of a part.
pub(super) fn arguments(settings: &Settings, part: Part) -> Result<Vec<String>, Error> {
    let redundant = repeats_a_step(settings)?;
    let mut arguments = settings.arguments(|of| match part {
        Part::Whole => true,
        Part::Manifests => of.is_of_manifests(),
        Part::Rollout => of.is_of_rollouts(),
    })?;
    arguments.retain(|argument| !(redundant && argument.starts_with("--weight=")));
    Ok(arguments)
}

/// Whether `weight` only repeats the first of `steps`.
fn repeats_a_step(settings: &Settings) -> Result<bool, Error> {
    let steps = settings.list("steps")?;
    let (Some(weight), Some(first)) = (settings.text("weight"), steps.first()) else { return Ok(false) };
    let plain = |text: &str| text.trim().trim_end_matches('%').trim().to_owned();
    if plain(weight) == plain(first) {
        return Ok(true);
    }
    let (one, other) = (settings.spelled("weight"), settings.spelled("steps"));
    Err(Error::usage(format!(
        "settings {one} and {other}: the first share is {} by {one} and {} by {other}",
        weight.trim(),
        first.trim()
    ))
    .next(format!("leave {one} out: {other} has all shares")))
}

/// Returns the setting that names manifests, as it is spelled; `None` if there are none.
pub(super) fn manifests(settings: &Settings) -> Option<&str> {
    let given = ["manifests", "kustomize"].into_iter().find(|name| settings.text(name).is_some());
    given.map(|name| settings.spelled(name))
}

/// Refuses what is of one Deployment where manifests alone are named.
pub(super) fn check_without_deployment(settings: &Settings, strategy: Strategy) -> Result<(), Error> {
    let Some(manifests) = manifests(settings) else { return Ok(()) };
    let needs_one = |what: &str| {
        Err(Error::usage(format!(
            "settings {what} and {manifests}: it is not said which Deployment of the manifests is meant"
        ))
        .next("deployment: NAME, beside them"))
    };
    let given = [
        "image",
        "repo",
        "steps",
        "verify",
        "verify_command",
        "auto_promote",
        "canary_replicas",
        "pin_digest",
    ];
    if let Some(given) = given.into_iter().find(|name| settings.text(name).is_some()) {
        return needs_one(settings.spelled(given));
    }
    match strategy {
        Strategy::BlueGreen => needs_one("strategy: blue-green"),
        Strategy::Canary | Strategy::Rolling => Ok(()),
    }
}
