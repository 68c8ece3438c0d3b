//! What must be so after a run, and in the end.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use serde_json::Value;

use super::acts::Foreign;
use super::shape::Wanted;
use super::{Routed, SETTLED, Verb, is_bad, pass};
use crate::acts::Act;
use crate::dataplane::proxies::Shared;
use crate::dataplane::shares::End as Where;
use crate::driver::Driver;
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::object::{Key, Kind};
use crate::scenario::PATIENCE;
use crate::scenario::shop::{self, NAMESPACE, Settings};
use crate::scenario::way_out::typed;
use crate::server::resources::of_kind;

impl Routed {
    /// What must be so when a run has ended by itself. `late`: others did something after its end.
    pub(super) async fn judge(&self, driver: &mut Driver, shared: &Shared, run: usize, late: bool) {
        let Some(End::Code(code)) = driver.runs.get(run).and_then(|run| run.end) else { return };
        if !self.does(|act| matches!(act, Foreign::Shop(act) if act.changes_version())) {
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
            // Where no other pod is Ready, nobody can be given the requests: a version that is only tried gets no more.
            && ready(driver).any(|pod| open || pod["spec"]["containers"][0]["image"] != self.image)
        {
            let why = format!(
                "run {run} ended with {code}, and {:.1} % of the requests fail: {why}",
                100.0 * share
            );
            driver.breaks("requests after a run", why);
        }
        let killed = self.kills.iter().any(|(of, _)| *of == run);
        let undisturbed = self.is_good() && !killed && !troubled;
        let scales = |act: &Foreign| matches!(act, Foreign::Shop(Act::Scale(size)) if *size > 0);
        if run == 0 && undisturbed && !self.does(|act| !act.is_harmless() && !scales(act)) && code != 0 {
            driver.breaks("a good version", format!("the first run ends with {code}"));
        }
        let alone = undisturbed && !self.does(|act| !act.is_harmless());
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
        let before = in_vain(driver, shared);
        if before.is_empty() || !ending::is_held(&shop::deployment(driver)) {
            return;
        }
        let run = driver.start(&typed("status"));
        let end = driver.end_of(run, PATIENCE).await;
        let printed = driver.runs.get(run).map(|run| run.printed().stdout).unwrap_or_default();
        let after = in_vain(driver, shared);
        let mut lasting = before.intersection(&after);
        if end == Some(End::Code(0)) && !printed.contains("these fail") && lasting.next().is_some() {
            driver.breaks("status names the danger", format!("{before:?}, and it says {printed}"));
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

/// Where requests go in vain, and not only until the proxies know of a pod that has just become Ready.
fn in_vain(driver: &Driver, shared: &Shared) -> BTreeSet<Where> {
    let plane = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let lasts = |end: &Where| match end {
        Where::NoEndpoint(service) => !has_ready(driver, service),
        Where::Pod(_) | Where::NoService(_) | Where::NoBackend => true,
    };
    plane.in_vain().into_iter().filter(lasts).collect()
}

fn has_ready(driver: &Driver, service: &str) -> bool {
    let store = &driver.server.store;
    let service = of_kind(Kind::Service).and_then(|kind| store.get(kind, &Key::new(NAMESPACE, service)));
    let Some(selector) = service.and_then(|service| service["spec"]["selector"].as_object()) else {
        return false;
    };
    let is_its =
        |pod: &Value| selector.iter().all(|(label, value)| pod["metadata"]["labels"][label] == *value);
    ready(driver).any(is_its)
}

/// The pods that are Ready.
fn ready(driver: &Driver) -> impl Iterator<Item = &Value> {
    let pods = of_kind(Kind::Pod).into_iter().flat_map(|kind| driver.server.store.all(kind));
    pods.map(|(_, pod)| pod.as_ref()).filter(|pod| {
        let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
    })
}
