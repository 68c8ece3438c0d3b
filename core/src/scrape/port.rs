//! By which port pods are asked that serve a Service, or none.

use serde_json::Value;

use super::{number, ports, there};

/// Returns the port of a template's pods that is asked: the one that a flag names, by its number or name; else the one
/// that the first port of their Service sends requests to; else the first that the template names.
///
/// # Errors
/// Says what is not there.
pub fn asked_port(template: &Value, flag: Option<&str>, service: Option<&Value>) -> Result<u16, String> {
    let named = ports(template);
    if let Some(flag) = flag {
        return number(&named, flag).ok_or_else(|| format!("the pods have no port {flag}{}", there(&named)));
    }
    let port = service.map(|service| &service["spec"]["ports"][0]).filter(|port| port.is_object());
    if let (Some(service), Some(port)) = (service, port) {
        let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
        let own = service["metadata"]["name"].as_str().unwrap_or_default();
        if let Some(name) = target.as_str() {
            return number(&named, name).ok_or_else(|| {
                let why = format!("service/{own} sends requests to port {name} of the pods");
                format!("{why}, and they have none of that name{}", there(&named))
            });
        }
        let number = target.as_u64().and_then(|number| u16::try_from(number).ok());
        return number.filter(|port| *port > 0).ok_or_else(|| format!("service/{own} has no port"));
    }
    let mut numbers = named.iter().map(|(_, number)| *number).filter(|number| *number > 0);
    numbers.next().ok_or_else(|| "the pods name no port".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        let ports =
            json!([{"containerPort": 8080, "name": "http"}, {"containerPort": 9102, "name": "metrics"}]);
        json!({"spec": {"containers": [{"name": "proxy"}, {"name": "web", "ports": ports}]}})
    }

    fn service(port: &Value) -> Value {
        json!({"metadata": {"name": "web"}, "spec": {"ports": [port, {"port": 81}]}})
    }

    #[test]
    fn a_flag_comes_before_the_service_before_the_template() {
        let service = service(&json!({"port": 80, "targetPort": "metrics"}));
        let asked = |flag, service| asked_port(&template(), flag, service);
        assert_eq!(asked(Some("http"), Some(&service)), Ok(8080));
        assert_eq!(asked(Some("9999"), Some(&service)), Ok(9999));
        assert_eq!(asked(None, Some(&service)), Ok(9102));
        assert_eq!(asked(None, None), Ok(8080));
    }

    #[test]
    fn a_service_sends_requests_to_its_target() {
        let asked = |port: Value| asked_port(&template(), None, Some(&service(&port)));
        assert_eq!(asked(json!({"port": 80})), Ok(80));
        assert_eq!(asked(json!({"port": 80, "targetPort": 3000})), Ok(3000));
        let why = "service/web sends requests to port web of the pods, and they have none of that name; its ports are http (8080), metrics (9102)";
        assert_eq!(asked(json!({"port": 80, "targetPort": "web"})), Err(why.to_owned()));
        let headless = json!({"metadata": {"name": "web"}, "spec": {}});
        assert_eq!(asked_port(&template(), None, Some(&headless)), Ok(8080), "it has no ports");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let why = "the pods have no port web; its ports are http (8080), metrics (9102)";
        assert_eq!(asked_port(&template(), Some("web"), None), Err(why.to_owned()));
        for flag in ["0", "70000", "-1"] {
            assert!(asked_port(&template(), Some(flag), None).is_err(), "{flag}");
        }
        assert_eq!(asked_port(&Value::Null, None, None), Err("the pods name no port".to_owned()));
    }
}
