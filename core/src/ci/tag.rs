//! Tags that say which build made an image.

use clap::ValueEnum;

use crate::ci::build::{Build, System, is_hex};
use crate::error::Error;
use crate::model::Reference;

/// How much of a commit stands in the tags that we print.
const SHORT: usize = 8;
/// The shortest part of a commit that names it.
const LEAST: usize = 7;

/// What a tag has to be. None accepts `latest`, or no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TagPolicy {
    /// The number of the build: 123.
    BuildId,
    /// The name of the CI system and the number: woodpecker-123.
    SystemBuildId,
    /// The commit, or 7 letters of it or more: 0123abcd.
    GitHash,
    /// Both, so that a build that is run again has its own: 0123abcd-123.
    GitHashBuildId,
    /// A version; that of the tag in git, if one is built: 1.2.3, v1.2.3-rc.1.
    Semver,
    /// Any but latest.
    Any,
}

impl TagPolicy {
    /// Returns the tag for an image that this build makes. `system` replaces the name of the CI system.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] if the build does not say what the tag is made of.
    pub fn tag(self, build: &Build, system: Option<&str>) -> Result<String, Error> {
        let number = || build.number.map(|n| n.to_string()).ok_or_else(|| unsaid("the number of the build"));
        let commit = || {
            let commit = build.commit.as_ref().ok_or_else(|| unsaid("the commit"))?;
            Ok::<_, Error>(commit.chars().take(SHORT).collect::<String>())
        };
        Ok(match self {
            Self::BuildId => number()?,
            Self::SystemBuildId => format!("{}-{}", named(build, system)?, number()?),
            Self::GitHash => commit()?,
            Self::GitHashBuildId => format!("{}-{}", commit()?, number()?),
            Self::Semver => match &build.tag {
                Some(tag) if is_version(tag) => tag.clone(),
                Some(tag) => {
                    return Err(Error::usage(format!("the tag {tag} in git is no version like 1.2.3")));
                }
                None => return Err(unsaid("a tag in git")),
            },
            Self::Any => {
                return Err(Error::usage("any tag will do, so there is no right one: name another policy"));
            }
        })
    }

    /// Says what is wrong with an image.
    ///
    /// # Errors
    /// [`crate::error::Kind::Refused`], with the tag that is right.
    pub fn check(self, image: &str, build: &Build, system: Option<&str>) -> Result<(), Error> {
        let reference = Reference::of(image);
        let right = || self.tag(build, system).ok().map(|tag| format!("the tag for this build: {tag}"));
        let refused =
            |why: String| Error::refused(format!("image {image} {why}")).next(right().unwrap_or_default());
        let tag = match reference.tag {
            // A digest alone names the image for good.
            None if reference.digest.is_some() => return Ok(()),
            None => return Err(refused("has no tag, which means latest".into())),
            Some("") => {
                return Err(refused("has an empty tag: what stands for it is empty in this build".into()));
            }
            Some("latest") => {
                return Err(refused("has the tag latest, which is another image tomorrow".into()));
            }
            Some(tag) if !is_tag(tag) => {
                let why = "has more than one tag, or letters that no tag may have".to_owned();
                return Err(refused(changed(tag, build).unwrap_or(why)));
            }
            Some(tag) => tag,
        };
        let own = |right: bool, what: &str| match (right, build.deploys_another()) {
            (true, _) | (_, true) => Ok(()),
            (false, false) => Err(format!("is not of this build, which is {what}")),
        };
        let number = |text: &str| {
            let number: u64 =
                text.parse().map_err(|_| "does not end with the number of a build".to_owned())?;
            match build.number {
                Some(built) => own(built == number, &built.to_string()),
                None => Ok(()),
            }
        };
        let hash = |text: &str| {
            let given = text.to_ascii_lowercase();
            let shaped = is_hex(&given) && (LEAST..=64).contains(&given.len());
            let commit = build.commit.as_deref().unwrap_or_default();
            if !commit.starts_with(&given)
                && let Some(why) = changed(text, build)
            {
                return Err(why);
            }
            match (shaped, commit) {
                (false, _) => Err(format!("has {text}, which is no commit of {LEAST} letters or more")),
                (true, "") => Ok(()),
                (true, commit) => own(commit.starts_with(&given), commit),
            }
        };
        let verdict = match self {
            Self::Any => Ok(()),
            Self::BuildId => number(tag),
            Self::SystemBuildId => match tag.rsplit_once('-') {
                Some((name, id)) if named(build, system).map_or(true, |right| right == name) => number(id),
                _ => Err("is not the name of the CI system, a dash and a number".into()),
            },
            Self::GitHash => hash(tag),
            Self::GitHashBuildId => match tag.rsplit_once('-') {
                Some((commit, id)) => hash(commit).and_then(|()| number(id)),
                None => Err("is not a commit, a dash and a number".into()),
            },
            Self::Semver if !is_version(tag) => {
                Err("has no version like 1.2.3 (YAML makes 1.1 of 1.10: put it in quotes)".into())
            }
            Self::Semver => {
                let plain = |text: &str| text.trim_start_matches('v').to_owned();
                match &build.tag {
                    Some(built) => own(plain(built) == plain(tag), built),
                    None => Ok(()),
                }
            }
        };
        verdict.map_err(|why| refused(format!("does not fit the policy {}: it {why}", self.name())))
    }

