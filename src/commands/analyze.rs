//! `analyze`: the metrics of two versions that serve, compared, and nothing changed.

use std::path::Path;

use crate::analysis::replay;
use crate::cli::{AnalyzeArgs, GuardArgs, Looking};
use crate::cluster::connect;
use crate::commands::context::Context;
use crate::error::{Error, Kind};
use crate::event::{Compared, Outlook};
use crate::plan::OnInconclusive;
use crate::source;

/// Runs the verb.
pub(super) async fn run(args: &AnalyzeArgs, context: Context<'_>) -> Result<(), Error> {
    match (&args.replay, &args.name) {
        (Some(file), _) => replayed(file, context),
        (None, Some(name)) => live(name, args, context).await,
        (None, None) => Err(Error::usage("name a Deployment, or a file: --replay FILE")),
    }
}

fn replayed(file: &Path, context: Context<'_>) -> Result<(), Error> {
    let named = file.display();
    let wrong = |why: String| Error::usage(format!("--replay {named}: {why}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    told(&replay(&text).map_err(wrong)?.into(), &named.to_string(), context, &[])
}

async fn live(name: &str, args: &AnalyzeArgs, context: Context<'_>) -> Result<(), Error> {
    let file = source::analysis_file(&args.compared)?;
    let looking =
        Looking { time: args.analysis_time, early_pass: true, on_inconclusive: OnInconclusive::Hold };
    let asked = args.compared.asked(file.is_none(), file, looking)?;
    let cluster = connect(context.global).await?.with_sources(context.sources(Some(&asked), &[])?);
    let mut engine = context.open(&cluster, name, &GuardArgs::default()).await?;
    let id = engine.observed()?.workload.id();
    let compared = engine.look_at_both(&asked).await?;
    let next = match compared.verdict {
        Outlook::Worse => id.command("abort"),
        Outlook::Good | Outlook::NotEnoughData => id.command("status"),
    };
    told(&compared, &id.to_string(), context, &[next])
}

/// Writes what came out, which also decides the exit code.
fn told(compared: &Compared, about: &str, context: Context<'_>, next: &[String]) -> Result<(), Error> {
    context.output.compared(compared)?;
    let (kind, word) = match compared.verdict {
        Outlook::Good => return Ok(()),
        Outlook::Worse => (Kind::VersionFailed, "the new version is worse"),
        Outlook::NotEnoughData => (Kind::NotEnoughData, "not enough data"),
    };
    let error = Error::new(kind, format!("{about}: {word}: {}", compared.text));
    Err(next.iter().fold(error, Error::next))
}
