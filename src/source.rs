//! Where the new version comes from: images or a manifest. (The third way, a change made while the
//! Deployment was paused, is in the cluster already.)

mod kustomize;
pub(crate) mod manifest;

use std::path::Path;

use serde_json::Value;

use crate::apply::Document;
use crate::ci::Build;
use crate::cli::{ApplyArgs, SourceArgs};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::model::{Deployment, images_of, with_image};

/// Returns the new version's template; `None` if none was named.
pub(crate) async fn template(
    cluster: &Cluster,
    deployment: &Deployment,
    source: &SourceArgs,
    build: &Build,
) -> Result<Option<Value>, Error> {
    match &source.filename {
        Some(path) => {
            let template = from_manifest(cluster, &deployment.id().name, path).await?;
            source.tags.check_all(&images_of(&template), build)?;
            Ok(Some(template))
        }
        None if source.image.is_empty() => Ok(None),
        None => {
            source.image.iter().try_for_each(|image| source.tags.check(image, build))?;
            from_images(deployment, &source.image).map(Some)
        }
    }
}

/// Returns the documents of what `apply` is given.
pub(crate) fn documents(args: &ApplyArgs) -> Result<Vec<Document>, Error> {
    if let Some(directory) = &args.kustomize {
        return manifest::parse(&kustomize::build(directory)?, &directory.display().to_string(), None);
    }
    if args.filename.iter().filter(|path| path.as_path() == Path::new("-")).count() > 1 {
        return Err(Error::usage("-f - can be given once: stdin can be read once"));
    }
    let mut found = Vec::new();
    for path in &args.filename {
        found.extend(manifest::read(path)?);
    }
    Ok(found)
}

/// Returns the live template with images replaced; each is `[container=]image`.
pub(crate) fn from_images(deployment: &Deployment, images: &[String]) -> Result<Value, Error> {
    images.iter().try_fold(deployment.spec.template.clone(), |template, argument| {
        let (container, image) = match argument.split_once('=') {
            Some((container, image)) => (Some(container), image),
            None => (None, argument.as_str()),
        };
        if image.is_empty()
            || image.starts_with('-')
            || image.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(Error::usage(format!(
                "'{argument}' names no image: write --image [CONTAINER=]IMAGE"
            )));
        }
        with_image(&template, container, image)
    })
}

/// Returns the template that a manifest gives the live Deployment, merged by the server.
async fn from_manifest(cluster: &Cluster, name: &str, path: &Path) -> Result<Value, Error> {
    let documents = manifest::read(path)?;
    let found = manifest::find(&documents, name, &cluster.namespace)?;
    let template = manifest::template_only(&found.object, &cluster.namespace);
    let merged = cluster.merge_manifest(name, &template).await?;
    Ok(merged.spec.template)
}
