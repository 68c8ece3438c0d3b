//! `check`, and the preflight that other verbs run before their first write.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::apply::Document;
use crate::cli::{CheckArgs, GlobalArgs};
use crate::cluster::{Cluster, connect};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::model::{Deployment, ObjectName, Strategy, Workload, deployment_name};
use crate::output::{Channel, Output};
use crate::plan::{Plan, Step};
use crate::preflight::{Facts, Made, NotChecked, Replacing, Report, Subject, from_documents, judge};
use crate::share::{Size, Sizing, Stable};
use crate::situation::Situation;
use crate::source::{self, manifest};
use crate::words::counted;

/// The preflight let it pass. Whoever carries a plan out has one, so that a verb cannot forget to have it judged.
pub(super) struct Passed(());

impl Passed {
    /// Nothing is brought that was not there before.
    pub(super) const fn nothing_new() -> Self {
        Self(())
    }
}

/// Judges a subject before the first write: tells warnings, refuses on errors that are not forced.
///
/// # Errors
/// [`Kind::Refused`] with every error, how to mend it and the flag that forces it.
pub(super) async fn preflight(
    cluster: &Cluster,
    subject: &Subject,
    force: &[String],
    output: &Channel<'_>,
) -> Result<Passed, Error> {
    tell(subject, &Box::pin(cluster.facts(subject)).await?, force, output)?;
    Ok(Passed(()))
}

/// Judges by facts that were read.
pub(super) fn tell(
    subject: &Subject,
    facts: &Facts,
    force: &[String],
    output: &Channel<'_>,
) -> Result<(), Error> {
    let report = judge(subject, facts, force);
    let (new, lived) = report.warnings();
    for finding in new {
        output.event(&Event::warning(format!("{} {}; {}", finding.rule, finding.sentence(), finding.fix)));
    }
    if !lived.is_empty() {
        output.event(&Event::note(lived_with(&lived, &subject.deployment.id())));
    }
    if !report.not_checked.is_empty() {
        let said = |not: &NotChecked| format!("{} ({})", not.rule, not.why);
        let all: Vec<String> = report.not_checked.iter().map(said).collect();
        output.event(&Event::note(format!("not checked: {}", all.join(", "))));
    }
    report.refusal(&subject.deployment.id().to_string()).map_or(Ok(()), Err)
}

/// Says in one line what is no news: it holds for the version that runs, too.
fn lived_with(rules: &[&str], id: &ObjectName) -> String {
    let mut each = rules.to_vec();
    each.dedup();
    format!("{} ({}): {}", counted(rules.len(), "warning"), each.join(", "), id.command("check"))
}

