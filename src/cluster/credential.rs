//! What we come to the server with, kept to explain why it is refused.

use std::collections::BTreeSet;

use kube::Config;

use crate::credentials::{Certificate, Claims, Distrust, Identity, rejected, shown, untrusted};
use crate::world;

/// The server and the credential of a client. It holds no secret.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    /// The address of the server.
    pub(crate) server: String,
    /// Where it was found.
    pub(crate) origin: String,
    /// What it is.
    pub(crate) identity: Identity,
    /// The CAs that are trusted; `None` for those of the system.
    pub(crate) authorities: Option<Vec<Certificate>>,
    /// The same in DER, whole.
    pub(crate) authority_data: Option<Vec<Vec<u8>>>,
    /// The name that the server's certificate has instead of the address.
    pub(crate) tls_server_name: Option<String>,
    /// Whether the server's certificate is not checked at all.
    pub(crate) unchecked: bool,
    /// What to know about how it was read.
    pub(crate) notes: Vec<String>,
}

impl Credential {
    /// Looks at what a client is made from.
    pub(super) fn of(config: &Config, identity: Identity, origin: String, notes: Vec<String>) -> Self {
        let read = |all: &Vec<Vec<u8>>| all.iter().filter_map(|der| Certificate::of_der(der).ok()).collect();
        Self {
            server: shown(&config.cluster_url),
            origin,
            identity,
            authorities: config.root_cert.as_ref().map(read),
            authority_data: config.root_cert.clone(),
            tls_server_name: config.tls_server_name.clone(),
            unchecked: config.accept_invalid_certs,
            notes,
        }
    }

    /// Explains a 401.
    pub(crate) fn rejected(&self) -> String {
        rejected(&self.identity, world::now())
    }

    /// Explains a failure that the server's certificate is the cause of; `None` for others.
    pub(super) fn untrusted(&self, error: &kube::Error) -> Option<String> {
        let distrust = distrust(tls(error)?)?;
        let name = self.tls_server_name.as_deref();
        Some(untrusted(&self.server, name, &distrust, self.authorities.as_deref(), world::now()))
    }
}

/// Reads what a token says about itself.
pub(super) fn of_token(token: &str) -> Identity {
    Claims::of(token.trim()).map_or(Identity::Opaque, Identity::Token)
}

/// Reads what a client certificate says about itself.
pub(super) fn of_certificate(der: Option<&[u8]>) -> Identity {
    let certificate = der.and_then(|der| Certificate::of_der(der).ok());
    certificate.map_or(Identity::Nobody(None), Identity::Certificate)
}

/// Finds the TLS library's error among the causes. Those that I/O errors wrap are not among their sources.
fn tls<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(found) = error.downcast_ref::<rustls::Error>() {
        return Some(found);
    }
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let wrapped = wrapped.map(|inner| inner as &(dyn std::error::Error + 'static));
    wrapped.or_else(|| error.source()).and_then(tls)
}

#[allow(clippy::wildcard_enum_match_arm, reason = "rustls may get more reasons")]
fn distrust(error: &rustls::Error) -> Option<Distrust> {
    use rustls::CertificateError as Why;
    let rustls::Error::InvalidCertificate(why) = error else { return None };
    Some(match why {
        // A CA of the same name with another key is another CA.
        Why::UnknownIssuer | Why::BadSignature => Distrust::Issuer,
        Why::NotValidForName => Distrust::Name(vec!["others".into()]),
        Why::NotValidForNameContext { presented, .. } => {
            // An address may stand there as a name, too.
            let names: BTreeSet<String> = presented.iter().map(|name| plain(name)).collect();
            Distrust::Name(names.into_iter().collect())
        }
        Why::Expired | Why::ExpiredContext { .. } | Why::NotValidYet | Why::NotValidYetContext { .. } => {
            Distrust::Time
        }
        // The library's own words are those of a programmer. Go has more kinds: P-521, and RSA of 1024 bits.
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Distrust::Other(
            "its signature is of a kind that is not supported: RSA of 2048 bits and more, P-256, P-384 and Ed25519 are"
                .into(),
        ),
        other => Distrust::Other(other.to_string()),
    })
}

/// Returns a name without its kind: rustls says `DnsName("kubernetes")` and `IpAddress(10.96.0.1)`.
fn plain(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(presented);
    inner.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_found_however_deep_it_is() {
        let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = std::io::Error::other(std::io::Error::other(inner));
        assert_eq!(tls(&wrapped).and_then(distrust), Some(Distrust::Issuer));
        assert!(tls(&std::io::Error::other("reset")).is_none());
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(plain("DnsName(\"kubernetes\")"), "kubernetes");
        assert_eq!(plain("IpAddress(10.96.0.1)"), "10.96.0.1");
    }
}
