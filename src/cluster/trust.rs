//! Whom we take for the server: what Go takes, where the TLS library is stricter.
//!
//! kube's own TLS settings come with all its ways to log in, `JSONPath` and the tables of Unicode among them: more than
//! half a megabyte that nothing here ever calls.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kube::Config;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::Instant;

use crate::kubeconfig::certificates;

/// How old the CAs of a file may be before they are read again: those of a ServiceAccount are renewed while we run.
const FRESH: Duration = Duration::from_secs(60);

/// Returns how we speak TLS, without a certificate of our own.
pub(super) fn client_config(config: &Config) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder();
    let builder = match config.root_cert {
        Some(_) => builder.with_root_certificates(RootCertStore::empty()),
        // As Go: those that the system trusts in.
        None => builder.with_platform_verifier()?,
    };
    let mut tls = builder.with_no_client_auth();
    if config.accept_invalid_certs {
        let schemes = tls.crypto_provider().signature_verification_algorithms.supported_schemes();
        trust(&mut tls, Anybody(schemes));
    } else if let Some(anchors) = config.root_cert.clone().and_then(Anchors::of) {
        let known = RwLock::new((Arc::new(anchors), Instant::now()));
        trust(&mut tls, Trusted { known, file: config.root_cert_file.clone() });
    }
    Ok(tls)
}

fn trust(tls: &mut ClientConfig, verifier: impl ServerCertVerifier + 'static) {
    tls.dangerous().set_certificate_verifier(Arc::new(verifier));
}

/// Returns those of the certificates that can be trusted in. Go passes over the others.
pub(super) fn anchors(certificates: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let usable = |der: &Vec<u8>| RootCertStore::empty().add(CertificateDer::from(der.as_slice())).is_ok();
    certificates.into_iter().filter(usable).collect()
}

/// CAs. They are also taken themselves (`Certificate.Verify` in `crypto/x509`), as people make them with
/// `openssl req -x509`: such a certificate says that it is a CA, and the TLS library wants none of these for a server.
#[derive(Debug)]
struct Anchors {
    verifier: Arc<WebPkiServerVerifier>,
    certificates: Vec<Vec<u8>>,
}

impl Anchors {
    /// `None` if there is no CA among them.
    fn of(certificates: Vec<Vec<u8>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.as_slice())));
        let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build().ok()?;
        Some(Self { verifier, certificates })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.certificates.iter().any(|anchor| anchor.as_slice() == end_entity.as_ref()) {
            return self.verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
        }
        let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let dates = crate::credentials::Certificate::of_der(end_entity).map_err(bad)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now > dates.expires.as_second() {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        if now < dates.valid_from.as_second() {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }
}

/// Takes whom the CAs vouch for.
#[derive(Debug)]
struct Trusted {
    known: RwLock<(Arc<Anchors>, Instant)>,
    /// Where they are read again.
    file: Option<PathBuf>,
}

impl Trusted {
    fn anchors(&self) -> Arc<Anchors> {
        let (known, read) = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(file) = self.file.as_ref().filter(|_| read.elapsed() >= FRESH) else { return known };
        // What cannot be read now is no reason to trust in nobody (kubernetes#68164).
        let fresh = std::fs::read(file).ok().and_then(|pem| Anchors::of(anchors(certificates(&pem))));
        let known = fresh.map_or(known, Arc::new);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = (Arc::clone(&known), Instant::now());
        known
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.anchors().verify(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.anchors().verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.anchors().verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.anchors().verifier.supported_verify_schemes()
    }
}

/// Takes anybody, for whoever asked for that (`insecure-skip-tls-verify`).
#[derive(Debug)]
struct Anybody(Vec<SignatureScheme>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Of `openssl req -x509` for api.example.org and 127.0.0.1, from 2026 to 2126.
    const ITSELF: &str = include_str!("itself.pem");
    const CA: &str = include_str!("../../core/src/credentials/ca.pem");

    /// Verifies the certificate for a name at a time; the library alone, and with ours before it.
    fn verified(trusted: &str, name: &str, at: &str) -> (Result<(), Error>, Result<(), Error>) {
        let anchors = Anchors::of(anchors(certificates(trusted.as_bytes()))).unwrap();
        let der = CertificateDer::from(certificates(ITSELF.as_bytes()).remove(0));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let seconds = at.parse::<jiff::Timestamp>().unwrap().as_second();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap()));
        let alone = anchors.verifier.verify_server_cert(&der, &[], &name, &[], now).map(drop);
        let both = anchors.verify(&der, &[], &name, &[], now).map(drop);
        (alone, both)
    }

    #[test]
    fn a_certificate_that_is_trusted_itself_is_taken_as_go_takes_it() {
        for name in ["api.example.org", "127.0.0.1"] {
            let (alone, both) = verified(ITSELF, name, "2027-01-01T00:00:00Z");
            assert!(alone.is_err(), "the library has learned it: this file can go");
            both.unwrap();
        }
        let wrong = |trusted: &str, name: &str, at: &str| verified(trusted, name, at).1.unwrap_err();
        let text = format!("{:?}", wrong(ITSELF, "other.example.org", "2027-01-01T00:00:00Z"));
        assert!(text.contains("NotValidForName"), "{text}");
        let expired = Error::InvalidCertificate(CertificateError::Expired);
        assert_eq!(wrong(ITSELF, "127.0.0.1", "2127-01-01T00:00:00Z"), expired);
        let early = Error::InvalidCertificate(CertificateError::NotValidYet);
        assert_eq!(wrong(ITSELF, "127.0.0.1", "2026-01-01T00:00:00Z"), early);
        assert!(verified(CA, "127.0.0.1", "2027-01-01T00:00:00Z").1.is_err(), "it is not trusted");
    }

    #[test]
    fn what_is_no_certificate_is_passed_over() {
        let all = vec![vec![1, 2, 3], certificates(CA.as_bytes()).remove(0), Vec::new()];
        assert_eq!(anchors(all).len(), 1);
    }

    #[test]
    fn the_cas_of_a_file_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        let of = |text: &str| Anchors::of(anchors(certificates(text.as_bytes()))).unwrap();
        let known = RwLock::new((Arc::new(of(CA)), Instant::now()));
        let trusted = Trusted { known, file: Some(file.clone()) };
        let is = |text: &str| trusted.anchors().certificates == of(text).certificates;
        let age = || trusted.known.write().unwrap().1 = Instant::now().checked_sub(FRESH).unwrap();
        std::fs::write(&file, ITSELF).unwrap();
        assert!(is(CA), "they are fresh");
        age();
        assert!(is(ITSELF));
        for text in ["", "no certificate"] {
            std::fs::write(&file, text).unwrap();
            age();
            assert!(is(ITSELF), "the file is being replaced");
        }
    }

    #[test]
    fn every_way_to_trust_makes_a_client() {
        let mut config = Config::new(http::Uri::from_static("https://127.0.0.1"));
        for roots in [None, Some(Vec::new()), Some(certificates(CA.as_bytes()))] {
            for insecure in [false, true] {
                config.root_cert.clone_from(&roots);
                config.accept_invalid_certs = insecure;
                assert!(client_config(&config).is_ok(), "{roots:?} {insecure}");
            }
        }
    }
}
