//! What is asked of a router.

use serde::{Deserialize, Serialize};

use super::service::Role;

/// A request that goes to the canary whatever the weights say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Match {
    /// A header with just this value.
    Header {
        /// Its name; case does not matter.
        name: String,
        /// Its value.
        value: String,
    },
    /// A cookie with just this value.
    Cookie {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
}

impl Match {
    /// Returns the regular expression (RE2) of a `Cookie` header that has the cookie.
    pub fn cookie_pattern(name: &str, value: &str) -> String {
        format!("^(.*; ?)?{}={}(;.*)?$", escaped(name), escaped(value))
    }
}

/// Escapes what means something in a regular expression (RE2).
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut text, letter| {
        if !letter.is_ascii_alphanumeric() && !"-_".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
        text
    })
}

/// Shares of the root, stable and canary Service in percent. One that is absent is not named by the route at all:
/// a data plane has to know a Service before it gets its first request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The user's own Service.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// The share of the user's own Service: of all pods, by number.
    pub root: Option<u8>,
    /// The share of the stable pods.
    pub stable: Option<u8>,
    /// The share of the canary pods.
    pub canary: Option<u8>,
    /// Requests that go to the canary whatever the weights say; any of these is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// The share of the stable pods' requests that the canary gets a copy of, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<u8>,
}

/// One Service of a split, with its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The Service's name.
    pub name: String,
    /// Whose pods it has; `None` for the root.
    pub role: Option<Role>,
    /// Its share in percent.
    pub percent: u8,
}

impl Split {
    /// The route as the user wrote it.
    pub fn undone(service: &str, namespace: &str) -> Self {
        Self {
            service: service.into(),
            namespace: namespace.into(),
            root: Some(100),
            stable: None,
            canary: None,
            matches: Vec::new(),
            mirror: None,
        }
    }

    /// With these shares.
    #[must_use]
    pub fn with(mut self, root: Option<u8>, stable: Option<u8>, canary: Option<u8>) -> Self {
        (self.root, self.stable, self.canary) = (root, stable, canary);
        self
    }

    /// Whether nothing of ours is in the route.
    pub fn is_undone(&self) -> bool {
        self.stable.is_none() && self.canary.is_none()
    }

    /// Whether the canary gets any request, or a copy of one.
    pub fn uses_canary(&self) -> bool {
        self.canary.is_some_and(|share| share > 0) || !self.matches.is_empty() || self.mirror.is_some()
    }

    /// Whether requests go the same way with both: what has no share is named for the data plane alone.
    pub fn is_same_way(&self, other: &Self) -> bool {
        let shares = |split: &Self| {
            let share = |share: Option<u8>| share.unwrap_or_default();
            (share(split.root), share(split.stable), share(split.canary))
        };
        shares(self) == shares(other) && self.matches == other.matches && self.mirror == other.mirror
    }

    /// Returns the Services that the route names, the root first.
    pub fn backends(&self) -> Vec<Backend> {
        let one = |role: Option<Role>, percent: Option<u8>| {
            percent.map(|percent| Backend { name: self.name(role), role, percent })
        };
        [one(None, self.root), one(Some(Role::Stable), self.stable), one(Some(Role::Canary), self.canary)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Returns the name of a Service of this split.
    pub fn name(&self, role: Option<Role>) -> String {
        role.map_or_else(|| self.service.clone(), |role| role.service(&self.service))
    }

    /// Returns it for people: `90 % stable, 10 % canary, X-Beta=1 to the canary`.
    pub fn sentence(&self) -> String {
        if self.is_undone() {
            return format!("back to service/{} alone", self.service);
        }
        let root = self.root.filter(|root| *root > 0);
        self.told([("root", root), ("stable", self.stable), ("canary", self.canary)])
    }

    /// Returns for people who gets requests, whoever else is named.
    pub fn way(&self) -> String {
        if self.root == Some(100) && !self.uses_canary() {
            return format!("back to service/{} alone", self.service);
        }
        let gets = |share: Option<u8>| share.filter(|share| *share > 0);
        self.told([("root", gets(self.root)), ("stable", gets(self.stable)), ("canary", gets(self.canary))])
    }

    fn told(&self, names: [(&str, Option<u8>); 3]) -> String {
        let share =
            |(name, percent): &(&str, Option<u8>)| percent.map(|percent| format!("{percent} % {name}"));
        let mut parts: Vec<String> = names.iter().filter_map(share).collect();
        for one in &self.matches {
            parts.push(match one {
                Match::Header { name, value } => format!("header {name}={value} to the canary"),
                Match::Cookie { name, value } => format!("cookie {name}={value} to the canary"),
            });
        }
        if let Some(percent) = self.mirror {
            parts.push(format!("a copy of {percent} % to the canary"));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookies_pattern_matches_it_alone() {
        assert_eq!(Match::cookie_pattern("who", "a.b"), r"^(.*; ?)?who=a\.b(;.*)?$");
    }

    #[test]
    fn a_split_is_told_in_words() {
        let split = Split::undone("web", "shop");
        assert_eq!(split.sentence(), "back to service/web alone");
        let split = split.with(Some(0), Some(90), Some(10));
        assert_eq!(split.sentence(), "90 % stable, 10 % canary");
        let names: Vec<String> = split.backends().into_iter().map(|backend| backend.name).collect();
        assert_eq!(names, ["web", "web-rp-stable", "web-rp-canary"]);
    }

    #[test]
    fn several_changes_of_a_route_are_one_as_long_as_requests_go_the_same_way() {
        let split = |root, stable, canary| Split::undone("web", "shop").with(root, stable, canary);
        let back = [
            split(Some(0), Some(100), Some(0)),
            split(Some(0), Some(100), None),
            split(Some(100), Some(0), None),
            split(Some(100), None, None),
        ];
        let same: Vec<bool> = back.windows(2).map(|pair| pair[0].is_same_way(&pair[1])).collect();
        assert_eq!(same, [true, false, true]);
        assert_eq!(
            (back[0].way(), back[2].way()),
            ("100 % stable".into(), "back to service/web alone".into())
        );
        let mut matched = back[0].clone();
        matched.matches = vec![Match::Header { name: "X-Beta".into(), value: "1".into() }];
        assert!(!matched.is_same_way(&back[0]) && matched.uses_canary() && !back[0].uses_canary());
        assert_eq!(matched.way(), "100 % stable, header X-Beta=1 to the canary");
    }
}