/// Runs the verb.
pub(super) async fn run(args: &CheckArgs, global: &GlobalArgs, output: &Output) -> Result<(), Error> {
    let documents = match &args.filename {
        Some(path) => manifest::read(path)?,
        None => Vec::new(),
    };
    let asked = asked(args, global, &documents)?;
    let report = if args.offline {
        offline(args, global, &documents, &asked)?
    } else {
        online(args, global, &documents, &asked).await.map_err(|error| {
            if error.kind == Kind::Cluster {
                error.next("check -f FILE --offline (judges what the manifest alone tells)")
            } else {
                error
            }
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

/// A Deployment to judge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    name: String,
    /// Where the manifest has it, unless the flags say where.
    namespace: Option<String>,
}

/// The Deployments to judge: the one named, or all of the manifest, of one name in several namespaces, too.
fn asked(args: &CheckArgs, global: &GlobalArgs, documents: &[Document]) -> Result<Vec<Asked>, Error> {
    let wanted = args.name.as_deref().map(deployment_name).transpose()?;
    let deployments = documents.iter().map(|document| &document.object);
    let mut seen = BTreeSet::new();
    let all: Vec<Asked> = deployments
        .filter(|object| object["kind"] == "Deployment")
        .filter_map(|object| {
            let name = object["metadata"]["name"].as_str()?.to_owned();
            let own = object["metadata"]["namespace"].as_str().filter(|_| global.namespace.is_none());
            Some(Asked { name, namespace: own.map(str::to_owned) })
        })
        .filter(|one| seen.insert(one.clone()))
        .collect();
    if let Some(name) = wanted {
        let of_name: Vec<Asked> = all.into_iter().filter(|one| one.name == name).collect();
        // One that the manifest lacks is told of where it is looked for.
        let none = of_name.is_empty().then(|| Asked { name: name.to_owned(), namespace: None });
        return Ok(of_name.into_iter().chain(none).collect());
    }
    if all.is_empty() {
        let path = args.filename.as_deref().unwrap_or(Path::new("-")).display().to_string();
        return Err(Error::usage(format!("there is no Deployment in {path}")));
    }
    Ok(all)
}

/// Judges by the manifests alone.
fn offline(
    args: &CheckArgs,
    global: &GlobalArgs,
    documents: &[Document],
    asked: &[Asked],
) -> Result<Report, Error> {
    let mut report = Report::default();
    for one in asked {
        let namespace = global.namespace.as_deref().or(one.namespace.as_deref()).unwrap_or("default");
        let document = manifest::find(documents, &one.name, namespace)?;
        let mut subject = of_manifest(document, None)?;
        if args.strategy == Strategy::Canary {
            subject.strategy = Strategy::Canary;
            let replicas = subject.deployment.replicas();
            let kind = subject.deployment.kind.names().kind;
            let size = args.weight.map_or(Size::Pods(1), Size::Weight);
            // What cannot be sized has no replicas, and RP006 says so.
            subject.sizing = Sizing::choose(kind, size, Stable::Whole, replicas, replicas).ok();
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
    asked: &[Asked],
) -> Result<Report, Error> {
    let home = connect(global).await?;
    let mut report = Report::default();
    for one in asked {
        let cluster = home.in_namespace(one.namespace.as_deref().unwrap_or(&home.namespace));
        let (subject, refusal) = subject(args, &cluster, documents, &one.name).await?;
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
        None => Some(source::from_images(&observed.workload.spec.template, &args.image)?),
    };
    let situation = Situation::of(&observed);
    let size = args.weight.map_or(Size::Pods(1), Size::Weight);
    let hold = Step::Hold { template, size, stable: Stable::Whole, changes: false };
    let mut subject = Subject::of(&situation, &Plan { steps: vec![hold] }, Strategy::Canary);
    if args.strategy == Strategy::Rolling {
        let merged = subject.deployment.spec.template.clone();
        let made = std::mem::take(&mut subject.makes);
        if let Some(document) = document {
            subject = of_manifest(document, Some(&subject.deployment))?;
            subject.deployment.spec.template = merged;
        }
        let live = &observed.workload;
        subject.strategy = Strategy::Rolling;
        let rolling = Replacing::of(&situation, &subject.deployment);
        subject.surge_pods = rolling.surge(&subject.deployment);
        subject.replacing = Some(rolling);
        subject.makes = made;
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
fn of_manifest(document: &Document, live: Option<&Workload>) -> Result<Subject, Error> {
    let Deployment(mut deployment) = serde_json::from_value(document.object.clone())
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
    // Nothing is there that could be judged or replaced.
    let strategy = Strategy::Rolling;
    let makes = vec![Made::replica_set()];
    Ok(Subject { deployment, strategy, surge_pods, makes, file: document.file.clone(), ..Subject::default() })
}

/// The other objects of the manifests, of one namespace.
fn beside(documents: &[Document], namespace: &str) -> Facts {
    let here =
        |value: &&Value| value["metadata"]["namespace"].as_str().is_none_or(|other| other == namespace);
    from_documents(documents.iter().map(|document| &document.object).filter(here))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::model::DEPLOYMENT;

    fn arguments(words: &[&str]) -> (CheckArgs, GlobalArgs) {
        let cli = Cli::try_parse_from([&["kubectl-rollout_plus", "check"], words].concat()).unwrap();
        let Command::Check(args) = cli.command else { panic!("{words:?}") };
        (args, cli.global)
    }

    #[test]
    fn deployments_of_one_name_are_each_judged() {
        let deployment = |namespace: &str, image: &str| Document {
            object: json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
                    "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}}}),
            origin: namespace.into(),
            file: Some(namespace.into()),
        };
        let documents = [deployment("shop", "web:1"), deployment("lab", "web")];
        for (words, files) in [
            (&["-f", "-", "--offline"][..], vec!["lab"]),
            (&["web", "-f", "-", "--offline"][..], vec!["lab"]),
            (&["-f", "-", "--offline", "-n", "lab"][..], vec!["lab"]),
        ] {
            let (args, global) = arguments(words);
            let asked = asked(&args, &global, &documents).unwrap();
            let report = offline(&args, &global, &documents, &asked).unwrap();
            let found = report.findings.iter().filter(|finding| finding.rule == "RP002");
            let found: Vec<&str> = found.filter_map(|finding| finding.file.as_deref()).collect();
            assert_eq!(found, files, "{words:?}");
        }
    }

    #[test]
    fn what_is_no_news_is_one_line() {
        let id = ObjectName::new(DEPLOYMENT, "shop", "web");
        let line = lived_with(&["RP010", "RP010", "RP013"], &id);
        assert_eq!(line, "3 warnings (RP010, RP013): kubectl rollout-plus check web -n shop");
        insta::assert_snapshot!(lived_with(&["RP013"], &id), @"1 warning (RP013): kubectl rollout-plus check web -n shop");
    }
}
