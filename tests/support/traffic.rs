//! At least 1,000 requests per second to the shop's Service, and what came of them.

#![allow(dead_code, unreachable_pub, reason = "every test takes the part that it needs")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::load::{Load, LoadOptions, Mode, Report};
use crate::shop::Shop;

/// How long a share is held to be measured: some 6,000 requests of each mode.
const HOLD: Duration = Duration::from_secs(10);
/// Of how many requests of each mode a router's share is measured. Then chance alone makes 1.5 points in one case of
/// thirty, so where it is missed more are counted, up to the second number.
const COUNTED: (u64, u64) = (5_000, 20_000);
/// How far a router's share may be from the one that it was told, in percentage points.
const ROUTED_TOLERANCE: f64 = 1.5;
/// How long kube-proxy may take to follow: it puts changes together for up to a second.
const SETTLE: Duration = Duration::from_secs(2);
/// Requests per second that are still a test.
const ENOUGH: f64 = 200.0;
/// How far a measured share may be from the share of the pods, in percentage points.
const TOLERANCE: f64 = 4.0;

/// Clients that keep their connections and clients that open one for each request, at once.
pub struct Traffic {
    fresh: Load,
    keep_alive: Load,
}

impl Traffic {
    /// Starts both at 600 requests per second or a little more and waits until they run at that rate.
    pub fn start(shop: &Shop) -> Self {
        let ip = shop.kubectl(&["get", "service/frontend", "-o", "jsonpath={.spec.clusterIP}"]);
        let address = SocketAddr::new(ip.parse::<IpAddr>().expect("a ClusterIP"), 80);
        // A new Service is not a change that is tested here: kube-proxy has to know it first.
        shop.until("the Service answers", |_| TcpStream::connect(address).is_ok());
        Self::at(address, None)
    }

    /// The same to a data plane, which tells requests apart by their host.
    pub fn at(address: SocketAddr, host: Option<&str>) -> Self {
        let load = |mode, rate_per_second| {
            Load::start(LoadOptions {
                address,
                host: host.map(str::to_owned),
                header: None,
                mode,
                workers: 12,
                rate_per_second,
                max_seconds: 300,
                requests_per_connection: 50,
            })
        };
        // Not in step: a balancer that alternates would give one version to the one and the other to the other.
        let traffic = Self { fresh: load(Mode::Fresh, 600), keep_alive: load(Mode::KeepAlive, 640) };
        std::thread::sleep(Duration::from_secs(2));
        traffic
    }

    /// Measures the share of the new version for a while; fails unless it is this percentage of new connections.
    #[track_caller]
    pub fn expect_share(&self, phase: &str, percent: f64) {
        std::thread::sleep(SETTLE);
        drop((self.fresh.snapshot(), self.keep_alive.snapshot()));
        std::thread::sleep(HOLD);
        let (fresh, keep_alive) = (self.fresh.snapshot(), self.keep_alive.snapshot());
        let share = share_of_v2(&fresh);
        println!(
            "{phase}: {share:.1} % of new connections, {:.1} % of kept ones; {fresh:?}, {keep_alive:?}",
            share_of_v2(&keep_alive)
        );
        assert!((share - percent).abs() <= TOLERANCE, "{phase}: {share:.1} % instead of {percent} %");
    }

    /// Measures the share that a router gives the new version, of requests on either kind of connections; fails
    /// unless it is this percentage. Nothing is waited for: whoever said that the share is set has done so.
    #[track_caller]
    pub fn expect_routed_share(&self, phase: &str, percent: f64) {
        let loads = [("new", &self.fresh), ("kept", &self.keep_alive)];
        for (_, load) in loads {
            drop(load.snapshot());
        }
        let mut counted = loads.map(|_| BTreeMap::new());
        let (least, most) = COUNTED;
        loop {
            std::thread::sleep(Duration::from_millis(500));
            for ((_, load), counted) in loads.iter().zip(&mut counted) {
                for (version, count) in load.snapshot() {
                    *counted.entry(version).or_insert(0) += count;
                }
            }
            let fewest =
                counted.iter().map(|counted| counted.values().sum::<u64>()).min().unwrap_or_default();
            let off = |counted| (share_of_v2(counted) - percent).abs() > ROUTED_TOLERANCE;
            if fewest >= most || (fewest >= least && !counted.iter().any(off)) {
                break;
            }
        }
        for ((kind, _), counted) in loads.iter().zip(&counted) {
            let share = share_of_v2(counted);
            println!("{phase}: {share:.2} % of requests on {kind} connections, {counted:?}");
        }
        for ((kind, _), counted) in loads.iter().zip(&counted) {
            let share = share_of_v2(counted);
            assert!(
                (share - percent).abs() <= ROUTED_TOLERANCE,
                "{phase}: {share:.2} % of requests on {kind} connections instead of {percent} %"
            );
        }
    }

    /// Returns how many requests each version has answered since this was last asked.
    pub fn answers(&self) -> BTreeMap<String, u64> {
        let mut all = self.fresh.snapshot();
        for (version, count) in self.keep_alive.snapshot() {
            *all.entry(version).or_default() += count;
        }
        all
    }

    /// Fails if a request has failed so far, so that it is known in which phase.
    #[track_caller]
    pub fn expect_none_lost_yet(&self, phase: &str) {
        let failed = [self.fresh.report().failed, self.keep_alive.report().failed].concat();
        assert!(failed.is_empty(), "{phase}: requests failed: {failed:#?}");
    }

    pub fn failures(&self) -> u64 {
        self.fresh.report().failed_count + self.keep_alive.report().failed_count
    }

    /// Ends the load and returns the reports of new and of kept connections.
    pub fn stop(self, what: &str) -> [Report; 2] {
        let reports = [self.fresh.stop(), self.keep_alive.stop()];
        for (mode, report) in ["new connections", "kept connections"].iter().zip(&reports) {
            println!(
                "{what}, {mode}: {} requests in {:.1} s ({:.0}/s), {} failed, slowest {} ms, {} closed idle, {:?}",
                report.requests,
                report.seconds,
                report.requests_per_second(),
                report.failed_count,
                report.longest_ms,
                report.idle_closes,
                report.by_version
            );
            for failure in &report.failed {
                println!("  {failure}");
            }
        }
        reports
    }

    /// Ends the load; fails unless every request was answered at a rate that means something.
    #[track_caller]
    pub fn expect_none_lost(self, what: &str) {
        // A slow end of a change would be seen only after it.
        std::thread::sleep(Duration::from_secs(5));
        let reports = self.stop(what);
        assert_eq!(
            reports.iter().map(|report| report.failed_count).sum::<u64>(),
            0,
            "{what}: requests failed"
        );
        let rate: f64 = reports.iter().map(Report::requests_per_second).sum();
        // 1,000 are asked for and printed; a busy machine makes fewer, and loses none all the same.
        assert!(rate >= ENOUGH, "{what}: {rate:.0} requests/s are no test");
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn share_of_v2(by_version: &BTreeMap<String, u64>) -> f64 {
    let all: u64 = by_version.values().sum();
    100.0 * by_version.get("v2").copied().unwrap_or(0) as f64 / all as f64
}
