//! Where the metrics of a pod are: its port and path, as a flag, an annotation or the name of a port says.

mod port;

use serde_json::Value;

use crate::brief;

pub use port::asked_port;

/// The longest that is told of why there was no answer, in letters.
const WHY: usize = 200;

/// Names of container ports that people give to their metrics.
const PORT_NAMES: [&str; 4] = ["metrics", "http-metrics", "prometheus", "monitoring"];

/// Where the metrics of a version's pods are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether it speaks TLS. The API server, which asks for us, verifies no certificate of a pod
    /// (`CreateProxyTransport` in kubernetes/pkg/controlplane).
    pub tls: bool,
    /// The port.
    pub port: u16,
    /// The path with its query; begins with `/`.
    pub path: String,
}

impl Place {
    /// Finds it in a pod template, where a flag may name the port, by its number or name, and the path.
    ///
    /// Annotations are those of the usual scrape configurations: `prometheus.io/scrape`, `port`, `path`, `scheme`.
    ///
    /// # Errors
    /// Says what is not there and how to name it.
    pub fn of(template: &Value, port: Option<&str>, path: Option<&str>) -> Result<Self, String> {
        let annotations = &template["metadata"]["annotations"];
        let wanted = annotations["prometheus.io/scrape"].as_str() != Some("false");
        let annotation = |key: &str| annotations[format!("prometheus.io/{key}")].as_str().filter(|_| wanted);
        let ports = ports(template);
        let number = |text: &str| number(&ports, text);
        let known = || ports.iter().find(|(name, _)| name.is_some_and(|name| PORT_NAMES.contains(&name)));
        let port = match (port, annotation("port")) {
            (Some(asked), _) => {
                number(asked).ok_or_else(|| format!("the pods have no port {asked}{}", there(&ports)))?
            }
            (None, Some(noted)) => {
                number(noted).ok_or_else(|| format!("the annotation prometheus.io/port is {noted:?}"))?
            }
            (None, None) => known().map(|(_, number)| *number).ok_or_else(|| {
                format!(
                    "nothing says where the pods' metrics are: no annotation prometheus.io/port, and no port called {}{}",
                    PORT_NAMES.join(", "),
                    there(&ports)
                )
            })?,
        };
        let path = path.or_else(|| annotation("path")).unwrap_or("/metrics");
        if !is_path(path) {
            return Err(format!("{path:?} is no path"));
        }
        Ok(Self { tls: annotation("scheme") == Some("https"), port, path: path.to_owned() })
    }

    /// Returns the pod as the API server's proxy is told: `NAME:PORT` or `https:NAME:PORT` (`ResourceLocation` in
    /// kubernetes/pkg/registry/core/pod; it looks up no names of ports).
    pub fn of_pod(&self, pod: &str) -> String {
        let scheme = if self.tls { "https:" } else { "" };
        format!("{scheme}{pod}:{}", self.port)
    }
}

/// Why the metrics of a pod were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// We have not the right to ask the pod.
    Forbidden,
    /// There is no such pod any more.
    Gone,
    /// What else it is, as the end of a sentence.
    Told(String),
}

impl Unread {
    /// Reads an answer that is not 200. The API server's own has a reason and a message.
    pub fn of(code: u16, status: Option<(String, String)>, place: &Place) -> Self {
        match status {
            Some((reason, _)) if code == 403 && reason == "Forbidden" => Self::Forbidden,
            Some((reason, _)) if code == 404 && reason == "NotFound" => Self::Gone,
            Some((_, message)) if matches!(code, 500..=504) && !message.is_empty() => {
                Self::no_answer(&message, place)
            }
            _ => Self::Told(format!("{} on port {} answered {code}", place.path, place.port)),
        }
    }

    /// There was no answer, and why.
    pub fn no_answer(why: &str, place: &Place) -> Self {
        Self::Told(format!("{} on port {}: {}", place.path, place.port, brief::line(why, WHY)))
    }

