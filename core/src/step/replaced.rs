//! Whether the version that a run tries is still the one that is tried: others may have put another in its place, or ended it.

use serde_json::Value;

use crate::error::{Error, Kind};
use crate::model::{images, same_template};
use crate::situation::Situation;
use crate::traffic::Role;

/// Returns why a canary that is held cannot go on: another client ended it.
pub(super) fn ended(situation: &Situation<'_>, wanted: Option<&Value>) -> Option<Error> {
    if situation.hold.is_none() {
        return Some(no_longer_held(situation));
    }
    // Who brings another version replaces whatever is held.
    if wanted.is_some_and(|wanted| !same_template(wanted, &situation.workload().spec.template)) {
        return None;
    }
    // Who names the one that took its place means that one.
    superseded(situation).filter(|_| wanted.is_none()).or_else(|| taken_back(situation))
}

/// Returns why the version that is tried must get no request: its pods make room for those of a third one, or of the stable
/// one.
pub(super) fn replaced(situation: &Situation<'_>) -> Option<Error> {
    superseded(situation).or_else(|| taken_back(situation)).or_else(|| left(situation))
}

fn next(situation: &Situation<'_>, verb: &str) -> String {
    situation.workload().id().command(verb)
}

fn superseded(situation: &Situation<'_>) -> Option<Error> {
    let id = situation.workload().id();
    situation.is_superseded().then(|| {
        let images = images(&situation.workload().spec.template).join(", ");
        Error::new(
            Kind::VersionFailed,
            format!(
                "another client replaced the canary of {id} by a third version ({images}); stable pods are untouched"
            ),
        )
        .next(next(situation, "status"))
    })
}

fn taken_back(situation: &Situation<'_>) -> Option<Error> {
    let id = situation.workload().id();
    situation.is_taken_back().then(|| {
        let message = format!("the stable template of {id} was put back by another client");
        Error::new(Kind::VersionFailed, message).next(next(situation, "abort"))
    })
}

/// Whoever applies a whole manifest brings the template back and takes the hold off at once. Once a promotion has taken it
/// off, the version of the canary's Service is the live one.
fn left(situation: &Situation<'_>) -> Option<Error> {
    let traffic = situation.observed.traffic.as_ref()?;
    let is_live = situation.is_of_live(&Role::Canary.service(&traffic.service));
    (situation.hold.is_none() && is_live == Some(false)).then(|| no_longer_held(situation))
}

fn no_longer_held(situation: &Situation<'_>) -> Error {
    let id = situation.workload().id();
    Error::new(Kind::VersionFailed, format!("{id} is no longer held: another client ended the canary"))
        .next(next(situation, "status"))
}
