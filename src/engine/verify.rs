//! Asks the new version through its preview, by way of the API server: nothing in the cluster has to be reached.

use std::time::Duration;

use super::Engine;
use crate::error::Error;
use crate::health::{Class, Failure};
use crate::plan::Check;
use crate::traffic::Role;

const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

impl Engine<'_> {
    /// Returns why the new version failed, if some answer is not what it should be.
    pub(super) async fn verify(&mut self, checks: &[Check]) -> Result<Option<Failure>, Error> {
        let Some(traffic) = self.traffic.clone() else { return Ok(None) };
        let service = Role::Preview.service(&traffic.service);
        for check in checks {
            let mut answered = 0;
            for attempt in 0..TRIES {
                if attempt > 0 {
                    tokio::time::sleep(PAUSE).await;
                }
                self.lock.confirm(self.cluster).await?;
                answered = self.cluster.ask(&service, &check.path).await?;
                if answered == check.status {
                    break;
                }
            }
            if answered == check.status {
                self.note(&format!("{} answers {answered}", check.path));
                continue;
            }
            return Ok(Some(Failure {
                class: Class::Version,
                reason: "Verify".into(),
                row: 0,
                grace: 0,
                message: format!(
                    "{} of service/{service} answered {answered} instead of {}",
                    check.path, check.status
                ),
                container: None,
                exit_code: None,
                pods: Vec::new(),
            }));
        }
        Ok(None)
    }
}