    /// Returns it as the end of a sentence.
    pub fn sentence(&self) -> &str {
        match self {
            Self::Forbidden => "no right to get pods/proxy",
            Self::Gone => "it is gone",
            Self::Told(why) => why,
        }
    }
}

/// Whether a path with its query can stand in a request through the API server's proxy, and leads nowhere else.
pub(crate) fn is_path(path: &str) -> bool {
    let legal = |letter: char| letter.is_ascii_graphic() && letter != '#';
    path.starts_with('/') && path.chars().all(legal) && path.split(['/', '?']).all(|segment| segment != "..")
}

fn ports(template: &Value) -> Vec<(Option<&str>, u16)> {
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let number = |port: &Value| port["containerPort"].as_u64().and_then(|number| u16::try_from(number).ok());
    ports.filter_map(|port| Some((port["name"].as_str(), number(port)?))).collect()
}

/// Finds a port by its name or number.
fn number(ports: &[(Option<&str>, u16)], text: &str) -> Option<u16> {
    let named = ports.iter().find(|(name, _)| *name == Some(text)).map(|(_, number)| *number);
    named.or_else(|| text.parse().ok().filter(|number| *number > 0))
}

fn there(ports: &[(Option<&str>, u16)]) -> String {
    let named = |(name, number): &(Option<&str>, u16)| {
        name.map_or_else(|| number.to_string(), |name| format!("{name} ({number})"))
    };
    let all: Vec<String> = ports.iter().map(named).collect();
    if all.is_empty() { String::new() } else { format!("; its ports are {}", all.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(annotations: &Value) -> Value {
        let ports =
            json!([{"containerPort": 8080, "name": "http"}, {"containerPort": 9102, "name": "metrics"}]);
        json!({"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "web"}, {"ports": ports}]}})
    }

    fn found(annotations: &Value, port: Option<&str>, path: Option<&str>) -> (String, String) {
        let place = Place::of(&template(annotations), port, path).unwrap();
        (place.of_pod("a"), place.path)
    }

    #[test]
    fn a_flag_comes_before_an_annotation_before_the_name_of_a_port() {
        let noted = json!({"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/m?x=1"});
        assert_eq!(found(&json!({}), None, None), ("a:9102".into(), "/metrics".into()));
        assert_eq!(found(&noted, None, None), ("a:8080".into(), "/m?x=1".into()));
        assert_eq!(found(&noted, Some("metrics"), Some("/p")), ("a:9102".into(), "/p".into()));
        assert_eq!(found(&noted, Some("81"), None), ("a:81".into(), "/m?x=1".into()));
    }

    #[test]
    fn tls_is_asked_for_and_a_pod_that_is_not_to_be_scraped_says_nothing() {
        let tls = json!({"prometheus.io/port": "8443", "prometheus.io/scheme": "https"});
        assert_eq!(found(&tls, None, None).0, "https:a:8443");
        let off = json!({"prometheus.io/scrape": "false", "prometheus.io/port": "8443"});
        assert_eq!(found(&off, None, None).0, "a:9102");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let bare = json!({"spec": {"containers": [{"ports": [{"containerPort": 8080, "name": "http"}, {"containerPort": 81}]}]}});
        let why = Place::of(&bare, None, None).unwrap_err();
        insta::assert_snapshot!(why, @"nothing says where the pods' metrics are: no annotation prometheus.io/port, and no port called metrics, http-metrics, prometheus, monitoring; its ports are http (8080), 81");
        assert!(Place::of(&json!({}), None, None).is_err());
        for (port, path) in
            [(Some("web"), None), (Some("0"), None), (Some("70000"), None), (Some("80"), Some("m"))]
        {
            assert!(Place::of(&bare, port, path).is_err(), "{port:?} {path:?}");
        }
        for path in ["/../x", "/a b", "/a#b", ""] {
            assert!(Place::of(&bare, Some("80"), Some(path)).is_err(), "{path}");
        }
        let noted = json!({"metadata": {"annotations": {"prometheus.io/port": "x"}}});
        assert_eq!(Place::of(&noted, None, None).unwrap_err(), r#"the annotation prometheus.io/port is "x""#);
    }
}
