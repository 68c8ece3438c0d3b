//! A server that speaks TLS with a certificate of its own CA: `caFile` says whom it is believed by.

use std::io::{Read, Write};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::analysis_file::Prometheus;

/// `ecdsa-with-SHA256`, and a key of the curve P-256 (RFC 5758, RFC 5480).
const SIGNED: [u8; 12] = [0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
const KEY: [u8; 21] =
    [0x30, 19, 6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
/// Extensions (RFC 5280, 4.2.1): `basicConstraints` of a CA, critical; `subjectAltName` of 127.0.0.1.
const IS_CA: [u8; 17] = [0x30, 15, 6, 3, 0x55, 0x1D, 0x13, 1, 1, 0xFF, 4, 5, 0x30, 3, 1, 1, 0xFF];
const LOCALHOST: [u8; 17] = [0x30, 15, 6, 3, 0x55, 0x1D, 0x11, 4, 8, 0x30, 6, 0x87, 4, 127, 0, 0, 1];

struct Signer {
    name: &'static str,
    key: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl Signer {
    fn new(name: &'static str) -> Self {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref().to_vec();
        Self { name, key: EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8, &random).unwrap(), pkcs8 }
    }

    /// Signs a certificate for the key of another, or its own.
    fn signs(&self, other: &Self, extension: &[u8]) -> Vec<u8> {
        let validity = [der(0x17, b"260101000000Z"), der(0x18, b"21260101000000Z")].concat();
        let public = der(0x30, &[KEY.to_vec(), bits(other.key.public_key().as_ref())].concat());
        let to_be_signed = [
            der(0xA0, &der(2, &[2])),
            der(2, &[7]),
            SIGNED.to_vec(),
            name(self.name),
            der(0x30, &validity),
            name(other.name),
            public,
            der(0xA3, &der(0x30, extension)),
        ];
        let to_be_signed = der(0x30, &to_be_signed.concat());
        let signature = self.key.sign(&SystemRandom::new(), &to_be_signed).unwrap();
        der(0x30, &[to_be_signed, SIGNED.to_vec(), bits(signature.as_ref())].concat())
    }
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match (high, low) {
        (0, 0..128) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), content].concat()
}

fn bits(content: &[u8]) -> Vec<u8> {
    der(3, &[&[0], content].concat())
}

fn name(common: &str) -> Vec<u8> {
    let attribute = [vec![6, 3, 0x55, 4, 3], der(0x0C, common.as_bytes())].concat();
    der(0x30, &der(0x31, &der(0x30, &attribute)))
}

fn pem(certificate: &[u8]) -> String {
    use k8s_openapi::ByteString;
    let text = serde_json::to_value(ByteString(certificate.to_vec())).unwrap();
    let lines = text.as_str().unwrap().as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines = lines.collect::<Vec<_>>().join("\n");
    format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
}

/// Answers with counters of a pod, to whoever believes its certificate. Returns its address.
fn encrypted(ca: &Signer) -> String {
    let own = Signer::new("prometheus");
    let chain = vec![CertificateDer::from(ca.signs(&own, &LOCALHOST))];
    let key = PrivatePkcs8KeyDer::from(own.pkcs8).into();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = [0; 8192];
            // Whoever does not believe it goes.
            if !matches!(stream.read(&mut request), Ok(1..)) {
                continue;
            }
            let body = vector(&series(POD, "7"));
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
            drop(stream.flush());
        }
    });
    address
}

/// Asks a server whose certificate is to be signed by the one in this text.
async fn believed(address: &str, ca: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ca).unwrap();
    let ca_file = Some(file.to_str().unwrap().to_owned());
    let login = Prometheus { ca_file, ..Prometheus::at(address.to_owned()) };
    let asker = Asker::new(&address.parse().unwrap(), Some(&login), None, &Variables::new()).unwrap();
    let answers = asker.ask(asker.http.as_ref().unwrap(), &["up".to_owned()], None, PATIENCE).await;
    let (_, told) = of_pods(vec!["web-1".into()], answers, None).remove(0);
    let told = told.map_or_else(|unread| unread.sentence().to_owned(), |_| "numbers".to_owned());
    told.replace(address, "PROMETHEUS")
}

#[tokio::test]
async fn a_server_is_believed_by_the_ca_that_its_file_names_and_no_other() {
    let (ca, other) = (Signer::new("one"), Signer::new("another"));
    let address = encrypted(&ca);
    let (right, wrong) = (pem(&ca.signs(&ca, &IS_CA)), pem(&other.signs(&other, &IS_CA)));
    assert_eq!(believed(&address, &right).await, "numbers");
    assert_eq!(believed(&address, &[wrong.clone(), right].concat()).await, "numbers", "one of several");
    let told = believed(&address, &wrong).await;
    let why = "invalid peer certificate: UnknownIssuer";
    assert!(told.starts_with("PROMETHEUS: ") && told.ends_with(why), "{told}");
}
