//! Whether a query tells the canary from the stable version, and what makes it do so.
//!
//! Both versions are pods of one Deployment. Flagger's `pod=~"{{ target }}-..."` means the canary only because the other
//! is called `-primary` there; here it is both.

use serde::Serialize;

use super::promql::{Matcher, Selector, selectors};

/// Labels that hold a pod's name.
const POD: [&str; 4] = ["pod", "pod_name", "kubernetes_pod_name", "exported_pod"];

/// Whether a query tells the versions apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Separation {
    /// It has our variables of one version.
    Version,
    /// The canary's exact pods were added, beside its label of pods.
    Pods {
        /// That label.
        label: String,
    },
    /// It names a Service that gets the canary's traffic alone, as a router splits it.
    Service {
        /// The label.
        label: String,
    },
    /// That hangs on an argument without a value.
    Argument {
        /// Its name.
        name: String,
    },
    /// It measures both versions together: a canary with 5 % of the traffic that always fails moves it by 5 %.
    Nothing,
    /// Its selectors could not be found.
    Unreadable,
}

/// What is known of Services.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Services<'s> {
    /// The Rollout's Service of the canary.
    pub(super) canary: Option<&'s str>,
    /// That of the stable version.
    pub(super) stable: Option<&'s str>,
}

/// Returns the query with what separates the versions put in, and what that is.
pub(super) fn separated(query: &str, services: Services<'_>) -> (String, Separation) {
    let Some(found) = selectors(query) else { return (query.to_owned(), Separation::Unreadable) };
    let mut text = query.to_owned();
    let mut weakest = None;
    for selector in found.iter().rev() {
        let one = separate(&mut text, selector, services);
        let weaker = weakest.as_ref().is_none_or(|known| rank(&one) > rank(known));
        if weaker {
            weakest = Some(one);
        }
    }
    (text, weakest.unwrap_or(Separation::Nothing))
}

/// A query is as good as its worst selector.
fn rank(separation: &Separation) -> u8 {
    match separation {
        Separation::Version => 0,
        Separation::Service { .. } => 1,
        Separation::Pods { .. } => 2,
        Separation::Argument { .. } => 3,
        Separation::Nothing => 4,
        Separation::Unreadable => 5,
    }
}

fn separate(text: &mut String, selector: &Selector, services: Services<'_>) -> Separation {
    let matchers = &selector.matchers;
    let has =
        |variable: &str| matchers.iter().any(|one| !one.op.starts_with('!') && one.value.contains(variable));
    if ["${canary.pods}", "${canary.hash}", "${stable.pods}", "${stable.hash}"].into_iter().any(has) {
        return Separation::Version;
    }
    if let Some(service) = matchers.iter().find(|one| of_a_service(one, services)) {
        let ours = match (service.op, services.stable == Some(service.value.as_str())) {
            ("=", true) => Some("${deployment}-rp-stable"),
            ("=", false) => Some("${deployment}-rp-canary"),
            _ => None,
        };
        if let Some(ours) = ours {
            text.replace_range(service.at..service.at + service.value.len(), ours);
        }
        return Separation::Service { label: service.label.clone() };
    }
    if let Some(pod) = matchers.iter().find(|one| POD.contains(&one.label.as_str())) {
        let closing = selector.end.saturating_sub(1);
        let head = text.get(selector.start..closing).unwrap_or_default().trim_end();
        let comma = if head.ends_with(',') { "" } else { "," };
        text.insert_str(closing, &format!("{comma}{}=~\"${{canary.pods}}\"", pod.label));
        return Separation::Pods { label: pod.label.clone() };
    }
    let argument = matchers.iter().find_map(|one| one.value.split_once("{{")?.1.split_once("}}"));
    match argument {
        Some((name, _)) => {
            let name = name.trim();
            Separation::Argument { name: name.strip_prefix("args.").unwrap_or(name).to_owned() }
        }
        None => Separation::Nothing,
    }
}

/// Whether a matcher names a Service of one version: the Rollout's own, or ours as `.*canary.*` does.
fn of_a_service(matcher: &Matcher, services: Services<'_>) -> bool {
    match matcher.op {
        "=" => [services.canary, services.stable].contains(&Some(matcher.value.as_str())),
        "=~" => {
            let pattern = regex_lite::Regex::new(&format!("^(?:{})$", matcher.value.replace("\\\\", "\\")));
            let meets = |name: &str| pattern.as_ref().is_ok_and(|pattern| pattern.is_match(name));
            meets("web-rp-canary") && !meets("web-rp-stable") && !meets("web")
        }
        _ => false,
    }
}
