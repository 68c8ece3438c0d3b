//! What the libraries that programs use call their metrics.

use crate::exposition::Sample;

/// A family that counts requests.
pub(super) struct Family {
    pub(super) name: &'static str,
    counts: Counts,
}

/// How requests that failed are told.
pub(super) enum Counts {
    /// By the HTTP status in one of the usual labels.
    Status,
    /// The same, and a request without a status had no answer.
    StatusOrNone,
    /// By the outcome, or else the status.
    Outcome,
    /// By the code of gRPC.
    Grpc,
}

/// Families, the first that is there counts: of what is counted twice the plain counter comes first.
///
/// Sources: the guides of Prometheus' client libraries and kube-prometheus' mixins; OpenTelemetry's semantic conventions for HTTP
/// metrics (`http.server.request.duration`, before 1.20 `http.server.duration` in milliseconds); Micrometer's
/// `http.server.requests`; grpc-ecosystem/go-grpc-middleware.
pub(super) const FAMILIES: &[Family] = &[
    Family { name: "http_requests_total", counts: Counts::Status },
    Family { name: "http_server_request_duration_seconds_count", counts: Counts::StatusOrNone },
    Family { name: "http_server_duration_milliseconds_count", counts: Counts::StatusOrNone },
    Family { name: "http_server_requests_seconds_count", counts: Counts::Outcome },
    Family { name: "grpc_server_handled_total", counts: Counts::Grpc },
    Family { name: "http_request_duration_seconds_count", counts: Counts::Status },
    Family { name: "http_server_requests_total", counts: Counts::Status },
];

/// Histograms of latency, and how many of their unit a second has.
pub(super) const HISTOGRAMS: &[(&str, f64)] = &[
    ("http_request_duration_seconds_bucket", 1.0),
    ("http_server_request_duration_seconds_bucket", 1.0),
    ("http_server_duration_milliseconds_bucket", 1000.0),
    ("http_server_requests_seconds_bucket", 1.0),
    ("grpc_server_handling_seconds_bucket", 1.0),
];

/// Labels that have the status; the first that is there counts.
const STATUS: [&str; 8] = [
    "code",
    "status",
    "status_code",
    "http_status",
    "http_response_status_code",
    "http_status_code",
    "response_code",
    "statusCode",
];

/// Codes of gRPC that are a server's fault (google/rpc/code.proto names them).
const GRPC: [&str; 6] =
    ["Unknown", "DeadlineExceeded", "Unimplemented", "Internal", "Unavailable", "DataLoss"];

/// Labels that have the path.
const PATH: [&str; 6] = ["handler", "path", "uri", "route", "http_route", "url_path"];

impl Family {
    /// Whether a series counts requests that failed; `None` where it does not tell.
    pub(super) fn is_bad(&self, sample: &Sample<'_>) -> Option<bool> {
        let status = STATUS.iter().map(|name| sample.label(name)).find(|status| !status.is_empty());
        match self.counts {
            Counts::Status => status.map(is_server_error),
            Counts::StatusOrNone => Some(status.is_none_or(is_server_error)),
            Counts::Outcome => match (sample.label("outcome"), status) {
                ("", status) => status.map(is_server_error),
                (outcome, _) => Some(outcome == "SERVER_ERROR"),
            },
            Counts::Grpc => match sample.label("grpc_code") {
                "" => None,
                code => Some(GRPC.contains(&code)),
            },
        }
    }
}

/// Whether a series counts requests that failed by their status; `None` where it has none.
pub(super) fn is_failure(sample: &Sample<'_>) -> Option<bool> {
    let status = STATUS.iter().map(|name| sample.label(name)).find(|status| !status.is_empty());
    status.map(is_server_error)
}

/// `500` to `599`, or the class `5xx`.
fn is_server_error(status: &str) -> bool {
    status.len() == 3 && status.starts_with('5')
}

/// Whether it counts requests of probes and of monitoring: at low traffic they would halve the share of errors.
pub(super) fn is_aside(sample: &Sample<'_>) -> bool {
    is_aside_path(
        PATH.iter().map(|name| sample.label(name)).find(|path| !path.is_empty()).unwrap_or_default(),
    )
}

/// The same by the path.
pub(super) fn is_aside_path(path: &str) -> bool {
    let exact = ["/metrics", "/livez", "/readyz", "/ready", "/live", "/-/ready", "/-/healthy"];
    exact.contains(&path) || path.starts_with("/health") || path.starts_with("/actuator")
}
