//! The proof of a failure: read before the undo takes pods and logs away, and never in its way.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::timeout;

use super::Engine;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health::Failure;
use crate::situation::Observed;

/// How long the undo waits for it. A kubelet that does not answer must not keep a bad version in service.
const AHEAD: Duration = Duration::from_secs(1);

/// What is being read and told; nothing once that is done.
pub(super) struct Proof<'p>(Option<Pin<Box<dyn Future<Output = ()> + 'p>>>);

impl<'a> Engine<'a> {
    /// Begins to gather the proof of a failure, and tells it as soon as it is whole.
    pub(super) fn proof<'p>(&self, observed: &'p Observed, failure: &'p Failure) -> Proof<'p>
    where
        'a: 'p,
    {
        let (cluster, output) = (self.cluster, self.output.clone());
        Proof::of(async move {
            let evidence = cluster.evidence(observed, failure).await;
            output.event(&Event::Evidence(evidence));
        })
    }
}

impl<'p> Proof<'p> {
    fn of(reading: impl Future<Output = ()> + 'p) -> Self {
        Self(Some(Box::pin(reading)))
    }

    /// Waits for it, a second at most.
    pub(super) async fn ahead(&mut self) {
        if let Some(reading) = &mut self.0
            && timeout(AHEAD, reading).await.is_ok()
        {
            self.0 = None;
        }
    }

    /// Waits for all of it.
    pub(super) async fn whole(self) {
        if let Some(reading) = self.0 {
            reading.await;
        }
    }

    /// Does the work while the rest is read, and ends when both are done.
    pub(super) async fn beside<T>(self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Some(mut reading) = self.0 else { return work.await };
        let mut work = pin!(work);
        let done = tokio::select! {
            biased;
            done = &mut work => done,
            () = &mut reading => return work.await,
        };
        // Whoever sent a signal has no time left for logs.
        if !matches!(&done, Err(error) if error.kind == Kind::Interrupted) {
            reading.await;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::sleep;

    use super::*;

    fn order(reading: Duration, end: &Result<(), Error>) -> Vec<&'static str> {
        let told = RefCell::new(Vec::new());
        let tell = |word| told.borrow_mut().push(word);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut proof = Proof::of(async {
                sleep(reading).await;
                tell("proven");
            });
            proof.ahead().await;
            let work = async {
                tell("undone");
                end.clone()
            };
            assert_eq!(proof.beside(work).await.is_ok(), end.is_ok());
        });
        told.into_inner()
    }

    #[test]
    fn the_undo_waits_for_what_comes_soon_and_for_nothing_else() {
        assert_eq!(order(Duration::from_millis(10), &Ok(())), ["proven", "undone"]);
        assert_eq!(order(AHEAD * 2, &Ok(())), ["undone", "proven"]);
        assert_eq!(order(AHEAD * 2, &Err(Error::new(Kind::Cluster, "no"))), ["undone", "proven"]);
    }

    #[test]
    fn whoever_is_stopped_waits_for_no_log() {
        assert_eq!(order(AHEAD * 2, &Err(Error::new(Kind::Interrupted, "stopped"))), ["undone"]);
    }
}
