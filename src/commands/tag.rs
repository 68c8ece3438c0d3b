//! `tag`: the tag for the image that this build makes, or whether images have the right one.

use crate::ci::Build;
use crate::cli::TagArgs;
use crate::error::Error;
use crate::output::Output;

/// Runs the verb.
pub(super) fn run(args: &TagArgs, build: &Build, output: &Output) -> Result<(), Error> {
    let system = args.tag_system.as_deref();
    if args.images.is_empty() {
        return output.text(&args.tag_policy.tag(build, system)?);
    }
    args.images.iter().try_for_each(|image| args.tag_policy.check(image, build, system))
}
