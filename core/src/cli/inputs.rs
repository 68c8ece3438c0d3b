//! What a command brings into the cluster, and from where.

use std::path::{Path, PathBuf};

use super::{Command, SourceArgs};

impl SourceArgs {
    /// Returns the manifests and the kustomization that a new version comes from.
    pub fn inputs(&self) -> (&[PathBuf], Option<&Path>) {
        (&self.filename, self.kustomize.as_deref())
    }
}

impl Command {
    /// Returns where its new version comes from, if it brings one.
    pub fn source(&self) -> Option<&SourceArgs> {
        match self {
            Self::Canary(args) => Some(&args.source),
            Self::BlueGreen(args) => Some(&args.source),
            Self::Rolling(args) => Some(&args.source),
            Self::Apply(_)
            | Self::Delete(_)
            | Self::Check(_)
            | Self::Promote(_)
            | Self::Abort(_)
            | Self::Resume(_)
            | Self::Rollback(_)
            | Self::Restart(_)
            | Self::History(_)
            | Self::Status(_)
            | Self::Analyze(_)
            | Self::Import(_)
            | Self::Tag(_)
            | Self::Get(_)
            | Self::Wait(_)
            | Self::Scale(_)
            | Self::Pause(_)
            | Self::Unpause(_)
            | Self::Doctor(_)
            | Self::Bootstrap(_)
            | Self::Chaos(_)
            | Self::Completion(_) => None,
        }
    }

    /// Returns the manifests and the kustomization that it reads; those of `bootstrap` are not of a step.
    pub fn inputs(&self) -> (&[PathBuf], Option<&Path>) {
        // Those without a source of a new version that read files are four.
        if let Self::Apply(args) = self {
            return (&args.filename, args.kustomize.as_deref());
        }
        if let Self::Delete(args) = self {
            return (&args.filename, None);
        }
        if let Self::Import(args) = self {
            return (&args.files, None);
        }
        if let Self::Check(args) = self {
            return (args.filename.as_slice(), None);
        }
        self.source().map_or((&[], None), SourceArgs::inputs)
    }
}
