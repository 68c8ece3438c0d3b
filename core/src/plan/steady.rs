//! What has to hold while a fault is on: an address of users', or a path that pods are asked for.

use std::str::FromStr;

use http::Uri;

use crate::plan::Check;

/// The status that is right where none is named.
const OK: u16 = 200;

/// A request, and what is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steady {
    /// Asked from where we run, as users do.
    Url {
        /// The address.
        url: String,
        /// The right answer.
        status: u16,
    },
    /// Each pod is asked through the API server.
    Path(Check),
}

/// Reads `URL[=STATUS]`, or a [`Check`]. A query may have `=`, so only three digits at the very end are a status.
impl FromStr for Steady {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return text.parse().map(Self::Path);
        }
        let is_status = |end: &str| end.len() == 3 && end.chars().all(|letter| letter.is_ascii_digit());
        let (url, status) = match text.rsplit_once('=').filter(|(_, end)| is_status(end)) {
            Some((url, end)) => (url, end.parse().unwrap_or(OK)),
            None => (text, OK),
        };
        let wrong = || {
            format!("'{text}' is neither an address nor a path: write http://shop.example/=200 or /health")
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("an address with a password would be seen by others: leave it out".to_owned());
        }
        if !is_web || !(100..600).contains(&status) {
            return Err(wrong());
        }
        Ok(Self::Url { url: url.to_owned(), status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_path_is_read_with_its_status() {
        let url = |url: &str, status| Ok(Steady::Url { url: url.into(), status });
        assert_eq!("http://shop.test/".parse(), url("http://shop.test/", 200));
        assert_eq!("https://shop.test:8443/a=204".parse(), url("https://shop.test:8443/a", 204));
        assert_eq!("http://shop.test/?a=b".parse(), url("http://shop.test/?a=b", 200));
        assert_eq!("/health=204".parse(), Ok(Steady::Path("/health=204".parse().unwrap())));
        for text in
            ["shop.test", "ftp://shop.test/", "http://", "http://me:hush@shop.test/", "", "http://a/=999"]
        {
            let error = text.parse::<Steady>().unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
