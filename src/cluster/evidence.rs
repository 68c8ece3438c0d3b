//! Reading logs and events of a pod that failed.

use std::time::Duration;

use futures::future::join4;

use crate::cluster::call::{ANYTHING, encode, parse};
use crate::cluster::list::List;
use crate::cluster::{Call, Cluster, Failure};
use crate::error::Error;
use crate::evidence::{self, Evidence, LOG_READ, Readings};
use crate::health;
use crate::model::{ClusterEvent, resource};
use crate::situation::{Observed, Situation};

/// How long each part of it may take; they are read at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is read of a log. The API server cuts at the end, where the newest lines are.
const LOG_BYTES: usize = 512 * 1024;

impl Cluster {
    /// Gathers the proof of a failure. What cannot be read is named in it.
    pub(crate) async fn evidence(&self, observed: &Observed, failure: &health::Failure) -> Evidence {
        let pod = evidence::pod_of(observed, failure);
        let container = pod.and_then(|pod| evidence::container_of(pod, failure));
        let situation = Situation::of(observed);
        let replica_set = situation.current.and_then(|rs| rs.metadata.uid.clone());
        let target = pod.zip(container.as_deref());
        let logs = target.map(|(pod, container)| evidence::logs_of(pod, container));
        let log = |previous: bool| async move {
            let there = logs.is_some_and(|logs| if previous { logs.before } else { logs.now });
            match target.filter(|_| there) {
                Some((pod, container)) => within("its log", self.log(pod.name(), container, previous)).await,
                None => Ok(String::new()),
            }
        };
        let events = |uid: Option<String>| async move {
            match uid {
                Some(uid) if !uid.is_empty() => within("its events", self.events_of(&uid)).await,
                _ => Ok(Vec::new()),
            }
        };
        let uid = pod.map(|pod| pod.uid().to_owned());
        let (now, before, of_pod, of_set) =
            join4(log(false), log(true), events(uid), events(replica_set)).await;
        let mut readings = Readings::default();
        let mut missing = Vec::new();
        match now {
            Ok(text) => readings.log = text,
            Err(why) => missing.push(why),
        }
        // It may be gone with the node's disk.
        readings.previous_log = before.unwrap_or_default();
        for events in [of_pod, of_set] {
            match events {
                Ok(events) => readings.events.extend(events),
                Err(why) => missing.push(why),
            }
        }
        missing.dedup();
        readings.missing = missing;
        evidence::evidence(observed, failure, readings)
    }

    /// Reads the events about an object.
    pub(crate) async fn events_of(&self, uid: &str) -> Result<Vec<ClusterEvent>, Failure> {
        let doing = format!("list events in namespace {}", self.namespace);
        let selector = encode(&format!("involvedObject.uid={uid}"));
        let path = resource::EVENTS.collection(Some(&self.namespace));
        let path = format!("{path}?fieldSelector={selector}");
        let body = self.read(&Call { doing: doing.clone(), method: "GET", path, body: None }).await?;
        parse::<List<ClusterEvent>>(&doing, &body).map(|list| list.items).map_err(Failure::Unknown)
    }

    async fn log(&self, pod: &str, container: &str, previous: bool) -> Result<String, Failure> {
        let doing = format!("read the log of pod/{pod} in namespace {}", self.namespace);
        let container = encode(container);
        let path = self.path(&resource::PODS, pod);
        let path = format!(
            "{path}/log?container={container}&previous={previous}&tailLines={LOG_READ}&limitBytes={LOG_BYTES}"
        );
        let call = Call { doing, method: "GET", path, body: None };
        let body = self.read_as(&call, ANYTHING).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

async fn within<T>(what: &str, reading: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(failure)) => {
            let error: Error = failure.into_error();
            Err(error.message)
        }
        Err(_) => Err(format!("{what}: no answer within {} s", PATIENCE.as_secs())),
    }
}
