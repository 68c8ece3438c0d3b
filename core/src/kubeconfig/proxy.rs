//! Which proxy is on the way to a server (`golang.org/x/net/http/httpproxy`, which kubectl goes by).

use core::net::IpAddr;
use std::fmt;

use ipnet::IpNet;

/// A proxy. It may have a password in its address, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(http::Uri);

impl Proxy {
    /// Reads the address of a proxy.
    ///
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub fn of(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        // The same: the name is resolved by the proxy in both.
        let text = text
            .strip_prefix("socks5h://")
            .map_or_else(|| text.to_owned(), |rest| format!("socks5://{rest}"));
        let uri: http::Uri = text.parse().map_err(|_| "is no address")?;
        if !matches!(uri.scheme_str(), Some("http" | "https" | "socks5")) {
            return Err("must begin with http://, https:// or socks5://");
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err("names no host");
        }
        Ok(Self(uri))
    }

    /// Returns the address, with the password.
    pub fn uri(&self) -> &http::Uri {
        &self.0
    }

    /// Returns name and password, decoded.
    pub fn login(&self) -> Option<(String, String)> {
        let (login, _) = self.0.authority()?.as_str().rsplit_once('@')?;
        let (name, password) = login.split_once(':').unwrap_or((login, ""));
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((decoded(name), decoded(password)))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host().unwrap_or_default();
        write!(f, "{}://{host}", self.0.scheme_str().unwrap_or_default())?;
        self.0.port_u16().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// The variables that name proxies.
#[derive(Clone, Debug, Default)]
pub struct ProxyVariables<'e> {
    /// `HTTP_PROXY`.
    pub http: Option<&'e str>,
    /// `HTTPS_PROXY`.
    pub https: Option<&'e str>,
    /// `NO_PROXY`.
    pub none: Option<&'e str>,
}

impl ProxyVariables<'_> {
    /// Returns the proxy for a server. This machine has none.
    ///
    /// # Errors
    /// Names the variable, and says what is wrong with it.
    pub fn on_the_way_to(&self, server: &http::Uri) -> Result<Option<Proxy>, String> {
        let (name, value) = match server.scheme_str() {
            Some("https") => ("HTTPS_PROXY", self.https),
            _ => ("HTTP_PROXY", self.http),
        };
        let Some(value) = value else { return Ok(None) };
        if self.leaves_out(server) {
            return Ok(None);
        }
        let value = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
        Proxy::of(&value).map(Some).map_err(|why| format!("{name} {why}"))
    }

    /// Whether the server is to be reached without a proxy: its own host is matched, never the proxy's.
    fn leaves_out(&self, server: &http::Uri) -> bool {
        let host = server.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let host = host.to_lowercase();
        let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("https") { 443 } else { 80 });
        let ip = host.parse::<IpAddr>().ok();
        if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
            return true;
        }
        let entries = self.none.unwrap_or_default().split(',').map(|entry| entry.trim().to_lowercase());
        entries.filter(|entry| !entry.is_empty()).any(|entry| matches(&entry, &host, port, ip))
    }
}

/// Whether an entry of `NO_PROXY` is about a host: `*`, `10.0.0.0/8`, `10.0.0.1[:PORT]`, `example.org[:PORT]` with all
/// below it, `.example.org` and `*.example.org` with what is below it alone.
fn matches(entry: &str, host: &str, port: u16, ip: Option<IpAddr>) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(net) = entry.parse::<IpNet>() {
        return ip.is_some_and(|ip| net.contains(&ip));
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, port)) if entry.parse::<IpAddr>().is_err() => {
            (name.trim_start_matches('[').trim_end_matches(']'), Some(port))
        }
        _ => (entry, None),
    };
    if name.is_empty() || wanted.is_some_and(|wanted| wanted != port.to_string()) {
        return false;
    }
    if let Ok(one) = name.parse::<IpAddr>() {
        return ip == Some(one);
    }
    if ip.is_some() {
        return false;
    }
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(none: &str, server: &str) -> bool {
        let variables =
            ProxyVariables { https: Some("http://10.1.1.1:3128"), none: Some(none), ..Default::default() };
        variables.on_the_way_to(&server.parse().unwrap()).unwrap().is_some()
    }

    #[test]
    fn the_servers_own_host_is_matched() {
        for (none, server, wanted) in [
            ("10.1.1.1", "https://api.example.org:6443", true),
            ("proxy,10.1.1.0/24", "https://api.example.org:6443", true),
            ("api.example.org", "https://api.example.org:6443", false),
            ("example.org", "https://api.example.org:6443", false),
            ("EXAMPLE.org", "https://API.example.ORG", false),
            ("ample.org", "https://api.example.org", true),
            (".example.org", "https://example.org", true),
            ("*.example.org", "https://api.example.org", false),
            ("*.example.org", "https://example.org", true),
            ("api.example.org:6443", "https://api.example.org:6443", false),
            ("api.example.org:443", "https://api.example.org:6443", true),
            ("api.example.org:443", "https://api.example.org", false),
            (" other , 10.0.0.0/8 ,", "https://10.2.3.4:6443", false),
            ("10.2.3.4:6443", "https://10.2.3.4:6443", false),
            ("10.2.3.4:443", "https://10.2.3.4:6443", true),
            ("fd00::/8", "https://[fd00::1]:6443", false),
            ("[fd00::1]:6443", "https://[fd00::1]:6443", false),
            ("fd00::1", "https://[fd00::1]:6443", false),
            ("*", "https://10.2.3.4", false),
            ("", "https://localhost:6443", false),
            ("", "https://127.0.0.1:6443", false),
            ("", "https://[::1]:6443", false),
            ("4", "https://10.2.3.4", true),
            (",,:,", "https://10.2.3.4", true),
        ] {
            assert_eq!(through(none, server), wanted, "NO_PROXY={none} {server}");
        }
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let variables = ProxyVariables {
            http: Some("plain:1"),
            https: Some("socks5h://u:p%40s@tls"),
            ..Default::default()
        };
        let to = |server: &str| variables.on_the_way_to(&server.parse().unwrap()).unwrap().unwrap();
        assert_eq!(to("http://a").to_string(), "http://plain:1");
        let tls = to("https://a");
        assert_eq!(format!("{tls} {tls:?}"), "socks5://tls Proxy(socks5://tls)");
        assert_eq!(tls.login(), Some(("u".into(), "p@s".into())));
        let wrong = ProxyVariables { https: Some("ftp://geheim@x"), ..Default::default() };
        let why = wrong.on_the_way_to(&"https://a".parse().unwrap()).unwrap_err();
        assert_eq!(why, "HTTPS_PROXY must begin with http://, https:// or socks5://");
    }
}
