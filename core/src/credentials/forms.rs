//! Every form in which a certificate, a token or a kubeconfig is pasted.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use der::pem;
use serde_json::Value;
use x509_cert::der;

use super::{Certificate, Claims};

/// The longest text that is taken, in bytes: a bundle of many CAs, and far less than a mistake of a whole file.
const MAX: usize = 1024 * 1024;
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
pub(super) const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// How often base64 may be around it, with whether that is the last that is tried.
const FORMS: [(Option<&str>, bool); 3] =
    [(None, false), (Some("base64"), false), (Some("base64 twice"), true)];

/// What was read, and the form that it had if that is not the plain one: "base64 twice".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// The meaning.
    pub value: T,
    /// The form, for a note; `None` for the plain one.
    pub form: Option<&'static str>,
}

/// Reads CA certificates: PEM, DER, or base64 of either, once or twice. A bundle stays whole, in DER.
///
/// # Errors
/// What the text looks like instead, without a word of it.
pub fn certificates(text: &str) -> Result<Read<Vec<Vec<u8>>>, String> {
    unwrapped(text.as_bytes(), "a certificate", |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && text.contains("-----BEGIN ")
        {
            return Some(from_pem(text));
        }
        Certificate::of_der(bytes).ok().map(|_| Ok(vec![bytes.to_vec()]))
    })
}

/// Reads a bearer token: a JWT, or base64 of one, or what is opaque to us.
///
/// # Errors
/// What the text looks like instead, without a word of it.
pub fn token(text: &str) -> Result<Read<String>, String> {
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    let read = unwrapped(text.as_bytes(), "a token", |bytes| {
        let text = std::str::from_utf8(bytes).ok()?.trim();
        Claims::of(text).map(|_| Ok(text.to_owned()))
    });
    if read.is_ok() {
        return read;
    }
    let looks = looks_like(text.as_bytes());
    if looks.is_some() || text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let looks = looks.unwrap_or("something with spaces, line breaks or letters that no token has");
        return Err(format!("it is no token: it looks like {looks}"));
    }
    // Bootstrap tokens, and those of clouds, say nothing about themselves.
    Ok(Read { value: text.to_owned(), form: None })
}

/// Reads a kubeconfig: YAML or JSON, or base64 of it, once or twice.
///
/// # Errors
/// What the text looks like instead, without a word of it.
pub fn kubeconfig(text: &str) -> Result<Read<String>, String> {
    unwrapped(text.as_bytes(), "a kubeconfig", |bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        let value: Value = serde_saphyr::from_str(text).ok()?;
        value["clusters"].is_array().then(|| Ok(text.to_owned()))
    })
}

/// Takes base64 off until `parse` knows the content.
fn unwrapped<T>(
    text: &[u8],
    wanted: &str,
    parse: impl Fn(&[u8]) -> Option<Result<T, String>>,
) -> Result<Read<T>, String> {
    if text.len() > MAX {
        return Err(format!("it is no {}: it is larger than 1 MiB", wanted.trim_start_matches("a ")));
    }
    let mut bytes = text.to_vec();
    for (form, is_last) in FORMS {
        if let Some(parsed) = parse(&bytes) {
            return parsed.map(|value| Read { value, form });
        }
        match decoded(&bytes).filter(|_| !is_last) {
            Some(inner) => bytes = inner,
            None => break,
        }
    }
    let looks = looks_like(&bytes).or_else(|| decoded(&bytes).map(|_| "base64 of something else"));
    let looks = looks.unwrap_or("neither that nor base64 of it");
    Err(format!("it is no {}: it looks like {looks}", wanted.trim_start_matches("a ")))
}

/// Takes one base64 off; line breaks within it do not count.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let packed: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let long_enough = packed.len() >= 8;
    let decoded = STANDARD.decode(&packed).or_else(|_| URL_SAFE.decode(&packed)).ok();
    decoded.filter(|_| long_enough)
}

fn from_pem(text: &str) -> Result<Vec<Vec<u8>>, String> {
    // Secrets of CI systems often hold `\n` as two letters.
    let text = if text.contains('\n') { text.to_owned() } else { text.replace("\\n", "\n") };
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some(begin) = rest.find("-----BEGIN ") {
        rest = &rest[begin..];
        let end = rest.find("-----END ").ok_or("its PEM is cut off: there is no END line")?;
        let after = rest[end..].find('\n').map_or(rest.len(), |line| end + line);
        let block = rest[..after].lines().map(str::trim).collect::<Vec<_>>().join("\n");
        let (label, der) =
            pem::decode_vec(block.as_bytes()).map_err(|error| format!("its PEM is broken: {error}"))?;
        if label != "CERTIFICATE" {
            let kind = label.to_lowercase();
            return Err(format!("it is no certificate: the PEM holds a {kind}"));
        }
        Certificate::of_der(&der)?;
        found.push(der);
        rest = &rest[after..];
    }
    Ok(found)
}

