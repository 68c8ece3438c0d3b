//! From settings to the command lines that a person would type.

use crate::ci::{Build, Settings, TABLE, TagPolicy, encoding, kubectl};
use crate::error::Error;
use crate::model::{Strategy, deployment_name};

use clap::ValueEnum;

mod together;

use together::Part;

/// What one setting, or several together, have us run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The setting that asks for it, as it is spelled in the pipeline.
    pub from: String,
    /// What is run.
    pub work: Work,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A command of ours, without our name.
    Own(Vec<String>),
    /// Another program with its arguments.
    Program {
        /// The program first.
        words: Vec<String>,
        /// Why it is no command of ours, where it could be one.
        why: Option<String>,
    },
}

/// Values of `action` with the verbs that they are.
const ACTIONS: [(&str, &str); 11] = [
    ("promote", "promote"),
    ("abort", "abort"),
    ("reject", "abort"),
    ("rollback", "rollback"),
    ("restart", "restart"),
    ("resume", "resume"),
    ("status", "status"),
    ("verify", "status"),
    ("history", "history"),
    ("check", "check"),
    ("tag", "tag"),
];

/// Returns what is to be run, in order: `kubectl`, then `helm`, then what the other settings say.
///
/// # Errors
/// [`crate::error::Kind::Usage`], naming the setting.
pub fn tasks(settings: &Settings, build: &Build) -> Result<Vec<Task>, Error> {
    let mut tasks = Vec::new();
    for program in ["kubectl", "helm"] {
        for words in commands(settings, program)? {
            tasks.extend(command(settings, program, &words)?);
        }
    }
    let from =
        ["action", "deployment", "manifests", "kustomize"].iter().find(|name| settings.text(name).is_some());
    let Some(from) = from else {
        return if tasks.is_empty() { Err(nothing()) } else { Ok(tasks) };
    };
    for argv in deployments(settings, build)? {
        tasks.push(Task { from: settings.spelled(from).to_owned(), work: Work::Own(argv) });
    }
    Ok(tasks)
}

fn nothing() -> Error {
    Error::usage("no setting says what is to be done")
        .next("deployment: NAME, with image: REPOSITORY:TAG")
        .next("manifests: FILE|DIRECTORY")
        .next("kubectl: \"apply -f FILE\"")
}

/// Returns the words of each command that a setting has: one a line, or as a JSON list.
fn commands(settings: &Settings, program: &str) -> Result<Vec<Vec<String>>, Error> {
    let Some(text) = settings.text(program) else { return Ok(Vec::new()) };
    let lines =
        if text.trim_start().starts_with('[') { settings.list(program)? } else { vec![text.to_owned()] };
    let mut found = Vec::new();
    for text in lines {
        let mut open = String::new();
        for line in text.lines() {
            open.push_str(line);
            if let Some(words) = shlex::split(&open) {
                found.push(words);
                open.clear();
            } else if open.strip_suffix('\\').and_then(shlex::split).is_some() {
                open.pop();
            } else {
                // Within quotes: the next line belongs to it.
                open.push('\n');
            }
        }
        if !open.is_empty() {
            let why = "has a quote that is not closed, or ends with a backslash";
            return Err(Error::usage(format!("setting {} {why}", settings.spelled(program))));
        }
    }
    found.retain(|words| !words.is_empty());
    Ok(found)
}

fn command(settings: &Settings, program: &'static str, words: &[String]) -> Result<Vec<Task>, Error> {
    let from = settings.spelled(program).to_owned();
    let operators = ["|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1"];
    if let Some(operator) =
        words.iter().find(|word| operators.contains(&word.as_str()) || word.ends_with(';'))
    {
        return Err(Error::usage(format!("setting {from}: there is no shell that could run '{operator}'"))
            .next(format!("{from}: |, and one command a line")));
    }
    let words = if words[0] == program { &words[1..] } else { words };
    let why = match program {
        "kubectl" => match kubectl::ours(words) {
            Ok(commands) => {
                let own = |argv| Ok(Task { from: from.clone(), work: Work::Own(completed(settings, argv)?) });
                return commands.into_iter().map(own).collect();
            }
            Err(why) => Some(why),
        },
        _ => None,
    };
    let words = std::iter::once(program.to_owned()).chain(words.iter().cloned()).collect();
    Ok(vec![Task { from, work: Work::Program { words, why } }])
}

