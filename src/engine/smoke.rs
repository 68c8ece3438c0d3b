//! Runs tests of the user's own against the new version.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Engine;
use super::verify::SIGN_OF_LIFE;
use crate::error::{Error, Kind};
use crate::health::Failure;
use crate::plan::SmokeTest;
use crate::scrub::Scrubber;
use crate::situation::Situation;
use crate::step;

/// How often it is seen to meanwhile that the run is still ours.
const BEAT: Duration = Duration::from_secs(1);
/// So many of the last lines that a test printed are told.
const LINES: usize = 20;

impl Engine<'_> {
    /// Returns why the new version failed, if its test does, and that matters. `share`: its percentage of the traffic.
    pub(super) async fn smoke(
        &mut self,
        test: &SmokeTest,
        share: Option<u8>,
    ) -> Result<Option<Failure>, Error> {
        let failure = self.tested(test, share).await?;
        self.minded(failure).await
    }

    async fn tested(&mut self, test: &SmokeTest, share: Option<u8>) -> Result<Option<Failure>, Error> {
        if !self.cluster.names(test) {
            let verb = self.lock.journal().map_or("canary", |journal| journal.verb.name());
            return Err(test.not_named(&self.id, verb));
        }
        let observed = self.reread_version().await?;
        let situation = Situation::of(&observed);
        let variables = step::variables(&situation, share);
        let cluster = self.cluster;
        let mut told = Instant::now();
        let mut run = pin!(cluster.test(test, variables, self.options.timeout));
        let tested = loop {
            tokio::select! {
                biased;
                tested = &mut run => break tested,
                () = self.stop.received() => {
                    return Err(self.interrupted("stopped by a signal", Kind::Interrupted));
                }
                () = sleep(BEAT) => self.lock.confirm(cluster).await?,
            }
            if told.elapsed() >= SIGN_OF_LIFE {
                told = Instant::now();
                self.note(&format!("waiting for {test}"));
            }
        };
        let tested = match tested {
            Ok(tested) => tested,
            Err(why) => {
                return Err(self.interrupted(&format!("{test} {why}"), Kind::Infrastructure));
            }
        };
        let Some(how) = tested.failure else {
            self.note(&format!("{test} passed"));
            return Ok(None);
        };
        let lines = Scrubber::new(&observed.workload.spec.template).lines(tested.said.lines());
        let lines: Vec<&str> =
            lines.iter().map(|line| line.trim_end()).filter(|line| !line.is_empty()).collect();
        for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
            self.note(&format!("{}: {line}", test.program()));
        }
        let last = lines.last().map(|line| format!(": {line}")).unwrap_or_default();
        Ok(Some(Failure::wrong_answer(format!("{test} {how}{last}"), Vec::new())))
    }
}
