use super::*;
use crate::analysis::{Count, Counted};

fn scraped(text: &str) -> Scraped {
    Scraped::of(text, None).unwrap()
}

fn count(requests: u64, bad: u64) -> Count {
    Count { requests, bad }
}

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../tests/analysis/exposition/", $name, ".txt"))
    };
}

#[test]
fn requests_are_found_by_the_conventions_of_libraries() {
    for (text, family, requests, bad) in [
        (file!("go-http"), "http_requests_total", 10_000, 40),
        (file!("spring"), "http_server_requests_seconds_count", 204, 4),
        (file!("otel-openmetrics"), "http_server_request_duration_seconds_count", 102, 2),
        (file!("grpc"), "grpc_server_handled_total", 1000, 10),
    ] {
        let found = scraped(text);
        assert_eq!(found.family, family);
        assert_eq!(found.totals(&[]).errors, Some(count(requests, bad)), "{family}");
    }
}

#[test]
fn latencies_are_those_above_a_bound_that_there_is() {
    let slow = |text: &str| scraped(text).totals(&[0.25]).slow;
    assert_eq!(slow(file!("go-http")), [(250_000, count(9840, 230))].into());
    assert_eq!(slow(file!("otel-openmetrics")), [(250_000, count(102, 4))].into());
    assert_eq!(slow(file!("spring")), [].into());
    assert_eq!(scraped(file!("spring")).bounds(), [0.1, 0.5]);
    assert_eq!(slow(file!("grpc")), [].into());
    let millis = "http_server_duration_milliseconds_bucket{le=\"250\"} 3\nhttp_server_duration_milliseconds_bucket{le=\"+Inf\"} 5";
    assert_eq!(slow(millis), [(250_000, count(5, 2))].into());
}

#[test]
fn a_series_that_fell_began_anew_and_one_that_is_new_counts_from_nothing() {
    let (before, after) = (scraped(file!("reset-before")), scraped(file!("reset-after")));
    assert_eq!(after.since(&before, &[]).errors, Some(count(302, 2)));
    // Whoever has only the sums cannot tell which series it was.
    let sums = after.totals(&[]).since(&before.totals(&[]));
    assert_eq!(sums, Counted { errors: Some(count(302, 2)), slow: Vec::new() });
}

#[test]
fn probes_and_monitoring_do_not_count() {
    let text = "http_requests_total{code=\"200\",path=\"/metrics\"} 90\nhttp_requests_total{code=\"200\",handler=\"/healthz\"} 9\n\
        http_requests_total{code=\"500\",path=\"/\"} 1";
    assert_eq!(scraped(text).totals(&[]).errors, Some(count(1, 1)));
    let young = "http_requests_total{code=\"200\",path=\"/metrics\"} 1";
    assert_eq!(scraped(young).totals(&[]).errors, Some(count(0, 0)), "it has answered nothing yet");
}

#[test]
fn what_does_not_tell_is_named() {
    let why = |text: &str| Scraped::of(text, None).unwrap_err();
    insta::assert_snapshot!(why(file!("broken")), @"that is no exposition of metrics: line 1 begins with '<!doctype html><title>login</title>'");
    insta::assert_snapshot!(why("my_requests_total 1"), @"nothing in it counts requests that fail (http_requests_total, http_server_request_duration_seconds_count, http_server_duration_milliseconds_count, http_server_requests_seconds_count, grpc_server_handled_total, http_request_duration_seconds_count, http_server_requests_total); it has my_requests_total");
    insta::assert_snapshot!(why("up 1"), @"nothing in it counts requests that fail (http_requests_total, http_server_request_duration_seconds_count, http_server_duration_milliseconds_count, http_server_requests_seconds_count, grpc_server_handled_total, http_request_duration_seconds_count, http_server_requests_total)");
    assert_eq!(
        why("http_requests_total{code=\"200\"} NaN"),
        "http_requests_total is NaN, and that is no count"
    );
    assert!(Scraped::of("http_requests_total{code=\"200\"} -1", None).is_err());
    // Without a status nothing is known of failures.
    assert!(Scraped::of("http_requests_total 5", None).is_err());
}
