//! Whether a command can run here, as far as that is known without the cluster.

use std::path::{Path, PathBuf};

use super::apply;
use crate::ci::Build;
use crate::cli::Command;
use crate::environment::Environment;
use crate::error::Error;
use crate::source;

/// Checks that what a command reads is there and makes sense, and that its images have tags that may be deployed.
///
/// # Errors
/// As the command itself would end, with nothing written.
pub(super) fn check(command: &Command, environment: &Environment) -> Result<(), Error> {
    let build = Build::of(environment);
    let (filenames, kustomize) = command.inputs();
    // Standard input can be read once.
    let on_disk = filenames.iter().filter(|path| path.as_path() != Path::new("-")).cloned();
    let on_disk: Vec<PathBuf> = on_disk.collect();
    let documents = source::files(&on_disk)?;
    if let Some(directory) = kustomize {
        source::can_build(directory, environment)?;
    }
    let is_whole = kustomize.is_none() && on_disk.len() == filenames.len();
    if let Command::Apply(args) = command
        && is_whole
    {
        apply::prepared(args, documents, &build)?;
    }
    let images =
        command.source().into_iter().flat_map(|source| source.image.iter().map(move |one| (source, one)));
    images.into_iter().try_for_each(|(source, image)| source.tags.check(image, &build))
}
