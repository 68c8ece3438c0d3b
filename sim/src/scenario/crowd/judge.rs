//! What a run said at its end, against what is in the store at that moment.

use serde_json::Value;

use crate::driver::Driver;
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::object::Key;
use crate::scenario::shop::{self, FORMER, NAME, NAMESPACE};
use crate::server::resources::find;
use crate::server::store::Entry;

/// How it was when a run began.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// The version of the store.
    pub(super) version: u64,
    /// The version that is not on trial, where that was clear.
    pub(super) former: Option<String>,
    /// Whether a version that fails may stay held.
    pub(super) keeps: bool,
}

/// What others did while a run was under way.
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Others {
    /// Other runs took the lock or changed the Deployment.
    ran: bool,
    /// Somebody changed the Deployment's template or settings.
    changed: bool,
    /// Somebody gave the Deployment another size, at least.
    sized: bool,
    /// The run wrote its lock after the last change by others.
    known: bool,
}

/// Whether a change of the Deployment is more than a new size or a new status.
fn is_change(entry: &Entry) -> bool {
    let without_size = |object: Option<&Value>| {
        let mut spec = object.map(|object| object["spec"].clone()).unwrap_or_default();
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("replicas");
        }
        spec
    };
    without_size(entry.before.as_deref()) != without_size(entry.after.as_deref())
}

fn others(driver: &Driver, run: usize, since: u64) -> Others {
    let mut others = Others::default();
    let store = &driver.server.store;
    if store.compacted() > since {
        return Others { ran: true, ..others };
    }
    let me = format!("run {run}");
    let deployments = find("apps", "v1", "deployments");
    let leases = find("coordination.k8s.io", "v1", "leases");
    let key = Key::new(NAMESPACE, NAME);
    for entry in store.since(since) {
        let lock = Some(entry.resource) == leases;
        let deployment = Some(entry.resource) == deployments && entry.key == key;
        let generation =
            |object: Option<&Value>| object.map(|object| object["metadata"]["generation"].clone());
        others.sized |= deployment
            && entry.by != me
            && generation(entry.before.as_deref()) != generation(entry.after.as_deref());
        match (entry.by == me, entry.by.starts_with("run ")) {
            (true, _) => others.known |= lock,
            (false, true) => others.ran |= lock || deployment && is_change(entry),
            (false, false) if deployment && is_change(entry) => {
                others.changed = true;
                others.known = false;
            }
            (false, false) => {}
        }
    }
    others
}

/// A count that cannot be: there are some of none.
fn is_of_none(line: &str) -> bool {
    line.split_once(" of 0 ").is_some_and(|(before, _)| {
        let number = before.rsplit(' ').next().and_then(|word| word.parse::<u32>().ok());
        number.is_some_and(|number| number > 0)
    })
}

/// Compares exit code and sentences of a run with the store.
pub(super) fn judge(driver: &mut Driver, run: usize, begun: &Begun) {
    let Some(told) = driver.runs.get(run) else { return };
    let Some(End::Code(code)) = told.end else { return };
    let (words, printed) = (told.words.join(" "), told.printed());
    let others = others(driver, run, begun.version);
    let deployment = shop::deployment(driver);
    let (held, image) = (ending::is_held(&deployment), shop::image(&deployment));
    let error = printed.stderr.lines().find(|line| line.starts_with("error")).unwrap_or_default();
    let former = begun.former.as_deref();
    let alone = !others.ran && !others.changed;
    let mut why = Vec::new();
    if alone && error.contains("the former version is back") && former.is_some_and(|it| held || it != image) {
        why.push("the former version is not back".to_owned());
    }
    let back = former == Some(image) && others.changed && others.known && !others.ran && !begun.keeps;
    if code == 1 && held && back {
        why.push("the hold is left on the version that somebody put back".to_owned());
    }
    if is_of_none(error) {
        why.push(format!("it waited for what cannot be: {error}"));
    }
    for why in why {
        driver.breaks("what was said is true", format!("'{words}' ended with {code}, and {why}"));
    }
    // It goes by generations, and each new size makes one.
    if alone && !others.sized && former == Some(FORMER) {
        ending::check(driver, run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_none_cannot_be() {
        assert!(is_of_none("error: not done within 10m: 2 of 0 canary pods Ready; what is there"));
        assert!(!is_of_none("error: not done within 10m: 0 of 0 canary pods Ready; what is there"));
        assert!(!is_of_none("error: not done within 10m: 1 of 2 canary pods Ready"));
    }
}