    /// Says what is wrong with the images of a pod template: none may be `latest`, and one at least has to fit, because
    /// others may come from elsewhere.
    ///
    /// # Errors
    /// [`crate::error::Kind::Refused`].
    pub fn check_all(self, images: &[String], build: &Build, system: Option<&str>) -> Result<(), Error> {
        images.iter().try_for_each(|image| Self::Any.check(image, build, system))?;
        let mut wrong = images.iter().map(|image| self.check(image, build, system));
        let Some(first) = wrong.next() else { return Ok(()) };
        if first.is_ok() || wrong.any(|one| one.is_ok()) { Ok(()) } else { first }
    }

    /// Returns it as it is typed.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// The name of the CI system, as it stands in tags.
fn named<'a>(build: &Build, system: Option<&'a str>) -> Result<&'a str, Error> {
    system.or_else(|| build.system.map(System::name)).ok_or_else(|| unsaid("which CI system it is"))
}

fn unsaid(what: &str) -> Error {
    Error::usage(format!("the environment does not say {what}, which the tag is made of"))
        .next("run it in the pipeline that builds the image, or choose another policy")
}

/// Says so if a tag is what a YAML parser made of the commit.
fn changed(tag: &str, build: &Build) -> Option<String> {
    let meant = mangled(tag, build.commit.as_deref()?)?;
    Some(format!(
        "has {tag}, which is what YAML makes of the number {meant}: put the tag in quotes, or leave it out and set \
         tag_policy"
    ))
}

/// Returns the beginning of the commit that a YAML parser would turn into this number: it takes digits with a 0 before
/// them as octal or as a float, and `12345e67` as a float (`resolve.go` in go-yaml).
fn mangled<'c>(number: &str, commit: &'c str) -> Option<&'c str> {
    let same = |meant: &&str| {
        let octal = meant.strip_prefix('0').and_then(|digits| i64::from_str_radix(digits, 8).ok());
        let binary = meant.strip_prefix("0b").and_then(|digits| i64::from_str_radix(digits, 2).ok());
        if let Some(read) = octal.or(binary) {
            return number == read.to_string();
        }
        let float =
            |text: &str| text.parse::<f64>().ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit()));
        float(meant).zip(float(number)).is_some_and(|(meant, given)| meant.to_bits() == given.to_bits())
    };
    (LEAST..=commit.len()).filter_map(|length| commit.get(..length)).find(same)
}

/// Whether it has the form of a tag (distribution/reference `regexp.go`).
fn is_tag(text: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.len() <= 128
        && text.starts_with(word)
        && text.chars().all(|letter| word(letter) || ".-".contains(letter))
}

