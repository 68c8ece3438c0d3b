//! Addresses that a token may be sent to, and how they are shown.

use crate::error::Error;

/// Reads the address of an API server, which its user knows by a name.
pub fn address(name: &str, text: &str) -> Result<String, Error> {
    web_address(text).map_err(|why| {
        Error::usage(format!("{name} is no address of an API server: {why}"))
            .next("kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'")
    })
}

/// Reads an address that a token may be sent to. `https://` is added where it lacks, and a path is kept.
///
/// # Errors
/// Says what is wrong with it.
pub fn web_address(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let uri: http::Uri = text.parse().map_err(|_| "it cannot be read")?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_loopback => {}
        _ => return Err("it must begin with https://, or everybody on the way could read the token"),
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) || uri.query().is_some() {
        return Err("it must have neither a user nor a query");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Returns an address as it may be shown: whoever stands before an '@' in it may have a password there.
pub fn shown(uri: &http::Uri) -> String {
    let text = uri.to_string();
    let text = text.trim_end_matches('/');
    match uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')) {
        Some((user, _)) => text.replacen(&format!("{user}@"), "", 1),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_shown_in_an_address() {
        for (uri, text) in [
            ("https://10.0.0.1:6443/", "https://10.0.0.1:6443"),
            ("https://me:geheim@10.0.0.1:6443/k8s", "https://10.0.0.1:6443/k8s"),
            ("https://geheim@api.example.org", "https://api.example.org"),
        ] {
            assert_eq!(shown(&uri.parse().unwrap()), text);
        }
    }
}
