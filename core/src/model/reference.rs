//! An image reference, taken apart (distribution/reference `regexp.go`).

use regex_lite::Regex;

/// The parts of an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// What stands before tag and digest.
    pub repository: &'a str,
    /// What stands behind the colon, if there is one.
    pub tag: Option<&'a str>,
    /// What stands behind the `@`, if there is one.
    pub digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Takes a reference apart. A colon before the last slash is a port.
    pub fn of(image: &'a str) -> Self {
        let (name, digest) =
            image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
        let last = name.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match name[last..].find(':').map(|at| name.split_at(last + at)) {
            Some((repository, tag)) => (repository, tag.strip_prefix(':')),
            None => (name, None),
        };
        Self { repository, tag, digest }
    }

    /// Returns what is wrong with a reference for which a kubelet says `InvalidImageName`
    /// (distribution/reference `normalize.go`, `ParseNormalizedNamed`).
    pub fn problem(image: &str) -> Option<&'static str> {
        let Reference { repository, tag, digest } = Reference::of(image);
        let is = |text: &str, pattern: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
        let (domain, path) = match repository.split_once('/') {
            Some((first, path)) if is_domain(first) => (Some(first), path),
            Some(_) | None => (None, repository),
        };
        if repository.is_empty() {
            Some("names no image")
        } else if domain.is_some_and(|domain| !is(domain, DOMAIN)) {
            Some("has no registry in front that could be one")
        } else if path.chars().any(|letter| letter.is_ascii_uppercase()) {
            Some("has capital letters in the repository")
        } else if !is(path, PATH) || path.len() > 255 || is(repository, IDENTIFIER) {
            Some("has no repository that could be one")
        } else if tag == Some("") {
            Some("ends with ':': the tag is empty")
        } else if tag.is_some_and(|tag| !is(tag, TAG)) {
            Some("has no tag that could be one")
        } else if digest.is_some_and(|digest| !is(digest, DIGEST)) {
            Some("has no digest that could be one")
        } else {
            None
        }
    }
}

const DOMAIN: &str = r"^([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(\.([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(:[0-9]+)?$|^\[[a-fA-F0-9:]+\](:[0-9]+)?$";
const PATH: &str = r"^[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*$";
const TAG: &str = r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$";
const DIGEST: &str = r"^(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$";
const IDENTIFIER: &str = "^[a-f0-9]{64}$";

/// Whether what stands before the first slash is a registry, and not the begin of a path.
fn is_domain(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first.chars().any(|letter| letter.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kubelet_takes_is_taken() {
        let digest = format!("web:v1@sha256:{}", "a".repeat(64));
        for image in [
            "web",
            "shop/web:v1",
            "localhost/web",
            "r.test:5000/a/web:v1",
            "[::1]:5000/web",
            "Registry/web",
            "a__b/c-d--e.f:V_1.0-x",
            &digest,
        ] {
            assert_eq!(Reference::problem(image), None, "{image}");
        }
        for (image, problem) in [
            ("", "no image"),
            (":v1", "no image"),
            ("web:", "empty"),
            ("shop/web:v2:", "no tag"),
            ("shop/web:v2:3", "no tag"),
            ("shop/Web:v1", "capital"),
            ("Web", "capital"),
            ("shop//web", "no repository"),
            ("web 1", "no repository"),
            ("https://r.test/web:v1", "no registry"),
            ("-web", "no repository"),
            ("r_.test/web", "no registry"),
            ("web:v1@sha256:abc", "no digest"),
            ("$IMAGE:v1", "capital"),
            (&"a".repeat(64), "no repository"),
        ] {
            assert!(Reference::problem(image).is_some_and(|told| told.contains(problem)), "{image}");
        }
    }

    #[test]
    fn a_port_is_no_tag() {
        for (image, repository, tag, digest) in [
            ("web", "web", None, None),
            ("web:", "web", Some(""), None),
            ("r.test:5000/web", "r.test:5000/web", None, None),
            ("r.test:5000/a/web:v1", "r.test:5000/a/web", Some("v1"), None),
            ("web@sha256:ab", "web", None, Some("sha256:ab")),
            ("r:5000/web:v1@sha256:ab", "r:5000/web", Some("v1"), Some("sha256:ab")),
        ] {
            assert_eq!(Reference::of(image), Reference { repository, tag, digest }, "{image}");
        }
    }
}