/// Adds what the other settings say to a command that a line of kubectl's became.
fn completed(settings: &Settings, mut argv: Vec<String>) -> Result<Vec<String>, Error> {
    if matches!(argv[0].as_str(), "apply" | "rolling") {
        argv.push(format!("--tag-policy={}", policy(settings)?.name()));
        argv.extend(settings.text("system").map(|system| format!("--tag-system={system}")));
    }
    let flag = |argument: &String| argument.split('=').next().unwrap_or_default().to_owned();
    let typed: Vec<String> = argv.iter().map(flag).collect();
    let everywhere = everywhere(settings).into_iter();
    argv.extend(everywhere.filter(|argument| !typed.contains(&flag(argument))));
    Ok(argv)
}

/// Returns the commands of all settings but `kubectl` and `helm`; one for each Deployment.
fn deployments(settings: &Settings, build: &Build) -> Result<Vec<Vec<String>>, Error> {
    let names = settings.list("deployment")?;
    for name in &names {
        deployment_name(name).map_err(|error| Error {
            message: format!("setting {}: {}", settings.spelled("deployment"), error.message),
            ..error
        })?;
    }
    if names.len() > 1 && settings.text("report").is_some() {
        let given = settings.spelled("deployment");
        return Err(Error::usage(format!("setting report: one file cannot tell of all that {given} names"))
            .next("a step for each, or manifests: with all of them"));
    }
    let action = settings.text("action").unwrap_or("deploy").trim();
    if action != "deploy" {
        let known = ACTIONS.iter().find(|(name, _)| *name == action);
        let Some((_, verb)) = known else {
            let names: Vec<&str> =
                std::iter::once("deploy").chain(ACTIONS.iter().map(|(name, _)| *name)).collect();
            return Err(Error::usage(format!("setting action: '{action}' is none of {}", names.join(", "))));
        };
        if *verb == "tag" {
            return Ok(vec![tag(settings)?]);
        }
        return each(settings, verb, &names, Part::Whole, |argv| {
            argv.extend((action == "verify").then(|| "--until=healthy".to_owned()));
            if action == "check" && settings.text("strategy").is_some() {
                argv.push(format!("--strategy={}", strategy(settings)?.name()));
            }
            argv.extend(images(settings, build)?.into_iter().map(|image| format!("--image={image}")));
            Ok(())
        });
    }
    let tagged = |argv: &mut Vec<String>| {
        argv.push(format!("--tag-policy={}", policy(settings)?.name()));
        Ok(())
    };
    let strategy = strategy(settings)?;
    let images = images(settings, build)?.into_iter().map(|image| format!("--image={image}"));
    let images: Vec<String> = images.collect();
    if names.is_empty() {
        together::check_without_deployment(settings, strategy)?;
        return each(settings, "apply", &names, Part::Whole, |argv| {
            argv.push(format!("--strategy={}", strategy.name()));
            tagged(argv)
        });
    }
    let Some(manifests) = together::manifests(settings) else {
        return each(settings, strategy.name(), &names, Part::Whole, |argv| {
            argv.extend(images.clone());
            tagged(argv)
        });
    };
    if settings.is("diff")? {
        if !images.is_empty() {
            let image = ["image", "repo"].into_iter().find(|name| settings.text(name).is_some());
            let image = settings.spelled(image.unwrap_or("image"));
            return Err(Error::usage(format!(
                "settings diff and {image}: what is compared is {manifests}, which has another image"
            ))
            .next("dry_run: true, without diff"));
        }
        return each(settings, "apply", &[], Part::Manifests, |argv| {
            argv.push("--diff".to_owned());
            tagged(argv)
        });
    }
    // What others of the manifests bring, the new version may need.
    let mut lines = each(settings, "apply", &[], Part::Manifests, |argv| {
        argv.extend(names.iter().map(|name| format!("--except={name}")));
        argv.extend(images.clone());
        tagged(argv)
    })?;
    lines.extend(each(settings, strategy.name(), &names, Part::Rollout, |argv| {
        // The command before may have made it.
        argv.extend((strategy != Strategy::Rolling).then(|| "--or-first".to_owned()));
        argv.extend(images.clone());
        tagged(argv)
    })?);
    Ok(lines)
}

