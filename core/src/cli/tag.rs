//! Flags that say which tags images may have.

use clap::Args;

use super::NewImage;
use crate::ci::{Build, TagPolicy};
use crate::error::Error;

/// What the tags of new images have to be.
#[derive(Clone, Debug, Default, Args)]
pub struct TagPolicyArgs {
    /// What the tags of new images have to be, by the CI build that runs this; never latest
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    pub tag_policy: Option<TagPolicy>,
    /// Name of the CI system in tags [default: what it calls itself]
    #[arg(long, value_name = "NAME")]
    pub tag_system: Option<String>,
}

impl TagPolicyArgs {
    /// Judges the image that a person, or a setting, has named.
    ///
    /// # Errors
    /// [`crate::error::Kind::Refused`].
    pub fn check(&self, new: &NewImage, build: &Build) -> Result<(), Error> {
        let Some(policy) = self.tag_policy else { return Ok(()) };
        policy.check(&new.image, build, self.tag_system.as_deref())
    }

    /// Judges the images of a pod template that a manifest brings.
    ///
    /// # Errors
    /// [`crate::error::Kind::Refused`].
    pub fn check_all(&self, images: &[String], build: &Build) -> Result<(), Error> {
        let Some(policy) = self.tag_policy else { return Ok(()) };
        policy.check_all(images, build, self.tag_system.as_deref())
    }
}

/// Arguments of `tag`.
#[derive(Clone, Debug, Args)]
pub struct TagArgs {
    /// Images to judge instead of printing a tag
    pub images: Vec<String>,
    /// What the tag is made of
    #[arg(long, value_enum, value_name = "POLICY", default_value = "git-hash-build-id")]
    pub tag_policy: TagPolicy,
    /// Name of the CI system in tags [default: what it calls itself]
    #[arg(long, value_name = "NAME")]
    pub tag_system: Option<String>,
}
