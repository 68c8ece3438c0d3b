//! The argument of `--deliver`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::remote::Remote;

/// A form that a file can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// A kubeconfig with one context.
    Kubeconfig,
    /// `KUBERNETES_SERVER=`, `KUBERNETES_CERT=` and `KUBERNETES_TOKEN=`.
    Dotenv,
    /// JSON with the same, and with what the credential is.
    Json,
}

/// Where a credential is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file that its owner alone can read.
    File(FileForm, PathBuf),
    /// A Secret in the account's namespace.
    Secret(String),
    /// A CI system.
    Remote(Remote),
}

/// What `--deliver` takes, for errors.
const FORMS: &str = "kubeconfig=FILE, dotenv=FILE, json=FILE, secret=NAME, drone=OWNER/REPO, drone-org=NAME, drone-encrypted=OWNER/REPO:FILE, woodpecker=OWNER/REPO, woodpecker-org=NAME, github=OWNER/REPO or gitlab=GROUP/PROJECT";

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no delivery: write {FORMS}");
        let (form, place) = text.split_once('=').filter(|(_, place)| !place.is_empty()).ok_or_else(wrong)?;
        let file = |form| {
            if place == "-" {
                return Err("a credential is not printed: write it to a file, or use --show".to_owned());
            }
            Ok(Self::File(form, PathBuf::from(place)))
        };
        match form {
            "kubeconfig" => file(FileForm::Kubeconfig),
            "dotenv" => file(FileForm::Dotenv),
            "json" => file(FileForm::Json),
            "secret" => {
                let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
                let is_name = place.len() <= 253 && place.chars().all(legal);
                if is_name {
                    Ok(Self::Secret(place.into()))
                } else {
                    Err(format!("'{place}' cannot be the name of a Secret"))
                }
            }
            _ => Remote::parse(form, place).ok_or_else(wrong)?.map(Self::Remote),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(FileForm::Kubeconfig, path) => write!(f, "kubeconfig={}", path.display()),
            Self::File(FileForm::Dotenv, path) => write!(f, "dotenv={}", path.display()),
            Self::File(FileForm::Json, path) => write!(f, "json={}", path.display()),
            Self::Secret(name) => write!(f, "secret={name}"),
            Self::Remote(remote) => write!(f, "{remote}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_read_as_they_are_written() {
        for text in [
            "kubeconfig=ci.kubeconfig",
            "dotenv=a=b",
            "json=/tmp/x",
            "secret=ci",
            "drone=acme/shop",
            "drone-org=acme",
            "drone-encrypted=acme/shop:secrets.yml",
            "woodpecker=acme/shop",
            "woodpecker=acme/shop:registry.test/a/rollout-plus,other",
            "woodpecker-org=acme",
            "github=acme/shop",
            "gitlab=acme/web/shop",
        ] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        for text in
            ["drone=acme", "drone-org=a/b", "github=a/b/c", "gitlab=acme", "woodpecker=../x", "drone=a/b:c"]
        {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
        for text in ["", "ci.kubeconfig", "kubeconfig=", "json=-", "secret=../x", "secret=", "vault=x"] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }
}
