//! Whom we take for the server: what Go takes, where the TLS library is stricter.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Returns those of the certificates that can be trusted in. Go passes over the others.
pub(super) fn anchors(certificates: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let usable = |der: &Vec<u8>| RootCertStore::empty().add(CertificateDer::from(der.as_slice())).is_ok();
    certificates.into_iter().filter(usable).collect()
}

/// Also takes a certificate that is itself one of the trusted (`Certificate.Verify` in `crypto/x509`), as people make it
/// with `openssl req -x509`: it says that it is a CA, and the TLS library wants none of these for a server.
#[derive(Debug)]
pub(super) struct OrItself {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
    pub(super) anchors: Vec<Vec<u8>>,
}

impl ServerCertVerifier for OrItself {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.anchors.iter().any(|anchor| anchor.as_slice() == end_entity.as_ref()) {
            return self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
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

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::client::WebPkiServerVerifier;

    use super::*;
    use crate::kubeconfig::certificates;

    /// Of `openssl req -x509` for api.example.org and 127.0.0.1, from 2026 to 2126.
    const ITSELF: &str = include_str!("itself.pem");
    const CA: &str = include_str!("../../core/src/credentials/ca.pem");

    /// Verifies the certificate for a name at a time; the library alone, and with ours before it.
    fn verified(trusted: &str, name: &str, at: &str) -> (Result<(), Error>, Result<(), Error>) {
        let anchors = anchors(certificates(trusted.as_bytes()));
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(anchors.iter().map(|der| CertificateDer::from(der.as_slice())));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let der = CertificateDer::from(certificates(ITSELF.as_bytes()).remove(0));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let seconds = at.parse::<jiff::Timestamp>().unwrap().as_second();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap()));
        let alone = inner.verify_server_cert(&der, &[], &name, &[], now).map(drop);
        let both = OrItself { inner, anchors }.verify_server_cert(&der, &[], &name, &[], now).map(drop);
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
}
