//! `check`, and the preflight that other verbs run before their first write.

use std::path::Path;

use serde_json::Value;

use crate::apply::Document;
use crate::check::{Facts, Level, NotChecked, Report, Strategy, Subject, from_documents, judge};
use crate::cli::{CheckArgs, CheckStrategy, GlobalArgs, deployment_name};
use crate::cluster::{Cluster, connect};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::model::{Deployment, Situation};
use crate::output::{Channel, Output};
use crate::plan::{Plan, Step};
use crate::share::{Size, Sizing, Stable};
use crate::source;
use crate::source::manifest;

/// Judges a subject before the first write: tells warnings, refuses on errors that are not forced.
///
/// # Errors
/// [`Kind::Refused`] with every error, how to mend it and the flag that forces it.
pub(crate) async fn preflight(
    cluster: &Cluster,
    subject: &Subject,
    force: &[String],
    output: &Channel<'_>,
) -> Result<(), Error> {
    tell(subject, &Box::pin(cluster.facts(subject)).await?, force, output)
}

/// Judges by facts that were read.
pub(super) fn tell(
    subject: &Subject,
    facts: &Facts,
    force: &[String],
    output: &Channel<'_>,
) -> Result<(), Error> {
    let report = judge(subject, facts, force);
    for finding in report.findings.iter().filter(|finding| finding.level == Level::Warning) {
        output.event(&Event::warning(format!("{} {}; {}", finding.rule, finding.sentence(), finding.fix)));
    }
    if !report.not_checked.is_empty() {
        let said = |not: &NotChecked| format!("{} ({})", not.rule, not.why);
        let all: Vec<String> = report.not_checked.iter().map(said).collect();
        output.event(&Event::note(format!("not checked: {}", all.join(", "))));
    }
    report.refusal(&subject.deployment.id().to_string()).map_or(Ok(()), Err)
}

/// Runs the verb.
pub(super) async fn run(args: &CheckArgs, global: &GlobalArgs, output: &Output) -> Result<(), Error> {
    let documents = match &args.filename {
        Some(path) => manifest::read(path)?,
        None => Vec::new(),
    };
    let names = names(args, &documents)?;
    let report = if args.offline {
        offline(args, global, &documents, &names)?
    } else {
        online(args, global, &documents, &names).await.map_err(|error| match error.kind {
            Kind::Cluster => error.next("check -f FILE --offline (judges what the manifest alone tells)"),
            _ => error,
        })?
    };
    output.findings(&report)?;
    let mut rules: Vec<&str> = report.errors().map(|finding| finding.rule.as_str()).collect();
    rules.dedup();
    if rules.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("a rollout would be refused: {}", rules.join(", ")))
        .next(format!("mend it, or go on all the same: --force={}", rules.join(","))))
}

