//! A client certificate with its key, as Go takes it: also one of X.509 version 1, which `openssl x509 -req` makes and the
//! TLS library does not want to read. Whether it is good is the server's business.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::{Decode, Encode};

use crate::kubeconfig::certificates;

/// Which of the two is wrong, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Certificate(&'static str),
    Key(&'static str),
}

/// Puts a certificate, with those between it and its CA behind it, and a key together.
pub(super) fn certified(certificate: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, Wrong> {
    let chain = certificates(certificate);
    let Some(first) = chain.first() else { return Err(Wrong::Certificate("holds no certificate in PEM")) };
    let own = x509_cert::Certificate::from_der(first)
        .and_then(|read| read.tbs_certificate.subject_public_key_info.to_der())
        .map_err(|_| Wrong::Certificate("is broken"))?;
    if String::from_utf8_lossy(key).contains("ENCRYPTED") {
        return Err(Wrong::Key("is encrypted, and nobody can ask for its password"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Wrong::Key("holds no private key in PEM"))?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|_| Wrong::Key("is of a kind that is not supported: RSA, P-256, P-384 and Ed25519 are"))?;
    if key.public_key().is_some_and(|public| public.as_ref() != own.as_slice()) {
        return Err(Wrong::Key("is not the key of the certificate"));
    }
    Ok(Arc::new(CertifiedKey::new(chain.into_iter().map(CertificateDer::from).collect(), key)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use x509_cert::der::asn1::{BitString, UtcTime};
    use x509_cert::der::pem;
    use x509_cert::serial_number::SerialNumber;
    use x509_cert::spki::{AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoOwned};
    use x509_cert::time::{Time, Validity};
    use x509_cert::{Certificate, TbsCertificate, Version};

    use super::*;

    fn written(label: &str, der: &[u8]) -> String {
        pem::encode_string(label, pem::LineEnding::CRLF, der).unwrap()
    }

    /// A key, and a certificate of version 1 for it. Nobody looks at its signature.
    fn jane() -> (String, String) {
        let key = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let public = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
        let algorithm =
            AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap("1.3.101.112"), parameters: None };
        let bits = BitString::from_bytes(public.public_key().as_ref()).unwrap();
        let time = Time::UtcTime(UtcTime::from_unix_duration(Duration::from_secs(1_800_000_000)).unwrap());
        let certificate = Certificate {
            tbs_certificate: TbsCertificate {
                version: Version::V1,
                serial_number: SerialNumber::new(&[1]).unwrap(),
                signature: algorithm.clone(),
                issuer: "CN=kubernetes".parse().unwrap(),
                validity: Validity { not_before: time, not_after: time },
                subject: "CN=jane,O=dev".parse().unwrap(),
                subject_public_key_info: SubjectPublicKeyInfoOwned {
                    algorithm: algorithm.clone(),
                    subject_public_key: bits.clone(),
                },
                issuer_unique_id: None,
                subject_unique_id: None,
                extensions: None,
            },
            signature_algorithm: algorithm,
            signature: bits,
        };
        (written("CERTIFICATE", &certificate.to_der().unwrap()), written("PRIVATE KEY", key.as_ref()))
    }

    #[test]
    fn a_certificate_of_version_1_is_taken() {
        let (certificate, key) = jane();
        let both = certified(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert!(both.keys_match().is_err(), "the library reads it by itself: this file can go");
        // Some keep both in one file, with the kind of the curve before the key.
        let all = format!("{}{certificate}{key}", written("EC PARAMETERS", &[5, 0]));
        assert_eq!(certified(all.as_bytes(), all.as_bytes()).unwrap().cert.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_told_and_not_shown() {
        let (certificate, key) = jane();
        let (other, _) = jane();
        let wrong =
            |certificate: &str, key: &str| certified(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(wrong(&key, &key), Wrong::Certificate("holds no certificate in PEM"));
        assert_eq!(wrong(&written("CERTIFICATE", &[1]), &key), Wrong::Certificate("is broken"));
        assert_eq!(wrong(&certificate, &certificate), Wrong::Key("holds no private key in PEM"));
        assert_eq!(wrong(&other, &key), Wrong::Key("is not the key of the certificate"));
        let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END RSA PRIVATE KEY-----\n";
        assert!(matches!(wrong(&certificate, encrypted), Wrong::Key(why) if why.starts_with("is encrypted")));
        let unknown = written("PRIVATE KEY", &[48, 0]);
        assert!(matches!(wrong(&certificate, &unknown), Wrong::Key(why) if why.starts_with("is of a kind")));
    }
}