/// Recognises what is pasted into the wrong place.
fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let is = |form: &'static str| Some(form);
    match text {
        "" => is("nothing at all"),
        _ if text.contains("PRIVATE KEY-----") => is("a private key"),
        _ if text.contains("-----BEGIN CERTIFICATE") => is("a certificate"),
        _ if Claims::of(text).is_some() => is("a token"),
        _ if text.contains("from_secret") => is("a reference to a secret that was not replaced"),
        _ if text.starts_with("${") || text.starts_with("$(") || text.starts_with("$$") => {
            is("a variable that was not replaced")
        }
        _ if text.contains("clusters:") || text.contains("\"clusters\"") => is("a kubeconfig"),
        _ if text.starts_with('{') => is("JSON"),
        _ if text.starts_with("https://") => is("an address"),
        _ if text.starts_with('/') || text.starts_with("./") => {
            is("the name of a file: its content is wanted")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::credentials::certificate::tests::{CA, OTHER_CA};
    use crate::credentials::claims::tests::jwt;

    fn base64(bytes: impl AsRef<[u8]>) -> String {
        BASE64_STANDARD.encode(bytes)
    }

    /// As the command-line tool breaks it.
    fn folded(text: &str) -> String {
        let lines = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
        lines.map(|line| line + "\n").collect()
    }

    #[test]
    fn a_certificate_is_read_in_every_form() {
        let der = pem::decode_vec(CA.as_bytes()).unwrap().1;
        for (text, form) in [
            (CA.to_owned(), None),
            (CA.replace('\n', "\r\n"), None),
            (CA.trim().replace('\n', "\\n"), None),
            (CA.lines().fold(String::new(), |text, line| text + "    " + line + "\n"), None),
            (format!("Issuer: kubernetes\n{CA}"), None),
            (base64(CA), Some("base64")),
            (folded(&base64(CA)), Some("base64")),
            (base64(base64(CA)), Some("base64 twice")),
            (format!("{}\n", base64(folded(&base64(CA)))), Some("base64 twice")),
            (base64(&der), Some("base64")),
            (base64(base64(&der)), Some("base64 twice")),
        ] {
            assert_eq!(certificates(&text), Ok(Read { value: vec![der.clone()], form }), "{text}");
        }
        let bundle = certificates(&base64(format!("{CA}{OTHER_CA}"))).unwrap().value;
        assert_eq!(bundle.len(), 2, "a bundle stays whole");
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let cut = CA.lines().take(5).collect::<Vec<_>>().join("\n");
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let triple = base64(base64(base64(CA)));
        for (text, why) in [
            (cut.as_str(), "its PEM is cut off: there is no END line"),
            (key, "it is no certificate: the PEM holds a private key"),
            (triple.as_str(), "it is no certificate: it looks like base64 of something else"),
            ("hello world!", "it is no certificate: it looks like neither that nor base64 of it"),
            ("https://10.0.0.1", "it is no certificate: it looks like an address"),
            ("${CA}", "it is no certificate: it looks like a variable that was not replaced"),
            (&jwt(&serde_json::json!({"sub": "a"})), "it is no certificate: it looks like a token"),
        ] {
            assert_eq!(certificates(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn a_token_is_read_in_every_form() {
        let plain = jwt(&serde_json::json!({"sub": "system:serviceaccount:shop:ci"}));
        for (text, form) in [
            (plain.clone(), None),
            (format!("  {plain}\r\n"), None),
            (format!("Bearer {plain}"), None),
            (base64(&plain), Some("base64")),
            (format!("{}\n", folded(&base64(format!("{plain}\n")))), Some("base64")),
            (BASE64_URL_SAFE_NO_PAD.encode(&plain), Some("base64")),
            (base64(base64(&plain)), Some("base64 twice")),
        ] {
            assert_eq!(token(&text), Ok(Read { value: plain.clone(), form }), "{text}");
        }
        assert_eq!(token("07401b.f395accd246ae52d\n").unwrap().value, "07401b.f395accd246ae52d");
    }

    #[test]
    fn what_is_no_token_is_named() {
        for (text, why) in [
            (CA, "it is no token: it looks like a certificate"),
            (
                r#"{"from_secret":"t"}"#,
                "it is no token: it looks like a reference to a secret that was not replaced",
            ),
            (
                "a b",
                "it is no token: it looks like something with spaces, line breaks or letters that no token has",
            ),
            ("", "it is no token: it looks like nothing at all"),
        ] {
            assert_eq!(token(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn a_kubeconfig_is_read_in_every_form() {
        let yaml = "apiVersion: v1\nclusters: []\n";
        for (text, form) in [
            (yaml.to_owned(), None),
            (base64(yaml), Some("base64")),
            (base64(base64(yaml)), Some("base64 twice")),
        ] {
            assert_eq!(kubeconfig(&text), Ok(Read { value: yaml.to_owned(), form }));
        }
        assert_eq!(
            kubeconfig("/home/me/.kube/config").unwrap_err(),
            "it is no kubeconfig: it looks like the name of a file: its content is wanted"
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_or_is_repeated(text in "[!-~]{16,60}") {
            for error in [certificates(&text).err(), token(&text).err(), kubeconfig(&text).err()].into_iter().flatten() {
                prop_assert!(!error.contains(&text));
            }
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
            let text = String::from_utf8_lossy(&bytes);
            drop((certificates(&text), token(&text), kubeconfig(&text), certificates(&base64(&bytes))));
        }
    }
}
