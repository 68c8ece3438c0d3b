//! Certificates and keys as Go reads them.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use x509_cert::der::pem;

use crate::credentials::{ExposeSecret, Secret};

/// A certificate or a key, and where it is.
#[derive(Clone, Debug)]
pub enum Blob {
    /// A file.
    File(PathBuf),
    /// The field itself.
    Base64(Secret),
}

/// Decodes a field that ends in `-data`. Go passes over line breaks (`encoding/base64`).
///
/// # Errors
/// That it is no base64, without a word of it.
pub fn data(text: &Secret) -> Result<Vec<u8>, String> {
    let packed: String =
        text.expose_secret().chars().filter(|letter| !matches!(letter, '\n' | '\r')).collect();
    BASE64_STANDARD.decode(packed).map_err(|_| "is no base64".into())
}

/// Returns the certificates of a PEM file in DER. Whatever else is in it is passed over (`AppendCertsFromPEM` of
/// `crypto/x509`): other blocks, text between them, and blocks that are broken.
pub fn certificates(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines().map(str::trim_end) {
        if line.starts_with("-----BEGIN ") {
            block = Some(String::new());
        }
        let Some(lines) = &mut block else { continue };
        lines.push_str(line);
        lines.push('\n');
        if line.starts_with("-----END ") {
            if let Ok(("CERTIFICATE", der)) = pem::decode_vec(lines.as_bytes()) {
                found.push(der);
            }
            block = None;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = include_str!("../credentials/ca.pem");

    #[test]
    fn line_breaks_in_data_are_passed_over() {
        let folded = "aGVs\r\nbG8=\n";
        assert_eq!(data(&Secret::from(folded)).unwrap(), b"hello");
        assert_eq!(data(&Secret::from("aGVs bG8=")), Err("is no base64".into()));
    }

    #[test]
    fn certificates_are_found_among_other_things() {
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
        let all = format!("subject=/CN=x\n{key}{broken}{cut}{CA}\nmore\n{}", CA.replace('\n', "\r\n"));
        assert_eq!(certificates(all.as_bytes()).len(), 2);
        assert!(certificates(b"-----BEGIN").is_empty() && certificates(&[0xff, 0x30]).is_empty());
    }
}
