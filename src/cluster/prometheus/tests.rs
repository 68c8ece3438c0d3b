//! What a Prometheus that is in trouble, or lies, comes to: never numbers that would be compared.

mod tls;

use serde_json::json;

use super::*;
use crate::analysis_file::AnalysisFile;
use crate::cluster::web::tests::{cluster, named};
use crate::cluster::{Sources, web};
use crate::reading::of_pods;

/// Answers every request in the same way. Returns its address.
async fn server(head: &'static str, body: Vec<u8>, delay: Duration) -> String {
    web::tests::server(head.to_owned(), body, delay).await.0
}

/// Asks it for a pod, at this time.
async fn told(address: &str, queries: usize, instant: Option<i64>, patience: Duration) -> String {
    let queries = vec!["up".to_owned(); queries];
    let server = address.parse().unwrap();
    let asker = Asker::new(&server, None, None, &Variables::new()).unwrap();
    let answers = asker.ask(asker.http.as_ref().unwrap(), &queries, instant, patience).await;
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
    let asker = |text: &str| Asker::new(&text.parse().unwrap(), None, Some(&token), &Variables::new());
    let error = asker("http://prom.example").err().unwrap();
    insta::assert_snapshot!(error.message, @"--prometheus http://prom.example: PROMETHEUS_TOKEN would go in clear, and everybody on the way could read it");
    assert!(!format!("{error:?}").contains("hush"));
    let service = asker("service:m/p:9090").unwrap();
    assert!(matches!(*service.token, Token::None), "the API server's own credentials go there");
}

/// The file of a Prometheus with a query.
fn file(url: &str, more: &serde_json::Value) -> AnalysisFile {
    let mut file = json!({
        "schema": 1, "metrics": [{"name": "queue", "query": "up", "max": 1}], "prometheus": {"url": url}});
    file["prometheus"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    AnalysisFile::read(&file).unwrap()
}

#[tokio::test]
async fn headers_and_a_token_go_to_the_server_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "hush-file\n").unwrap();
    let (address, heard) =
        web::tests::server("200 OK".into(), vector(&series(POD, "7")), Duration::ZERO).await;
    for (more, sent) in [
        (json!({"headers": {"X-Scope-OrgID": "shop"}}), "\r\nx-scope-orgid: shop\r\n"),
        (json!({"tokenFile": token}), "\r\nauthorization: bearer hush-file\r\n"),
        (json!({"tokenCommand": ["echo", "hush-program"]}), "\r\nauthorization: bearer hush-program\r\n"),
    ] {
        let file = file(&address, &more);
        let login = file.prometheus.as_ref();
        let server = address.parse().unwrap();
        let answers = cluster(named(&file)).ask_prometheus(&server, login, &["up".to_owned()]).await;
        assert_eq!(answers.unwrap().len(), 1, "{more}");
        let heard = heard.lock().unwrap().pop().unwrap().to_ascii_lowercase();
        assert!(heard.contains(sent), "{heard}");
        let is_secret = sent.contains("hush");
        assert_eq!(heard.contains("authorization"), is_secret, "{heard}");
    }
}

/// What the plan on a Lease says of files, programs and headers is done for nobody who does not say it himself.
#[tokio::test]
async fn a_plan_that_the_command_line_does_not_name_has_no_token_sent() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let (address, heard) =
        web::tests::server("200 OK".into(), vector(&series(POD, "7")), Duration::ZERO).await;
    let server = address.parse().unwrap();
    let own = file(&address, &json!({"tokenCommand": ["echo", "hush"]}));
    for more in [
        json!({"tokenFile": "/etc/hostname"}),
        json!({"tokenCommand": ["touch", trace]}),
        json!({"headers": {"X-Scope-OrgID": "shop"}}),
        json!({"caFile": "/etc/hostname"}),
    ] {
        let led = file(&address, &more);
        for sources in [Sources::default(), named(&own)] {
            let asked =
                cluster(sources).ask_prometheus(&server, led.prometheus.as_ref(), &["up".to_owned()]).await;
            assert!(
                matches!(&asked, Err(Unmeasured::NotHere(why)) if why.starts_with("not asked")),
                "{asked:?}"
            );
        }
    }
    assert!(heard.lock().unwrap().is_empty() && !trace.exists());
    // A server without all that is asked as ever, and our token does not go along.
    let asked = cluster(named(&own)).ask_prometheus(&server, None, &["up".to_owned()]).await;
    assert!(asked.is_ok());
    let heard = heard.lock().unwrap().remove(0).to_ascii_lowercase();
    assert!(!heard.contains("authorization"), "{heard}");
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let (address, heard) =
        web::tests::server("200 OK".into(), vector(&series(POD, "7")), Duration::ZERO).await;
    let file = file(&address, &json!({"tokenCommand": ["false"]}));
    let login = file.prometheus.as_ref();
    let asked =
        cluster(named(&file)).ask_prometheus(&address.parse().unwrap(), login, &["up".to_owned()]).await;
    let why = format!("{address}: tokenCommand: false failed with exit code 1");
    assert_eq!(asked, Err(Unmeasured::Failed(why)));
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_told_of_before_the_first_write() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let told = |more: serde_json::Value| {
        let file = file("https://prom.example", &more);
        let server = "https://prom.example".parse().unwrap();
        let asker = Asker::new(&server, file.prometheus.as_ref(), None, &Variables::new());
        asker.err().map(|error| error.message.replace(empty.to_str().unwrap(), "FILE"))
    };
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(told(json!({"tokenFile": empty})), said("prometheus.tokenFile FILE: there is no token in it"));
    assert_eq!(told(json!({"caFile": empty})), said("prometheus.caFile FILE: there is no certificate in it"));
    let missing = told(json!({"caFile": "/no/such/file"})).unwrap();
    assert!(missing.starts_with("prometheus.caFile /no/such/file: No such file"), "{missing}");
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/itself.pem");
    assert_eq!(told(json!({"caFile": ca})), None);
}

#[test]
fn a_dry_run_of_what_is_proposed_leaves_the_trial_out() {
    let login = file("https://prom.example", &json!({"tokenCommand": ["a"]})).prometheus;
    assert!(Sources::proposed().closed(login.as_ref()).is_some());
    assert_eq!(Sources::proposed().closed(None), None);
    assert_eq!(Sources::default().closed(login.as_ref()), None);
}
