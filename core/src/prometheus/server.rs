//! Where a Prometheus is: an address, or a Service that the API server asks for us.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::analysis_file::is_private;
use crate::model::resource;

/// The longest name of a Service, a namespace, or a port.
const NAME: usize = 63;

/// A Prometheus, or what answers as one (Thanos, Mimir, `VictoriaMetrics`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Server {
    /// `http://HOST:PORT/PATH` or `https://...`, without a slash at its end.
    Address(String),
    /// A Service, through the API server's proxy.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port, by number or name; with a path after it, `/select/0/prometheus` for example.
        port: String,
        /// The path before `/api/v1`; empty, or begins with a slash.
        path: String,
    },
}

impl Server {
    /// Returns what stands before the path of a query: of the API server for a Service, of the address itself otherwise.
    pub fn base(&self) -> String {
        match self {
            Self::Address(address) => address.clone(),
            Self::Service { namespace, name, port, path } => {
                format!("{}/{name}:{port}/proxy{path}", resource::SERVICES.collection(Some(namespace)))
            }
        }
    }

    /// Whether a token may go there: nobody on the way can read it.
    pub fn is_private(&self) -> bool {
        match self {
            Self::Address(address) => is_private(address),
            Self::Service { .. } => false,
        }
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is no Prometheus: write https://HOST, or service:NAMESPACE/NAME:PORT");
        let is_path = |path: &str| {
            let legal = |letter: char| letter.is_ascii_alphanumeric() || "-_.~/".contains(letter);
            path.chars().all(legal) && path.split('/').all(|part| part != ".." && part != ".")
        };
        if let Some(service) = text.strip_prefix("service:") {
            let (namespace, rest) = service.split_once('/').ok_or_else(wrong)?;
            let (name, rest) = rest.split_once(':').ok_or_else(wrong)?;
            let (port, path) = rest.split_once('/').unwrap_or((rest, ""));
            let legal =
                |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            let is_name = |text: &str| !text.is_empty() && text.len() <= NAME && text.chars().all(legal);
            if ![namespace, name, port].into_iter().all(is_name) || !is_path(path) {
                return Err(wrong());
            }
            let path = path.trim_end_matches('/');
            let path = if path.is_empty() { String::new() } else { format!("/{path}") };
            return Ok(Self::Service {
                namespace: namespace.into(),
                name: name.into(),
                port: port.into(),
                path,
            });
        }
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.host().is_some_and(|host| !host.is_empty());
        let is_plain = uri.query().is_none() && !text.contains(['@', '#']) && is_path(uri.path());
        if is_web && host && is_plain {
            Ok(Self::Address(text.trim_end_matches('/').to_owned()))
        } else {
            Err(wrong())
        }
    }
}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Server> for String {
    fn from(server: Server) -> Self {
        server.to_string()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::Service { namespace, name, port, path } => {
                write!(f, "service:{namespace}/{name}:{port}{path}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_they_are_written() {
        for (text, base) in [
            ("https://prom.example/a", "https://prom.example/a"),
            ("http://10.0.0.1:9090", "http://10.0.0.1:9090"),
            (
                "service:monitoring/prometheus:9090",
                "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy",
            ),
            (
                "service:m/vm:http/select/0/prometheus",
                "/api/v1/namespaces/m/services/vm:http/proxy/select/0/prometheus",
            ),
        ] {
            let server: Server = text.parse().unwrap();
            assert_eq!((server.to_string(), server.base()), (text.to_owned(), base.to_owned()));
        }
        assert_eq!("https://prom.example/".parse::<Server>().unwrap().to_string(), "https://prom.example");
    }

    #[test]
    fn what_could_lead_elsewhere_is_none() {
        for text in [
            "prometheus",
            "prometheus:9090",
            "ftp://a",
            "http://",
            "https://me:hush@prom.example",
            "https://prom.example/?x=1",
            "https://prom.example/a/../b",
            "service:a",
            "service:a/b",
            "service:a/b:",
            "service:a/../c:1",
            "service:a/b:1/../../pods",
            "service:a/b:1/x?y",
            "service:A/b:1",
        ] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_goes_where_nobody_on_the_way_can_read_it() {
        let is_private = |text: &str| text.parse::<Server>().unwrap().is_private();
        assert!(is_private("https://prom.example") && is_private("http://127.0.0.1:9090"));
        assert!(!is_private("http://prom.example") && !is_private("service:a/b:1"));
    }
}
