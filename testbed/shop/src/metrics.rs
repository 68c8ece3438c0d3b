//! What the shop has answered, as Prometheus reads it: `http_requests_total` and `http_request_duration_seconds`.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bounds of `client_golang`, in milliseconds.
const BOUNDS: [u64; 11] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/// Paths that are counted by themselves.
const PATHS: [&str; 6] = ["/", "/count", "/ready", "/drain", "/metrics", "other"];
/// Codes that there are.
const CODES: [u16; 4] = [200, 404, 500, 503];

/// Counters of all paths.
#[derive(Default)]
pub(crate) struct Metrics {
    answered: [[AtomicU64; CODES.len()]; PATHS.len()],
    latency: [Latency; PATHS.len()],
}

#[derive(Default)]
struct Latency {
    /// Of the bounds, and one for what is above all of them.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Metrics {
    /// Takes note of an answer.
    pub(crate) fn count(&self, path: &str, code: u16, took: Duration) {
        let path = PATHS.iter().position(|known| *known == path).unwrap_or(PATHS.len() - 1);
        let code = CODES.iter().position(|known| *known == code).unwrap_or(0);
        self.answered[path][code].fetch_add(1, Ordering::Relaxed);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| millis < *bound).unwrap_or(BOUNDS.len());
        self.latency[path].buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency[path].micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(
            "# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n",
        );
        for (path, codes) in PATHS.iter().zip(&self.answered) {
            for (code, count) in CODES.iter().zip(codes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    line(
                        &mut text,
                        &format!("http_requests_total{{code=\"{code}\",path=\"{path}\"}} {count}"),
                    );
                }
            }
        }
        line(&mut text, "# HELP http_request_duration_seconds Time until the answer.");
        line(&mut text, "# TYPE http_request_duration_seconds histogram");
        for (path, latency) in PATHS.iter().zip(&self.latency) {
            let buckets = latency.buckets.each_ref().map(|count| count.load(Ordering::Relaxed));
            let all: u64 = buckets.iter().sum();
            if all == 0 {
                continue;
            }
            let mut below = 0;
            for (bound, count) in BOUNDS.iter().zip(buckets) {
                below += count;
                let seconds = Duration::from_millis(*bound).as_secs_f64();
                line(
                    &mut text,
                    &format!(
                        "http_request_duration_seconds_bucket{{path=\"{path}\",le=\"{seconds}\"}} {below}"
                    ),
                );
            }
            line(
                &mut text,
                &format!("http_request_duration_seconds_bucket{{path=\"{path}\",le=\"+Inf\"}} {all}"),
            );
            let seconds = Duration::from_micros(latency.micros.load(Ordering::Relaxed)).as_secs_f64();
            line(&mut text, &format!("http_request_duration_seconds_sum{{path=\"{path}\"}} {seconds}"));
            line(&mut text, &format!("http_request_duration_seconds_count{{path=\"{path}\"}} {all}"));
        }
        text
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    writeln!(text, "{line}").unwrap_or(());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_path_and_code() {
        let metrics = Metrics::default();
        metrics.count("/", 200, Duration::from_millis(7));
        metrics.count("/", 500, Duration::from_mins(1));
        metrics.count("/odd", 404, Duration::ZERO);
        let text = metrics.text();
        for line in [
            "http_requests_total{code=\"200\",path=\"/\"} 1",
            "http_requests_total{code=\"500\",path=\"/\"} 1",
            "http_requests_total{code=\"404\",path=\"other\"} 1",
            "http_request_duration_seconds_bucket{path=\"/\",le=\"0.005\"} 0",
            "http_request_duration_seconds_bucket{path=\"/\",le=\"0.01\"} 1",
            "http_request_duration_seconds_bucket{path=\"/\",le=\"+Inf\"} 2",
            "http_request_duration_seconds_count{path=\"/\"} 2",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }
}
