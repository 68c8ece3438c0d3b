//! Deployments that another command rolls out: `apply` makes them where they are not there yet, and else leaves them
//! alone.

use super::Run;
use crate::apply::{Document, Id, Item};
use crate::cli::ApplyArgs;
use crate::error::Error;
use crate::source;

/// Gives them the images of the command line.
pub(super) fn with_images(documents: &mut [Document], args: &ApplyArgs) -> Result<(), Error> {
    for document in documents.iter_mut().filter(|document| document.object["kind"] == "Deployment") {
        let name = document.object["metadata"]["name"].as_str().unwrap_or_default();
        if !is_named(args, name) || args.image.is_empty() {
            continue;
        }
        let template = source::from_images(&document.object["spec"]["template"], &args.image);
        document.object["spec"]["template"] = template
            .map_err(|error| Error { message: format!("{}: {}", document.origin, error.message), ..error })?;
    }
    Ok(())
}

/// Takes those out that are there. Returns what is left, and what was taken out.
pub(super) async fn split(run: &Run<'_>, items: Vec<Item>) -> Result<(Vec<Item>, Vec<Id>), Error> {
    let (mut left, mut out) = (Vec::new(), Vec::new());
    for item in items {
        let named = item.is_rolled_out() && is_named(run.args, &item.id.name);
        if named && run.cluster.object(&item.id, &item.path()).await?.is_some() {
            run.note(format!("{}: left to the command that rolls it out", item.id));
            out.push(item.id);
        } else {
            left.push(item);
        }
    }
    Ok((left, out))
}

/// Whether it is named by `--except`, as NAME or deployment/NAME.
fn is_named(args: &ApplyArgs, name: &str) -> bool {
    args.except.iter().any(|one| one.rsplit('/').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn only_those_that_are_named_get_the_image() {
        let line = ["k", "apply", "-f", "a", "--except", "deployment/web", "--image", "web:2"];
        let Command::Apply(args) = Cli::try_parse_from(line).unwrap().command else { panic!("no apply") };
        let deployment = |name: &str| {
            let containers = json!([{"name": "c", "image": "placeholder"}]);
            Document {
                file: None,
                origin: "a".into(),
                object: json!({"kind": "Deployment", "metadata": {"name": name},
                    "spec": {"template": {"spec": {"containers": containers}}}}),
            }
        };
        let mut documents = [deployment("web"), deployment("api")];
        with_images(&mut documents, &args).unwrap();
        let image = |index: usize| {
            documents[index].object["spec"]["template"]["spec"]["containers"][0]["image"].clone()
        };
        assert_eq!((image(0), image(1)), (json!("web:2"), json!("placeholder")));
    }
}
