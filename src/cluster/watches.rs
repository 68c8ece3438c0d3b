//! Watches, of one workload's objects ([`super::WorkloadCache`]) or of many ([`super::Fleet`]).

use std::fmt::Debug;
use std::time::Duration;

use futures::stream::{BoxStream, ReadyChunks, SelectAll, StreamExt};
use kube::Api;
use kube::api::DynamicObject;
use kube::core::Status;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::cluster::connect::chain;
use crate::cluster::refusal::Refusal;
use crate::cluster::store::Kept;
use crate::error::{Error, Kind};
use crate::journal::Lease;
use crate::model::{Deployment, Pod, ReplicaSet};

/// Seconds after which the server ends a watch and we start the next. A connection that died silently is
/// noticed no later.
const WATCH_SECONDS: u32 = 90;
/// For how long the first whole picture may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// As many changes are taken in at a time at most, so that whoever waits for them gets to see to other things, too.
const BURST: usize = 1000;

/// All watches of one copy. They give all that is there at once: a look at the copy costs more than a change, and what
/// it shows must not be older than what the server has said.
pub(super) type Changes = ReadyChunks<SelectAll<BoxStream<'static, Change>>>;

/// Returns no watches yet.
pub(super) fn none() -> Changes {
    SelectAll::new().ready_chunks(BURST)
}

/// What a watch brings.
pub(super) enum Change {
    Deployment(Event<Deployment>),
    ReplicaSet(Event<ReplicaSet>),
    Pod(Event<Pod>),
    Lease(Event<Lease>),
    /// An object that traffic goes by; the number says of which watch.
    TrafficObject(usize, Event<DynamicObject>),
    /// The watch of this kind is refused for good.
    Failed(String, Error),
}

/// Returns how all watches are set.
pub(super) fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// Watches one kind, of all namespaces or of ours. Errors that time may heal are waited out; one that it cannot
/// is the stream's last.
pub(super) fn watch<K: Kept>(
    cluster: &Cluster,
    all: bool,
    config: watcher::Config,
    change: fn(Event<K>) -> Change,
) -> BoxStream<'static, Change> {
    let client = cluster.client.clone();
    let (api, place): (Api<K>, String) = if all {
        (Api::all(client), "all namespaces".into())
    } else {
        (Api::namespaced(client, &cluster.namespace), format!("namespace {}", cluster.namespace))
    };
    watch_api(api, config, K::PLURAL, &place, change)
}

/// The same for any kind.
pub(super) fn watch_api<K>(
    api: Api<K>,
    config: watcher::Config,
    plural: &str,
    place: &str,
    change: impl Fn(Event<K>) -> Change + Send + 'static,
) -> BoxStream<'static, Change>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let what = format!("watch {plural} in {place}");
    let plural = plural.to_owned();
    let namespace = place.strip_prefix("namespace ").unwrap_or("NAMESPACE").to_owned();
    watcher(api, config)
        .backoff(Patience(Duration::from_millis(100)))
        .scan(false, move |ended, result| {
            if *ended {
                return futures::future::ready(None);
            }
            let change = match result {
                Ok(event) => Some(change(event)),
                Err(error) => for_good(&error).map(|status| {
                    *ended = true;
                    let refusal = Refusal::of(status.code, &status.reason, &status.message);
                    let mut error = Error::new(Kind::Cluster, format!("{what}: {}", chain(&error)));
                    error.next.extend(refusal.next(&namespace));
                    Change::Failed(plural.clone(), error)
                }),
            };
            futures::future::ready(Some(change))
        })
        .filter_map(futures::future::ready)
        .boxed()
}

/// Returns the answer that is going to be the same the next time.
fn for_good(error: &watcher::Error) -> Option<&Status> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return None;
    };
    is_final(status.code).then_some(status)
}

/// Whether the same request will be refused again. 409 and 410 ask for a new list, 408 and 429 for patience.
fn is_final(code: u16) -> bool {
    (400..500).contains(&code) && !matches!(code, 408 | 409 | 410 | 429)
}

/// Back-off of a watch: short, because a verdict waits for it. The library's own starts at 0.8 s.
#[derive(Clone)]
struct Patience(Duration);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Self::Item> {
        let now = self.0;
        self.0 = (now * 2).min(Duration::from_secs(5));
        Some(now)
    }
}

impl kube::runtime::utils::Backoff for Patience {
    fn reset(&mut self) {
        self.0 = Duration::from_millis(100);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_for_good_is_not_asked_again() {
        for (code, wanted) in [(400, true), (401, true), (403, true), (404, true), (405, true), (422, true)]
            .into_iter()
            .chain([408, 409, 410, 429, 500, 503, 0].map(|code| (code, false)))
        {
            assert_eq!(is_final(code), wanted, "{code}");
        }
    }
}
