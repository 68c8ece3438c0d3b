//! An image reference, taken apart (distribution/reference `regexp.go`).

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
