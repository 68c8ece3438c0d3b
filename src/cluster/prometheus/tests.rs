//! What a Prometheus that is in trouble, or lies, comes to: never numbers that would be compared.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::cluster::scrape::MAX_TEXT;
use crate::reading::of_pods;

/// Answers every request in the same way. Returns its address.
async fn server(head: &'static str, body: Vec<u8>, delay: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = body.clone();
            tokio::spawn(async move {
                let mut request = [0; 8192];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep(delay).await;
                    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
                    // Whoever asked may have gone.
                    if stream.write_all(head.as_bytes()).await.is_ok() {
                        stream.write_all(&body).await.unwrap_or(());
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

/// Asks it for a pod, at this time.
async fn told(address: &str, queries: usize, instant: Option<i64>, patience: Duration) -> String {
    let queries = vec!["up".to_owned(); queries];
    let server = address.parse().unwrap();
    let asker = Asker::new(&server, None).unwrap().unwrap();
    let answers = ask_all(&asker.http, &server, "", &queries, instant, patience).await;
    let (_, told) = of_pods(vec!["web-1".into()], answers, None).remove(0);
    let told = told.map_or_else(|unread| unread.sentence().to_owned(), |_| "numbers".to_owned());
    told.replace(address, "PROMETHEUS")
}

fn vector(results: &str) -> Vec<u8> {
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{results}]}}}}"#).into_bytes()
}

fn series(labels: &str, value: &str) -> String {
    let name = r#""__name__":"http_requests_total","code":"200""#;
    format!(r#"{{"metric":{{{name}{labels}}},"value":[1,"{value}"]}}"#)
}

const POD: &str = r#","pod":"web-1""#;

async fn answered(head: &'static str, body: Vec<u8>) -> String {
    told(&server(head, body, Duration::ZERO).await, 1, None, PATIENCE).await
}

#[tokio::test]
async fn whole_counters_are_numbers() {
    assert_eq!(answered("200 OK", vector(&series(POD, "7"))).await, "numbers");
}

#[tokio::test]
async fn what_is_not_whole_is_none() {
    let warned = |text: &[u8]| {
        String::from_utf8_lossy(text)
            .replace(r#""status":"success""#, r#""status":"success","warnings":["one store did not answer"]"#)
            .into_bytes()
    };
    let several = [series(POD, "7"), series(r#","pod":"web-1","job":"b""#, "7")].join(",");
    let two_pods = series(r#","pod":"web-1","exported_pod":"db-1""#, "7");
    for (head, body, wanted) in [
        (
            "503 Service Unavailable",
            br#"{"status":"error","errorType":"unavailable","error":"shutting down"}"#.to_vec(),
            "PROMETHEUS: no answer of Prometheus: HTTP 503: shutting down",
        ),
        (
            "422 Unprocessable Entity",
            br#"{"status":"error","error":"too many samples"}"#.to_vec(),
            "PROMETHEUS: Prometheus refuses the query: too many samples",
        ),
        (
            "200 OK",
            warned(&vector(&series(POD, "7"))),
            "PROMETHEUS: Prometheus has only a part of the data: one store did not answer",
        ),
        ("200 OK", vector(&series(POD, "NaN")), "the query gave NaN for a counter: "),
        ("200 OK", vector(&series(POD, "-1")), "the query gave -1 for a counter: "),
        ("200 OK", vector(&two_pods), "the query gave a series of two pods, web-1 and db-1"),
        ("200 OK", vector(&series("", "7")), "the query gave a series without the label pod: "),
        ("200 OK", vector(&several), "it is scraped twice, with job= and job=b: --prometheus-match "),
        ("200 OK", vector(""), "Prometheus has no such counters of it"),
        (
            "200 OK",
            br#"{"status":"success"}"#.to_vec(),
            "PROMETHEUS: no answer of Prometheus: HTTP 200: no data",
        ),
        (
            "200 OK",
            b"<html>log in</html>".to_vec(),
            "PROMETHEUS: no answer of Prometheus: HTTP 200: expected value",
        ),
        ("302 Found", Vec::new(), "PROMETHEUS: no answer of Prometheus: HTTP 302: "),
        ("401 Unauthorized", b"no".to_vec(), "PROMETHEUS: no answer of Prometheus: HTTP 401: "),
    ] {
        let told = answered(head, body).await;
        assert!(told.starts_with(wanted), "{wanted:?}, not {told:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_it() {
    let huge = vec![b' '; MAX_TEXT + 1];
    assert_eq!(answered("200 OK", huge).await, "PROMETHEUS: length limit exceeded");
}

#[tokio::test]
async fn whoever_is_slow_gives_no_answer() {
    let address = server("200 OK", vector(&series(POD, "7")), Duration::from_secs(600)).await;
    assert_eq!(told(&address, 1, None, Duration::ZERO).await, "PROMETHEUS: no answer within 0 s");
}

#[tokio::test]
async fn several_queries_are_for_one_instant_or_none() {
    let address = server("200 OK", vector(&series(POD, "7")), Duration::ZERO).await;
    assert_eq!(told(&address, 2, None, PATIENCE).await, "the API server has told no time yet");
    // It answers for the first second of 1970.
    let now = Some(1_795_774_858);
    assert_eq!(told(&address, 1, now, PATIENCE).await, "PROMETHEUS: it answers for another time");
    assert_eq!(told(&address, 2, Some(1), PATIENCE).await, "numbers");
}

#[test]
fn a_token_goes_nowhere_in_clear() {
    let token = Secret::from("hush.hush");
    let asker = |text: &str| Asker::new(&text.parse().unwrap(), Some(&token));
    let error = asker("http://prom.example").err().unwrap();
    insta::assert_snapshot!(error.message, @"--prometheus http://prom.example: PROMETHEUS_TOKEN would go in clear, and everybody on the way could read it");
    assert!(!format!("{error:?}").contains("hush"));
    assert!(asker("service:m/p:9090").unwrap().is_none(), "the API server's own credentials go there");
}