/// Returns a command for each Deployment, or one for all.
fn each(
    settings: &Settings,
    verb: &str,
    names: &[String],
    part: Part,
    decided: impl Fn(&mut Vec<String>) -> Result<(), Error>,
) -> Result<Vec<Vec<String>>, Error> {
    let named = if names.is_empty() { vec![None] } else { names.iter().map(Some).collect() };
    let argv = |name: Option<&String>| {
        let mut argv = vec![verb.to_owned()];
        argv.extend(name.cloned());
        decided(&mut argv)?;
        argv.extend(together::arguments(settings, part)?);
        argv.extend(everywhere(settings));
        Ok(argv)
    };
    named.into_iter().map(argv).collect()
}

/// Returns what every command gets.
fn everywhere(settings: &Settings) -> Vec<String> {
    let mut argv = settings.everywhere();
    let depth = settings.text("dry_run").map(str::trim).unwrap_or_default();
    match (depth, encoding::switch(depth)) {
        ("" | "none", _) | (_, Ok(false)) => {}
        (_, Ok(true)) => argv.push("--dry-run".into()),
        (depth, Err(_)) => argv.push(format!("--dry-run={depth}")),
    }
    argv
}

/// Returns the strategy; that of other plugins' `basic` is the stock update.
fn strategy(settings: &Settings) -> Result<Strategy, Error> {
    match settings.text("strategy").map_or(Strategy::default().name(), str::trim) {
        "basic" => Ok(Strategy::Rolling),
        "bluegreen" | "blue_green" => Ok(Strategy::BlueGreen),
        name => name.parse().map_err(|error| Error::usage(format!("setting strategy: {error}"))),
    }
}

fn policy(settings: &Settings) -> Result<TagPolicy, Error> {
    let text = settings.text("tag_policy").unwrap_or("any").trim();
    TagPolicy::from_str(&text.replace('_', "-"), true).map_err(|_| {
        let all: Vec<String> = TagPolicy::value_variants().iter().map(|policy| policy.name()).collect();
        Error::usage(format!("setting tag_policy: '{text}' is none of {}", all.join(", ")))
    })
}

/// Returns the new images: those of `image`, or `repo` with `tag` for each `container`.
fn images(settings: &Settings, build: &Build) -> Result<Vec<String>, Error> {
    let containers = settings.list("container")?;
    let within = |image: String| {
        if containers.is_empty() || image.contains('=') {
            return vec![image];
        }
        containers.iter().map(|container| format!("{container}={image}")).collect()
    };
    let mut images = settings.list("image")?;
    match (settings.text("repo"), settings.text("tag")) {
        (Some(repo), Some(tag)) => images.push(format!("{}:{}", repo.trim(), tag.trim())),
        (Some(repo), None) => {
            let policy = policy(settings)?;
            if policy == TagPolicy::Any {
                let given = settings.spelled("repo");
                return Err(Error::usage(format!(
                    "setting {given} needs a tag: without one it would be latest"
                ))
                .next("tag: \"TAG\", in quotes")
                .next("tag_policy: git-hash, which makes the tag from the commit"));
            }
            images.push(format!("{}:{}", repo.trim(), policy.tag(build, settings.text("system"))?));
        }
        (None, Some(_)) => return Err(Error::usage("setting tag needs repo: REPOSITORY")),
        (None, None) => {}
    }
    Ok(images.into_iter().flat_map(within).collect())
}

/// Returns the command that prints the tag of this build.
fn tag(settings: &Settings) -> Result<Vec<String>, Error> {
    let mut argv = vec!["tag".to_owned()];
    if settings.text("tag_policy").is_some() {
        argv.push(format!("--tag-policy={}", policy(settings)?.name()));
    }
    argv.extend(settings.text("system").map(|system| format!("--tag-system={system}")));
    Ok(argv)
}

/// Returns the name that the pipeline gave the setting under that a flag stands for.
pub(super) fn setting_of(flag: &str, settings: &Settings) -> Option<String> {
    let own = match flag {
        "<NAME>" | "[NAME]" | "--except" => Some("deployment"),
        "--image" => {
            ["image", "repo"].into_iter().find(|name| settings.text(name).is_some()).or(Some("image"))
        }
        "--strategy" => Some("strategy"),
        "--tag-policy" => Some("tag_policy"),
        "--dry-run" => Some("dry_run"),
        "--until" => Some("action"),
        _ => TABLE.iter().find(|setting| setting.becomes.flag() == Some(flag)).map(|setting| setting.name),
    };
    own.map(|name| settings.spelled(name).to_owned())
}

#[cfg(test)]
mod tests;
