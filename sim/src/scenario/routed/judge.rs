//! What must be so after a run, and in the end.

use std::sync::PoisonError;

use super::acts::Foreign;
use super::shape::Wanted;
use super::{Routed, SETTLED, Verb, is_bad, pass};
use crate::acts::Act;
use crate::dataplane::proxies::Shared;
use crate::driver::Driver;
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::scenario::PATIENCE;
use crate::scenario::shop::{self, Settings};
use crate::scenario::way_out::typed;

impl Routed {
    /// What must be so when a run has ended by itself. `late`: others did something after its end.
    pub(super) async fn judge(&self, driver: &mut Driver, shared: &Shared, run: usize, late: bool) {
        let Some(End::Code(code)) = driver.runs.get(run).and_then(|run| run.end) else { return };
        if !self.does(|act| matches!(act, Foreign::Shop(Act::ThirdVersion(_) | Act::Undo | Act::Restart))) {
            ending::check(driver, run);
        }
        pass(driver, SETTLED).await;
        let troubled = self.faults.iter().any(|fault| fault.run == run) || late;
        let (failing, routed, open) = {
            let plane = shared.lock().unwrap_or_else(PoisonError::into_inner);
            (plane.failing(), plane.routed(), plane.is_open())
        };
        if let Some((share, why)) = failing
            && !troubled
            && !self.image.ends_with("-late")
            && (!open || self.asked_kept())
        {
            let why = format!(
                "run {run} ended with {code}, and {:.1} % of the requests fail: {why}",
                100.0 * share
            );
            driver.breaks("requests after a run", why);
        }
        let calm = !self.does(|act| !act.is_harmless());
        let alone = calm && self.is_good() && !self.kills.iter().any(|(of, _)| *of == run) && !troubled;
        if run == 0 && alone && code != 0 {
            driver.breaks("a good version", format!("the first run ends with {code}"));
        }
        if let Verb::Canary { steps, promote: false, .. } = &self.verb
            && run == 0
            && code == 0
            && alone
        {
            let asked = f64::from(steps.last().copied().unwrap_or_default());
            if routed.iter().any(|share| (share - asked).abs() > 1e-6) {
                driver.breaks(
                    "share of requests",
                    format!("{asked} % were asked for, and the new version gets {routed:?}"),
                );
            }
        }
    }

    fn asked_kept(&self) -> bool {
        self.settings.replicas > self.settings.missing() && self.is_good() && !self.does(is_bad)
    }

    /// Where requests fail, and nobody is there to mend it, `status` says so.
    pub(super) async fn warned(&self, driver: &mut Driver, shared: &Shared) {
        let failing = shared.lock().unwrap_or_else(PoisonError::into_inner).failing();
        if failing.is_none() || !ending::is_held(&shop::deployment(driver)) {
            return;
        }
        let run = driver.start(&typed("status"));
        let end = driver.end_of(run, PATIENCE).await;
        let printed = driver.runs.get(run).map(|run| run.printed().stdout).unwrap_or_default();
        if end == Some(End::Code(0)) && !printed.contains("these fail") {
            driver.breaks("status names the danger", format!("{failing:?}, and it says {printed}"));
        }
    }

    /// Nothing of ours may be left, nothing of others' be lost, and the cluster comes to rest.
    pub(super) async fn close(
        &self,
        driver: &mut Driver,
        shared: &Shared,
        settings: &Settings,
        wanted: &Wanted,
    ) {
        let deployment = shop::deployment(driver);
        for why in ending::leftovers(&deployment, settings) {
            driver.breaks("nothing is left", why);
        }
        for why in wanted.lost(driver) {
            driver.breaks("nothing is left", why);
        }
        if !shop::image(&deployment).ends_with("-good") {
            return;
        }
        shop::rest(driver).await;
        pass(driver, SETTLED).await;
        let failing = shared.lock().unwrap_or_else(PoisonError::into_inner).failing();
        if let Some((share, why)) = failing {
            driver.breaks(
                "requests after a run",
                format!("{:.1} % of the requests fail in the end: {why}", 100.0 * share),
            );
        }
    }
}
