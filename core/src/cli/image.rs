//! A new image on the command line.

use std::str::FromStr;

use crate::model::Reference;

/// An image to run: `[CONTAINER=]IMAGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// The container that it is for; may be left out where there is just one.
    pub container: Option<String>,
    /// The image.
    pub image: String,
}

impl FromStr for NewImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (container, image) = match text.split_once('=') {
            Some((container, image)) => (Some(container.to_owned()), image),
            None => (None, text),
        };
        match Reference::problem(image) {
            Some(problem) => Err(format!("{problem}: write [CONTAINER=]IMAGE")),
            None => Ok(Self { container, image: image.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_may_stand_before_the_image() {
        let digest = format!("web@sha256:{}", "a".repeat(64));
        for (text, container, image) in [
            ("web:1", None, "web:1"),
            ("app=registry:5000/web:1", Some("app"), "registry:5000/web:1"),
            ("=web:1", Some(""), "web:1"),
            (digest.as_str(), None, digest.as_str()),
        ] {
            let parsed: NewImage = text.parse().unwrap();
            assert_eq!((parsed.container.as_deref(), parsed.image.as_str()), (container, image));
        }
        for text in ["", "app=", "-web", "app=-web", "web 1", "app=web:1\n", "app=web=1", "web:1:"] {
            assert!(text.parse::<NewImage>().unwrap_err().contains("write [CONTAINER=]IMAGE"), "{text}");
        }
    }
}