/// The Deployments to judge: the one named, or all of the manifest.
fn names(args: &CheckArgs, documents: &[Document]) -> Result<Vec<String>, Error> {
    if let Some(name) = &args.name {
        return Ok(vec![deployment_name(name)?.to_owned()]);
    }
    let deployments = documents.iter().filter(|document| document.object["kind"] == "Deployment");
    let names: Vec<String> = deployments
        .filter_map(|document| document.object["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    if names.is_empty() {
        let path = args.filename.as_deref().unwrap_or(Path::new("-")).display().to_string();
        return Err(Error::usage(format!("there is no Deployment in {path}")));
    }
    Ok(names)
}

/// Judges by the manifests alone.
fn offline(
    args: &CheckArgs,
    global: &GlobalArgs,
    documents: &[Document],
    names: &[String],
) -> Result<Report, Error> {
    let mut report = Report::default();
    for name in names {
        let mut of_name =
            documents.iter().filter(|document| document.object["metadata"]["name"] == name.as_str());
        let own = of_name.find_map(|document| document.object["metadata"]["namespace"].as_str());
        let namespace = global.namespace.as_deref().or(own).unwrap_or("default");
        let document = manifest::find(documents, name, namespace)?;
        let mut subject = of_manifest(document, None)?;
        if args.strategy == CheckStrategy::Canary {
            subject.strategy = Strategy::Canary;
            let replicas = subject.deployment.replicas();
            let size = args.weight.map_or(Size::Pods(1), Size::Weight);
            // What cannot be sized has no replicas, and RP006 says so.
            subject.sizing = Sizing::choose(size, Stable::Whole, replicas, replicas).ok();
            subject.surge_pods = subject.sizing.map_or(0, |sizing| sizing.canary);
        }
        report.add(judge(&subject, &beside(documents, namespace), &args.preflight.force));
    }
    Ok(report)
}

/// Judges with all that the cluster knows.
async fn online(
    args: &CheckArgs,
    global: &GlobalArgs,
    documents: &[Document],
    names: &[String],
) -> Result<Report, Error> {
    let cluster = connect(global).await?;
    let mut report = Report::default();
    for name in names {
        let (subject, refusal) = subject(args, &cluster, documents, name).await?;
        let mut facts = cluster.facts(&subject).await?;
        // A canary takes the template alone; whoever applies the manifest applies all of it.
        if subject.strategy != Strategy::Canary {
            facts.add(beside(documents, &cluster.namespace));
        }
        let judged = judge(&subject, &facts, &args.preflight.force);
        // The rules say more than the server, but where they know nothing its word stands.
        if let Some(refusal) = refusal.filter(|_| judged.errors().next().is_none()) {
            return Err(refusal);
        }
        report.add(judged);
    }
    Ok(report)
}

/// Returns what is to be judged, and why the server refuses to merge the manifest, if it does.
async fn subject(
    args: &CheckArgs,
    cluster: &Cluster,
    documents: &[Document],
    name: &str,
) -> Result<(Subject, Option<Error>), Error> {
    let document = match &args.filename {
        Some(_) => Some(manifest::find(documents, name, &cluster.namespace)?),
        None => None,
    };
    if let Some(document) = document
        && cluster.deployment(name).await?.is_none()
    {
        let mut subject = of_manifest(document, None)?;
        subject.deployment.metadata.namespace = Some(cluster.namespace.clone());
        return Ok((subject, None));
    }
    let mut refusal = None;
    let observed = cluster.observe(name).await?;
    let template = match document {
        Some(document) => {
            let wanted = manifest::template_only(&document.object, &cluster.namespace);
            match cluster.merge_manifest(name, &wanted).await {
                Ok(merged) => Some(merged.spec.template),
                Err(error) if error.kind == Kind::Usage => {
                    refusal = Some(error);
                    Some(wanted["spec"]["template"].clone())
                }
                Err(error) => return Err(error),
            }
        }
        None if args.image.is_empty() => None,
        None => Some(source::from_images(&observed.deployment.spec.template, &args.image)?),
    };
    let situation = Situation::of(&observed);
    let size = args.weight.map_or(Size::Pods(1), Size::Weight);
    let hold = Step::Hold { template, size, stable: Stable::Whole, changes: false };
    let mut subject = Subject::of(&situation, &Plan { steps: vec![hold] }, Strategy::Canary);
    if args.strategy == CheckStrategy::Rolling {
        let merged = subject.deployment.spec.template.clone();
        if let Some(document) = document {
            subject = of_manifest(document, Some(&subject.deployment))?;
            subject.deployment.spec.template = merged;
        }
        let live = &observed.deployment;
        subject.strategy = Strategy::Rolling;
        subject.surge_pods =
            (subject.deployment.replicas() + subject.deployment.max_surge()).saturating_sub(live.replicas());
        subject.needs.clear();
        subject.live = Some(live.clone());
        subject.sizing = None;
    } else if let Some(document) = document {
        let manifest = of_manifest(document, Some(&subject.deployment))?.deployment;
        subject.deployment.spec.selector = manifest.spec.selector;
        subject.deployment.metadata.annotations = manifest.metadata.annotations;
    }
    subject.file = document.and_then(|document| document.file.clone());
    Ok((subject, refusal))
}

/// The Deployment as a manifest has it; what it leaves out stays as it is.
fn of_manifest(document: &Document, live: Option<&Deployment>) -> Result<Subject, Error> {
    let mut deployment: Deployment = serde_json::from_value(document.object.clone())
        .map_err(|error| Error::usage(format!("read the Deployment of the manifest: {error}")))?;
    if let Some(live) = live {
        deployment.metadata.namespace.clone_from(&live.metadata.namespace);
        let (spec, kept) = (&mut deployment.spec, live.spec.clone());
        spec.replicas = spec.replicas.or(kept.replicas);
        spec.strategy = spec.strategy.take().or(kept.strategy);
        spec.min_ready_seconds = spec.min_ready_seconds.or(kept.min_ready_seconds);
        spec.progress_deadline_seconds = spec.progress_deadline_seconds.or(kept.progress_deadline_seconds);
        if document.object["spec"]["selector"].is_null() {
            spec.selector = kept.selector;
        }
    }
    let surge_pods = deployment.replicas();
    let strategy = Strategy::New;
    Ok(Subject { deployment, strategy, surge_pods, file: document.file.clone(), ..Subject::default() })
}

/// The other objects of the manifests, of one namespace.
fn beside(documents: &[Document], namespace: &str) -> Facts {
    let here =
        |value: &&Value| value["metadata"]["namespace"].as_str().is_none_or(|other| other == namespace);
    from_documents(documents.iter().map(|document| &document.object).filter(here))
}
