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
