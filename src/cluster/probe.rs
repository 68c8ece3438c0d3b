//! A probe: small requests to pods of both versions through the API server, bounded in rate, number and time.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::cluster::{Asked, Cluster, Reply};
use crate::reading::{Shot, Target, Volley};

/// How long an answer is waited for: whoever has none then has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many requests are under way at most. Where pods do not answer, fewer are sent, to both versions alike.
const AT_ONCE: usize = 64;

impl Cluster {
    /// Sends requests for a while, each time to a pod of each version, and returns what came of each. Nothing goes on
    /// after that, or where nobody waits for it any more.
    ///
    /// A pause of whoever waits is no time of the pods': both versions were asked at the same moment, and what would have
    /// been sent meanwhile is left out.
    pub(super) async fn probe(&self, volley: &Volley) -> Vec<(Target, Shot)> {
        let gap = Duration::from_secs(1) / volley.rate.max(1);
        let end = Instant::now() + volley.time;
        let (mut next, mut number) = (Instant::now(), 0);
        let mut flying = FuturesUnordered::new();
        let mut shots = Vec::new();
        loop {
            let is_over = next >= end;
            tokio::select! {
                biased;
                Some(shot) = flying.next(), if !flying.is_empty() => shots.push(shot),
                () = sleep_until(next), if !is_over => {
                    if flying.len() + volley.versions.len() <= AT_ONCE {
                        flying.extend(volley.targets(number).map(|target| self.shoot(target, &volley.path)));
                        number += 1;
                    }
                    next = next.max(Instant::now().checked_sub(gap).unwrap_or(next)) + gap;
                }
                else => return shots,
            }
        }
    }

    async fn shoot(&self, target: &Target, path: &str) -> (Target, Shot) {
        let patience = self.request_timeout.unwrap_or(PATIENCE);
        let whom = Asked::Pod(target.pod.clone(), target.port);
        let shot = match self.ask_within(patience, &whom, path).await {
            Ok(Reply::Answer(answer)) => Shot::Answered { status: answer.status, millis: answer.millis },
            Ok(Reply::Silence(_)) => Shot::Silent,
            Ok(Reply::Gone) => Shot::Lost("it is gone".to_owned()),
            Err(error) => Shot::Lost(error.message),
        };
        (target.clone(), shot)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::Full;
    use kube::client::Body;
    use kube::{Client, Config};

    use super::*;
    use crate::cluster::Credential;
    use crate::credentials::Identity;
    use crate::traffic::Role;

    /// How long an answer is waited for here; a server that is slow takes a little less.
    const SHORT: Duration = Duration::from_millis(900);
    const LATE: Duration = Duration::from_millis(880);

    fn volley(rate: u32) -> Volley {
        let target = |role: Role, pod: &str| Target { pod: pod.into(), uid: pod.into(), port: 80, role };
        let versions = vec![
            vec![target(Role::Canary, "c0")],
            vec![target(Role::Stable, "s0"), target(Role::Stable, "s1")],
        ];
        Volley { path: "/healthz".into(), rate, time: Duration::from_secs(1), before: 1, versions }
    }

    /// Sends a volley to a server whose canary never answers; counts the most requests that were under way at once.
    fn sent(rate: u32) -> (Vec<(Target, Shot)>, usize, Duration) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (kept, highest) = (Arc::clone(&now), Arc::clone(&most));
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (now, most) = (Arc::clone(&kept), Arc::clone(&highest));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if request.uri().path().contains("c0:80") {
                    tokio::time::sleep(LATE).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                let status = if request.uri().path().contains("s1:80") { 503 } else { 200 };
                let answer = http::Response::builder().status(status).body(Full::new("".into())).unwrap();
                Ok::<http::Response<Full<bytes::Bytes>>, Infallible>(answer)
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (shots, took) = runtime.block_on(async {
            let mut cluster = cluster(Client::new(service, "shop"));
            cluster.request_timeout = Some(SHORT);
            let begin = Instant::now();
            (cluster.probe(&volley(rate)).await, begin.elapsed())
        });
        (shots, most.load(Ordering::SeqCst), took)
    }

    #[test]
    fn both_versions_get_as_many_requests_and_a_pod_that_does_not_answer_has_failed() {
        let (shots, _, took) = sent(10);
        let of = |role: Role| shots.iter().filter(move |(target, _)| target.role == role);
        let count = of(Role::Canary).count();
        assert_eq!(of(Role::Stable).count(), count);
        // A machine that is busy sends fewer.
        assert!((6..=10).contains(&count), "{count}");
        assert!(of(Role::Canary).all(|(_, shot)| *shot == Shot::Silent));
        let failed = of(Role::Stable).filter(|(_, shot)| matches!(shot, Shot::Answered { status: 503, .. }));
        assert_eq!(failed.count(), count.div_ceil(2), "its pods are asked in turn");
        assert!(took < Duration::from_secs(4), "{took:?}");
    }

    #[test]
    fn nothing_is_sent_for_whoever_has_gone() {
        let sent = Arc::new(AtomicUsize::new(0));
        let kept = Arc::clone(&sent);
        let service = tower::service_fn(move |_: http::Request<Body>| {
            kept.fetch_add(1, Ordering::SeqCst);
            async { Ok::<http::Response<Full<bytes::Bytes>>, Infallible>(http::Response::default()) }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (then, later) = runtime.block_on(async {
            let cluster = cluster(Client::new(service, "shop"));
            let wait = Duration::from_millis(200);
            assert!(tokio::time::timeout(wait, cluster.probe(&volley(50))).await.is_err());
            let then = sent.load(Ordering::SeqCst);
            tokio::time::sleep(wait).await;
            (then, sent.load(Ordering::SeqCst))
        });
        assert!(then > 0 && then == later, "{then} {later}");
    }

    fn cluster(client: Client) -> Cluster {
        let config = Config::new("https://server.example".parse().unwrap());
        let credential = Credential::of(&config, Identity::Opaque, "t".into(), Vec::new());
        Cluster::new(client, "shop".into(), None, Arc::new(credential))
    }

    #[test]
    fn never_more_are_under_way_than_may_be() {
        let (shots, most, took) = sent(500);
        let of = |role: Role| shots.iter().filter(|(target, _)| target.role == role).count();
        assert_eq!(of(Role::Canary), of(Role::Stable));
        assert!(most <= AT_ONCE, "{most}");
        assert!((AT_ONCE / 2..=2 * AT_ONCE).contains(&of(Role::Canary)), "{}", of(Role::Canary));
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
}
