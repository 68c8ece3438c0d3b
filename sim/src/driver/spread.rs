//! How others learn that something changed: each at its time.

use super::Driver;
use super::agenda::Due;
use crate::invariants::Broken;

impl Driver {
    /// Lets all know that something changed, each at its time, and looks whether all that must hold still does.
    pub(super) fn spread(&mut self) {
        let Self { server, desks, watches, draw, pace, agenda, begin, .. } = self;
        let entries = server.store.since(self.spread);
        let Some(last) = entries.last() else { return };
        self.spread = last.version;
        let at = begin.elapsed();
        for entry in entries {
            for (number, desk) in desks.iter_mut().enumerate() {
                let watches =
                    || entry.resource.seen_as.is_some_and(|kind| desk.controller.watches().contains(&kind));
                if !desk.awaits && watches() {
                    desk.awaits = true;
                    let lag = pace.controllers.get(number).map_or(0..=1, |pace| pace.0.clone());
                    agenda.enter(at + draw.millis(lag), Due::Cache(number));
                }
            }
            for (id, watch) in watches.iter_mut().filter(|(_, watch)| !watch.awaits && watch.is_about(entry))
            {
                watch.awaits = true;
                agenda.enter(at + draw.millis(pace.watch.clone()), Due::Tell(*id));
            }
        }
        for entry in entries {
            for invariant in &mut self.invariants {
                self.seen.look(invariant.name());
                if let Err(why) = invariant.look(&server.store, entry) {
                    self.trace.tell(at, || format!("BROKEN {}: {why}", invariant.name()));
                    self.broken.push(Broken { name: invariant.name(), at, why });
                }
            }
        }
    }
}
