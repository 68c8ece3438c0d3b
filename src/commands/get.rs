//! `get`: objects as kubectl shows them, so that a pipeline that looks at them needs no kubectl.

use serde_json::{Value, json};

use crate::apply::asked::{Asked, asked};
use crate::cli::{GetArgs, GlobalArgs, OutputFormat};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::output::Output;
use crate::traffic::text;

/// Runs the verb.
pub(super) async fn run(
    args: &GetArgs,
    global: &GlobalArgs,
    cluster: &Cluster,
    output: &Output,
) -> Result<(), Error> {
    let Some(all) = asked(&args.what) else {
        return Err(Error::usage(format!(
            "get shows Kubernetes' own kinds, and {} is none",
            args.what.join(" ")
        ))
        .next(format!("kubectl get {}", args.what.join(" "))));
    };
    if args.names {
        for one in &all {
            for item in items(one, args, cluster).await? {
                output.text(&format!("{}/{}", one.prefix(), text(&item, "/metadata/name")))?;
            }
        }
        return Ok(());
    }
    let human = global.output == OutputFormat::Human;
    // The log of a build is read by many.
    if !human && let Some(one) = all.iter().find(|one| one.resource.plural == "secrets") {
        return Err(Error::usage("a Secret is not printed").next(format!("get {}", one.prefix())));
    }
    if !human {
        let mut found = Vec::new();
        for one in &all {
            found.extend(items(one, args, cluster).await?);
        }
        if let ([only], [one]) = (found.as_slice(), all.as_slice())
            && one.name.is_some()
        {
            return output.document(only);
        }
        return output.document(&json!({"apiVersion": "v1", "kind": "List", "items": found}));
    }
    let mut nothing = true;
    for one in &all {
        let table = cluster.table(one, args.all_namespaces, args.selector.as_deref()).await?;
        if !table["rows"].as_array().is_none_or(Vec::is_empty) {
            nothing = false;
            let prefix = several_kinds(&all).then(|| one.prefix());
            output.server_table(&table, prefix.as_deref(), args.all_namespaces, args.wide)?;
        }
    }
    if nothing {
        let place = if args.all_namespaces {
            "any namespace".into()
        } else {
            format!("namespace {}", cluster.namespace)
        };
        output.about_all().event(&crate::event::Event::note(format!("no resources found in {place}")));
    }
    Ok(())
}

/// Reads the objects that are asked for, whole.
async fn items(one: &Asked, args: &GetArgs, cluster: &Cluster) -> Result<Vec<Value>, Error> {
    let found = cluster.whole(one, args.all_namespaces, args.selector.as_deref()).await?;
    Ok(match found["items"].as_array() {
        Some(listed) if one.name.is_none() => listed.clone(),
        _ => vec![found],
    })
}

fn several_kinds(all: &[Asked]) -> bool {
    all.iter().any(|one| one.resource != all[0].resource)
}
