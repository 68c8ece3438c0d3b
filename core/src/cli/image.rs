//! A new image on the command line.

use std::str::FromStr;

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
        let is_illegal = |letter: char| letter.is_whitespace() || letter.is_control();
        if image.is_empty() || image.starts_with('-') || image.contains(is_illegal) {
            return Err("names no image: write [CONTAINER=]IMAGE".into());
        }
        Ok(Self { container, image: image.to_owned() })
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
            ("app=web=1", Some("app"), "web=1"),
            (digest.as_str(), None, digest.as_str()),
        ] {
            let parsed: NewImage = text.parse().unwrap();
            assert_eq!((parsed.container.as_deref(), parsed.image.as_str()), (container, image));
        }
        for text in ["", "app=", "-web", "app=-web", "web 1", "app=web:1\n"] {
            assert!(text.parse::<NewImage>().unwrap_err().contains("names no image"), "{text}");
        }
    }
}
