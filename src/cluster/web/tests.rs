//! What web servers that are in trouble, or lie, come to: an error of that look, never a number.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::analysis_file::{AnalysisFile, Source};
use crate::cluster::{Cluster, Credential, Sources};
use crate::credentials::Identity;
use crate::environment::Environment;
use crate::prometheus::Matchers;
use crate::reading::{Limited, Unmeasured};
use rollout_plus_core::fixtures::analyze;

/// What a server was asked.
pub(in crate::cluster) type Heard = Arc<Mutex<Vec<String>>>;

/// Answers every request in the same way. Returns its address.
pub(in crate::cluster) async fn server(head: String, body: Vec<u8>, delay: Duration) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (head, body, told) = (head.clone(), body.clone(), Arc::clone(&told));
            tokio::spawn(async move {
                let mut request = [0; 8192];
                let Ok(read @ 1..) = stream.read(&mut request).await else { return };
                told.lock().unwrap().push(String::from_utf8_lossy(&request[..read]).into_owned());
                tokio::time::sleep(delay).await;
                let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
                // Whoever asked may have gone.
                if stream.write_all(head.as_bytes()).await.is_ok() {
                    stream.write_all(&body).await.unwrap_or(());
                }
            });
        }
    });
    (format!("http://{address}"), heard)
}

/// The web request of a file.
fn web(fields: &serde_json::Value) -> (AnalysisFile, Web) {
    let file = json!({"schema": 1, "metrics": [{"name": "gate", "web": fields, "max": 1}]});
    let file = AnalysisFile::read(&file).unwrap();
    let Source::Web { web, .. } = &file.metrics[0].source else { panic!("{file:?}") };
    let web = web.clone();
    (file, web)
}

async fn answered(head: &str, body: &[u8]) -> Result<Measured, String> {
    let (address, _) = server(head.to_owned(), body.to_vec(), Duration::ZERO).await;
    look(&web(&json!({"url": address, "jsonPath": "{$.data.n}"})).1, &address).await
}

#[tokio::test]
async fn one_value_of_an_answer_is_measured() {
    assert_eq!(answered("200 OK", br#"{"data": {"n": 0.5}}"#).await, Ok(Measured::Json(json!(0.5))));
    let (address, heard) = server("200 OK".into(), b"{}".to_vec(), Duration::ZERO).await;
    let url = format!("{address}/a/b?c=d");
    let fields = json!({"url": url, "headers": {"X-Scope-OrgID": "shop"}});
    assert_eq!(look(&web(&fields).1, &url).await, Ok(Measured::Json(json!({}))));
    let heard = heard.lock().unwrap().remove(0).to_ascii_lowercase();
    assert!(heard.starts_with("get /a/b?c=d http/1.1\r\n"), "{heard}");
    assert!(heard.contains("\r\nx-scope-orgid: shop\r\n") && !heard.contains("authorization"), "{heard}");
}

#[tokio::test]
async fn what_is_no_answer_is_none() {
    let good = br#"{"data": {"n": 0.5}}"#.as_slice();
    let huge = vec![b' '; MAX_ANSWER + 1];
    for (head, body, why) in [
        ("500 Internal Server Error", good, "HTTP 500"),
        ("404 Not Found", good, "HTTP 404"),
        ("200 OK", b"<html>log in</html>", "the answer is not JSON"),
        ("200 OK", b"", "the answer is not JSON"),
        ("200 OK", b"{\"data\": {\"n\": NaN}}", "the answer is not JSON"),
        ("200 OK", b"{\"data\": []}", "the answer has nothing at {$.data.n}"),
        ("200 OK", huge.as_slice(), "length limit exceeded"),
    ] {
        assert_eq!(answered(head, body).await, Err(why.to_owned()), "{head}");
    }
    let (address, _) = server("200 OK".into(), good.to_vec(), Duration::from_secs(600)).await;
    let slow = web(&json!({"url": address, "timeout": "1s"})).1;
    assert_eq!(look(&slow, &address).await, Err("no answer within 1 s".into()));
    let nobody = look(&slow, "http://127.0.0.1:1/").await.unwrap_err();
    assert!(nobody.contains("Connection refused"), "{nobody}");
}

#[tokio::test]
async fn a_token_goes_to_the_server_that_was_named_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let (other, elsewhere) = server("200 OK".into(), b"1".to_vec(), Duration::ZERO).await;
    let head = format!("302 Found\r\nlocation: {other}/");
    let (address, heard) = server(head, Vec::new(), Duration::ZERO).await;
    let web = web(&json!({"url": address, "tokenFile": file})).1;
    let told = look(&web, &address).await.unwrap_err();
    assert!(told.contains("No such file"), "{told}");
    // It is read at each look.
    for token in ["hush-1", "hush-2"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let told = look(&web, &address).await.unwrap_err();
        assert_eq!(told, format!("HTTP 302 to {other}/: it is not followed"));
        let heard = heard.lock().unwrap().pop().unwrap().to_ascii_lowercase();
        assert!(heard.contains(&format!("\r\nauthorization: bearer {token}\r\n")), "{heard}");
    }
    assert!(elsewhere.lock().unwrap().is_empty());
    assert_eq!(look(&web, "http://gate.example/").await, Err("the token would go in clear".into()));
}

/// A cluster that is not asked itself.
pub(in crate::cluster) fn cluster(sources: Sources) -> Cluster {
    let config = kube::Config::new("https://server.example".parse().unwrap());
    let credential = Credential::of(&config, Identity::Opaque, "t".into(), Vec::new());
    let client = http_client(config, Login::default(), None).unwrap();
    Cluster::new(client, "shop".into(), None, Arc::new(credential)).with_sources(sources)
}

/// The sources of a command line with this file.
pub(in crate::cluster) fn named(file: &AnalysisFile) -> Sources {
    let asked = analyze().with_file(file.clone(), None, &Matchers::new()).unwrap();
    let variables = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    Sources::of(&asked, &Environment { variables, ..Environment::default() }).unwrap()
}

/// Whoever may write the Lease leads nobody anywhere.
#[tokio::test]
async fn what_the_command_line_does_not_name_is_not_asked() {
    let (address, heard) = server("200 OK".into(), b"1".to_vec(), Duration::ZERO).await;
    let (file, web) = web(&json!({"url": address}));
    let measure = async |sources: Sources, web: &Web| {
        let limited = Limited::Web { web: web.clone(), url: address.clone() };
        cluster(sources).measure(None, limited).await
    };
    let resumed = measure(Sources::default(), &web).await;
    assert!(matches!(&resumed, Err(Unmeasured::NotHere(why)) if why.starts_with("not asked")), "{resumed:?}");
    let mut changed = web.clone();
    changed.token_file = Some("/etc/hostname".into());
    let named = || named(&file);
    assert!(matches!(measure(named(), &changed).await, Err(Unmeasured::NotHere(_))));
    assert!(heard.lock().unwrap().is_empty());
    assert_eq!(measure(named(), &web).await, Ok(Measured::Json(json!(1))));
    assert_eq!(heard.lock().unwrap().len(), 1);
}
