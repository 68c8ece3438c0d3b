//! What a certificate says about itself (RFC 5280).

use jiff::Timestamp;
use x509_cert::der::Decode;

/// What a certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: `CN=kubernetes`.
    pub subject: String,
    /// From when it is valid.
    pub valid_from: Timestamp,
    /// Until when it is valid.
    pub expires: Timestamp,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// That it is broken, and how.
    pub fn of_der(der: &[u8]) -> Result<Self, String> {
        let broken = |error: &dyn std::fmt::Display| format!("the certificate is broken: {error}");
        let certificate = x509_cert::Certificate::from_der(der).map_err(|error| broken(&error))?;
        let body = certificate.tbs_certificate;
        let time = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(seconds).map_err(|error| broken(&error))
        };
        Ok(Self {
            subject: body.subject.to_string(),
            valid_from: time(body.validity.not_before)?,
            expires: time(body.validity.not_after)?,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::credentials::certificates;

    pub(in crate::credentials) const CA: &str = include_str!("ca.pem");
    pub(in crate::credentials) const OTHER_CA: &str = include_str!("other-ca.pem");

    #[test]
    fn a_certificate_tells_whose_it_is_and_until_when() {
        let of = |pem| Certificate::of_der(&certificates(pem).unwrap().value[0]).unwrap();
        assert_eq!(of(CA).subject, "CN=kubernetes");
        assert_eq!(of(CA).expires.to_string(), "2036-11-22T04:06:02Z");
        assert_eq!(of(OTHER_CA).subject, "CN=other,O=shop");
    }

    #[test]
    fn what_is_broken_is_refused() {
        let der = certificates(CA).unwrap().value.remove(0);
        for length in [0, 1, 10, der.len() - 1] {
            assert!(Certificate::of_der(&der[..length]).is_err(), "{length}");
        }
    }
}
