//! Finds the kubeconfig and reads it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cli::GlobalArgs;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::kubeconfig::{Kubeconfig, Origin, parse};

/// Reads what kubectl reads: the file of --kubeconfig, which must be there, or those of $KUBECONFIG that are, or
/// ~/.kube/config.
pub(super) fn ambient(args: &GlobalArgs) -> Result<Kubeconfig, Error> {
    let mut all = Kubeconfig::default();
    if let Some(path) = args.kubeconfig.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        add(&mut all, &Origin::Explicit(path.clone()), path)?;
        return Ok(all);
    }
    for path in usual(&args.environment) {
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => all.skip(path),
            _ => add(&mut all, &Origin::File(path.clone()), &path)?,
        }
    }
    Ok(all)
}

/// Reads a text that was given. The files that it names are looked for where we are.
pub(super) fn given(text: &str) -> Result<Kubeconfig, Error> {
    let origin = Origin::Given("the kubeconfig that was given");
    let file = parse(text).map_err(|why| {
        Error::new(Kind::Cluster, format!("{origin}: {why}"))
            .next("kubectl config view --raw --flatten --minify")
    })?;
    let mut all = Kubeconfig::default();
    all.add(&origin, None, file).map_err(crate::kubeconfig::Fault::into_error)?;
    Ok(all)
}

fn usual(environment: &Environment) -> Vec<PathBuf> {
    let Some(list) = environment.get("KUBECONFIG") else {
        let home = environment.get("HOME").map(PathBuf::from).or_else(std::env::home_dir);
        return home.map(|home| home.join(".kube").join("config")).into_iter().collect();
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in std::env::split_paths(list) {
        if !path.as_os_str().is_empty() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

fn add(all: &mut Kubeconfig, origin: &Origin, path: &Path) -> Result<(), Error> {
    let failed = |why: String| {
        Error::new(Kind::Cluster, format!("{origin}: {why}")).next(format!("ls -l {}", path.display()))
    };
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is no text in UTF-8".into()))?;
    let file = parse(&text).map_err(|why| {
        Error::new(Kind::Cluster, format!("{origin}: {why}"))
            .next(format!("kubectl config view --kubeconfig {}", path.display()))
    })?;
    let absolute = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    all.add(origin, absolute.parent(), file).map_err(crate::kubeconfig::Fault::into_error)
}