/// Whether it is a version (semver.org), with or without a v. Build metadata cannot be in a tag.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (core, rest) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
    let number = |text: &str| {
        text.chars().all(|letter| letter.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'))
            && !text.is_empty()
    };
    let identifier = |text: &str| {
        let numeric = text.chars().all(|letter| letter.is_ascii_digit());
        let legal = text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        !text.is_empty() && legal && (!numeric || number(text))
    };
    core.split('.').count() == 3
        && core.split('.').all(number)
        && rest.is_none_or(|rest| rest.split('.').all(identifier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn build() -> Build {
        Build {
            system: Some(System::Woodpecker),
            number: Some(42),
            commit: Some(SHA.into()),
            ..Build::default()
        }
    }

    fn fits(policy: TagPolicy, tag: &str) -> bool {
        policy.check(&format!("registry:5000/shop/web:{tag}"), &build(), None).is_ok()
    }

    fn said(policy: TagPolicy, tag: &str, build: &Build) -> String {
        policy.check(&format!("web:{tag}"), build, None).unwrap_err().message
    }

    #[test]
    fn each_policy_takes_its_own_tag_and_no_other_builds() {
        for (policy, right, wrong) in [
            (TagPolicy::BuildId, "42", &["41", "v42", "042x", "4294967296000000000000"][..]),
            (TagPolicy::SystemBuildId, "woodpecker-42", &["drone-42", "woodpecker-41", "42", "woodpecker-"]),
            (TagPolicy::GitHash, "01234567", &["012345", "1234567", "abcdef01", "01234567-42"]),
            (TagPolicy::GitHashBuildId, "01234567-42", &["01234567-41", "1234567-42", "01234567", "42"]),
            (TagPolicy::Semver, "1.2.3-rc.1", &["1.2", "1.02.3", "1.2.3-", "1.2.3-01", "x1.2.3", "main"]),
            (TagPolicy::Any, "main", &["a,b", "-x", "a b"]),
        ] {
            assert!(fits(policy, right), "{policy:?}");
            for tag in wrong {
                assert!(!fits(policy, tag), "{policy:?} takes {tag}");
            }
            for bad in ["web", "r:5000/web", "web:latest", &format!("web:latest@{DIGEST}"), "web:"] {
                let error = policy.check(bad, &build(), None).unwrap_err();
                assert_eq!(error.kind, Kind::Refused, "{policy:?} takes {bad}");
            }
            assert!(policy.check(&format!("web@{DIGEST}"), &build(), None).is_ok());
        }
        assert!(fits(TagPolicy::GitHash, SHA) && fits(TagPolicy::GitHash, &SHA.to_uppercase()));
    }

    #[test]
    fn the_right_tag_is_printed_and_fits() {
        for policy in
            [TagPolicy::BuildId, TagPolicy::SystemBuildId, TagPolicy::GitHash, TagPolicy::GitHashBuildId]
        {
            let tag = policy.tag(&build(), None).unwrap();
            assert!(fits(policy, &tag), "{tag}");
            assert!(policy.tag(&Build::default(), None).is_err());
        }
        assert_eq!(TagPolicy::SystemBuildId.tag(&build(), Some("ci2")).unwrap(), "ci2-42");
        let error = TagPolicy::BuildId.check("web:41", &build(), None).unwrap_err();
        assert_eq!(error.next, ["the tag for this build: 42"]);
        let released = Build { tag: Some("v1.2.3".into()), ..build() };
        assert_eq!(TagPolicy::Semver.tag(&released, None).unwrap(), "v1.2.3");
        assert!(TagPolicy::Semver.check("web:1.2.3", &released, None).is_ok());
        assert!(TagPolicy::Semver.check("web:1.2.4", &released, None).is_err());
    }

    #[test]
    fn a_promotion_deploys_what_another_build_made() {
        let promotes = Build { event: Some("promote".into()), number: Some(50), ..build() };
        assert!(TagPolicy::BuildId.check("web:42", &promotes, None).is_ok());
        assert!(TagPolicy::GitHash.check("web:abcdef01", &promotes, None).is_ok());
        assert!(TagPolicy::GitHash.check("web:main", &promotes, None).is_err(), "the shape still counts");
    }

    #[test]
    fn numbers_that_yaml_has_changed_are_recognised() {
        insta::assert_snapshot!(said(TagPolicy::GitHash, "342391", &build()), @"image web:342391 does not fit the policy git-hash: it has 342391, which is what YAML makes of the number 01234567: put the tag in quotes, or leave it out and set tag_policy");
        for (commit, tag, meant) in [
            ("12345e67aaaaaaaa", "1.2345e+71", Some("12345e67")),
            ("01234589aaaaaaaa", "1.234589e+06", Some("01234589")),
            ("0b101101aaaaaaaa", "45", Some("0b101101")),
            ("abcdef0123456789", "342391", None),
            ("1234567aaaaaaaaa", "1234568", None),
        ] {
            assert_eq!(mangled(tag, commit), meant, "{commit} {tag}");
            let of_it = Build { commit: Some(commit.into()), ..build() };
            assert_eq!(said(TagPolicy::GitHash, tag, &of_it).contains("what YAML makes"), meant.is_some());
        }
        insta::assert_snapshot!(said(TagPolicy::Semver, "1.1", &build()), @"image web:1.1 does not fit the policy semver: it has no version like 1.2.3 (YAML makes 1.1 of 1.10: put it in quotes)");
    }

    #[test]
    fn of_a_pod_one_image_has_to_fit_and_none_may_be_latest() {
        let check = |images: &[&str]| {
            let images: Vec<String> = images.iter().map(|image| (*image).to_owned()).collect();
            TagPolicy::GitHash.check_all(&images, &build(), None)
        };
        assert!(check(&["web:01234567", "proxy:v1.30"]).is_ok());
        assert!(check(&["web:v2", "proxy:v1.30"]).is_err());
        assert!(check(&["web:01234567", "proxy"]).is_err());
        assert!(check(&[]).is_ok());
    }
}
