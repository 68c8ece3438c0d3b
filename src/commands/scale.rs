//! `scale`, `pause` and `unpause`: one field of a Deployment, as kubectl sets it.

use serde_json::{Value, json};

use crate::cli::{DryRun, GlobalArgs, PauseArgs, ScaleArgs};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::event::Event;
use crate::model::deployment_name;
use crate::output::Output;

/// Sets the number of pods.
pub(super) async fn scale(
    args: &ScaleArgs,
    global: &GlobalArgs,
    cluster: &Cluster,
    output: &Output,
) -> Result<(), Error> {
    let done = format!("scaled to {}", args.replicas);
    set(&args.name, &json!({"replicas": args.replicas}), &done, global, cluster, output).await
}

/// Stops or lets go its rollouts.
pub(super) async fn pause(
    args: &PauseArgs,
    paused: bool,
    global: &GlobalArgs,
    cluster: &Cluster,
    output: &Output,
) -> Result<(), Error> {
    let done = if paused { "paused" } else { "resumed" };
    // Null takes the field away.
    let value = if paused { json!(true) } else { Value::Null };
    set(&args.name, &json!({"paused": value}), done, global, cluster, output).await
}

async fn set(
    name: &str,
    spec: &Value,
    done: &str,
    global: &GlobalArgs,
    cluster: &Cluster,
    output: &Output,
) -> Result<(), Error> {
    let name = deployment_name(name)?;
    if global.dry_run != Some(DryRun::Client) {
        cluster.set_spec(name, spec.clone(), global.dry_run.is_some()).await?;
        for text in cluster.warnings() {
            output.about_all().event(&Event::warning(text));
        }
    }
    let would = if global.dry_run.is_some() { "would be " } else { "" };
    output.about_all().event(&Event::note(format!("deployment.apps/{name}: {would}{done}")));
    Ok(())
}
