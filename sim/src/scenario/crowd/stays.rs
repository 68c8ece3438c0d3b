//! What a run has left held stays as it was told, until somebody does something.

use std::collections::BTreeMap;

use crate::driver::Driver;
use crate::driver::runs::End;
use crate::invariants::ending::{self, by_others};
use crate::object::Kind;
use crate::scenario::shop;
use crate::server::resources::of_kind;

/// What a run has left.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// Which one.
    run: usize,
    /// The version of the store at its end.
    version: u64,
    /// How many pods each ReplicaSet was to have.
    sizes: BTreeMap<String, u64>,
}

fn sizes(driver: &Driver) -> BTreeMap<String, u64> {
    let sets = of_kind(Kind::ReplicaSet).into_iter().flat_map(|sets| driver.server.store.all(sets));
    sets.map(|(key, set)| (key.name.clone(), set["spec"]["replicas"].as_u64().unwrap_or(0))).collect()
}

impl Left {
    /// Looks at what a run that has just ended well left; nothing if it holds nothing.
    pub(super) fn by(driver: &Driver, run: usize) -> Option<Self> {
        let told = driver.runs.get(run)?;
        let holds = matches!(told.words.first()?.as_str(), "canary" | "blue-green" | "resume");
        let is_held = told.end == Some(End::Code(0)) && ending::is_held(&shop::deployment(driver));
        let version = driver.server.store.version();
        (holds && is_held).then(|| Self { run, version, sizes: sizes(driver) })
    }

    /// Looks at it again, a while later.
    pub(super) fn check(&self, driver: &mut Driver) {
        // Its own writes may be late.
        let nobody = driver.runs.len();
        let store = &driver.server.store;
        if store.compacted() > self.version || by_others(driver, nobody, self.version).next().is_some() {
            return;
        }
        driver.seen.look("what was said is true");
        let now = sizes(driver);
        if now != self.sizes {
            let why = format!("run {} left {:?} held, and it became {now:?} by itself", self.run, self.sizes);
            driver.breaks("what was said is true", why);
        }
    }
}
