//! Looks at the hypothesis.

use tokio::time::{Instant, sleep};

use super::activity::Ended;
use super::{Place, TICK};
use crate::experiment::{Activity, Provider, SteadyState, shown};
use std::time::Duration;

/// What a look came to.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) probes: Vec<Ended>,
}

impl Look {
    /// Whether all of it held.
    pub(super) fn holds(&self) -> bool {
        self.probes.iter().all(Ended::is_well)
    }

    /// Returns what did not hold.
    pub(super) fn broken(&self) -> Option<String> {
        let ended = self.probes.iter().find(|ended| !ended.is_well())?;
        let name = ended.run.activity["name"].as_str().unwrap_or("a probe");
        let why = match &ended.why {
            Some(why) => why.text().to_owned(),
            None => format!("its output is {}", shown(&ended.run.output)),
        };
        Some(format!("{}: {why}", crate::brief::line(name, 80)))
    }

    pub(super) fn state(&self) -> SteadyState {
        let probes = self.probes.iter().map(|ended| ended.run.clone()).collect();
        SteadyState { steady_state_met: (!self.probes.is_empty()).then(|| self.holds()), probes }
    }
}

/// Whether users would notice it: whatever asks from outside. What asks the API server for pods is about the pods, which a fault
/// takes away on purpose.
pub(super) fn is_of_users(probe: &Activity) -> bool {
    match &probe.provider {
        Provider::Http(_) | Provider::Process(_) => true,
        Provider::Function(call) => call.module.starts_with("chaosprometheus"),
    }
}

impl Place<'_> {
    fn probes(&self) -> &[Activity] {
        self.experiment.hypothesis.as_ref().map_or(&[], |hypothesis| &hypothesis.probes)
    }

    /// Whether something is asked at all.
    pub(super) fn has_probes(&self) -> bool {
        !self.probes().is_empty()
    }

    /// Looks at all of it once, one after the other. All are tried; Chaos Toolkit ends at the first that does not hold.
    pub(super) async fn look(&self) -> Look {
        let mut probes: Vec<Ended> = Vec::new();
        for probe in self.probes() {
            if self.strict && probes.iter().any(|ended| !ended.is_well()) {
                break;
            }
            probes.push(self.play(probe).await);
        }
        Look { probes }
    }

    /// Looks until all of it holds, for so long at most. What users would notice has to hold at once. Returns the last look, and
    /// how long it took.
    pub(super) async fn look_until(&self, patience: Duration) -> (Look, Duration) {
        let begin = Instant::now();
        loop {
            let look = self.look().await;
            let is_final = self
                .probes()
                .iter()
                .zip(&look.probes)
                .any(|(probe, ended)| is_of_users(probe) && !ended.is_well());
            if look.holds() || is_final || begin.elapsed() >= patience {
                return (look, begin.elapsed());
            }
            sleep(TICK).await;
        }
    }

    /// Looks every second at what users would notice, until it does not hold. Never returns otherwise.
    pub(super) async fn watch(&self) -> Look {
        loop {
            sleep(TICK).await;
            let mut probes = Vec::new();
            for probe in self.probes().iter().filter(|probe| is_of_users(probe)) {
                probes.push(self.play(probe).await);
            }
            let look = Look { probes };
            if !look.holds() {
                return look;
            }
        }
    }
}
