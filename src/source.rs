//! Where the new version comes from: images or a manifest. (The third way, a change made while the
//! Deployment was paused, is in the cluster already.)

mod kustomize;
pub(crate) mod manifest;
mod pattern;
mod pin;
mod yaml;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::analysis_file::AnalysisFile;
use crate::apply::Document;
use crate::ci::Build;
use crate::cli::{ComparedArgs, NewImage, SourceArgs};
use crate::cluster::Cluster;
use crate::environment::Environment;
use crate::error::Error;
use crate::model::{Workload, images_of, with_image};
use crate::output::Output;

/// Returns the new version's template; `None` if none was named.
///
/// An image beside manifests takes the place of theirs; if none of them is of this Deployment, that of the live one.
pub(crate) async fn template(
    cluster: &Cluster,
    deployment: &Workload,
    source: &SourceArgs,
    environment: &Environment,
    output: &Output,
) -> Result<Option<Value>, Error> {
    let build = &Build::of(environment);
    source.image.iter().try_for_each(|image| source.tags.check(image, build))?;
    let has_manifests = !source.filename.is_empty() || source.kustomize.is_some();
    if !has_manifests && source.image.is_empty() {
        return Ok(None);
    }
    let name = deployment.id().name;
    let documents = documents(source.inputs(), environment, output).await?;
    let is_of_it = |document: &Document| {
        document.object["kind"] == "Deployment" && document.object["metadata"]["name"] == name.as_str()
    };
    let live = &deployment.spec.template;
    let template = if !has_manifests || (!source.image.is_empty() && !documents.iter().any(is_of_it)) {
        from_images(live, &source.image)?
    } else {
        let found = manifest::find(&documents, &name, &cluster.namespace)?;
        let mut sent = manifest::template_only(&found.object, &cluster.namespace);
        sent["spec"]["template"] = from_images(&sent["spec"]["template"], &source.image)?;
        let template = cluster.merge_manifest(&name, &sent).await?.spec.template;
        source.tags.check_all(&images_of(&template), build)?;
        template
    };
    match &source.pin_digest {
        Some(namespace) => pin::pinned(cluster, namespace, template, live).await.map(Some),
        None => Ok(Some(template)),
    }
}

/// Returns the documents of manifests, or of what is built.
pub(crate) async fn documents(
    (filenames, kustomize): (&[PathBuf], Option<&Path>),
    environment: &Environment,
    output: &Output,
) -> Result<Vec<Document>, Error> {
    match kustomize {
        Some(directory) => {
            let text = kustomize::build(directory, environment, output).await?;
            manifest::parse(&text, &directory.display().to_string(), None)
        }
        None => files(filenames),
    }
}

/// Checks that a kustomization can be built here.
///
/// # Errors
/// That there is no such directory, or no tool.
pub(crate) fn can_build(directory: &Path, environment: &Environment) -> Result<(), Error> {
    kustomize::tool(directory, environment).map(|_| ())
}

/// Returns the documents of manifests.
pub(crate) fn files(filenames: &[PathBuf]) -> Result<Vec<Document>, Error> {
    if filenames.iter().filter(|path| path.as_path() == Path::new("-")).count() > 1 {
        return Err(Error::usage("-f - can be given once: stdin can be read once"));
    }
    let mut found = Vec::new();
    for path in filenames {
        for path in pattern::expanded(path)? {
            found.extend(manifest::read(&path)?);
        }
    }
    Ok(found)
}

/// Reads the analysis file, if one is named.
///
/// # Errors
/// What is wrong in it, with metric and key.
pub(crate) fn analysis_file(args: &ComparedArgs) -> Result<Option<AnalysisFile>, Error> {
    let Some(path) = &args.analysis else { return Ok(None) };
    let named = path.display();
    let wrong = |why: String| Error::usage(format!("--analysis {named}: {why}"));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let documents = yaml::documents(&text).map_err(wrong)?;
    match documents.as_slice() {
        [one] => AnalysisFile::read(one).map(Some).map_err(wrong),
        many => Err(wrong(format!("one document is wanted, and there are {}", many.len()))),
    }
}

/// Returns a template with images replaced.
pub(crate) fn from_images(template: &Value, images: &[NewImage]) -> Result<Value, Error> {
    images.iter().try_fold(template.clone(), |template, new| {
        with_image(&template, new.container.as_deref(), &new.image)
    })
}
