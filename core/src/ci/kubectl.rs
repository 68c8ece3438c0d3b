//! Command lines of kubectl that we run ourselves, in our own words.

mod flags;

use crate::apply::Awaited;
use crate::apply::asked::{Asked, asked};
use crate::model::deployment_name;

use flags::{APPLY, DELETE, EVERYWHERE, GET, Line, ROLLOUT, SCALE, SET, WAIT, read};

/// Commands of ours that together do what a line of kubectl's would; or which word of it only kubectl knows.
type Translated = Result<Vec<Vec<String>>, String>;

/// Returns commands of ours that do what kubectl's would.
///
/// # Errors
/// Says which word of the line only kubectl knows: "'--cascade' is not known".
pub(super) fn ours(words: &[String]) -> Translated {
    // Flags of every command may stand before the verb.
    let mut words = words.to_vec();
    for _ in 0..EVERYWHERE.len() {
        let flag = words
            .first()
            .filter(|word| word.starts_with('-'))
            .map(|word| word.split('=').next().unwrap_or(word));
        let Some(flag) = flag.filter(|flag| EVERYWHERE.iter().any(|(theirs, _)| theirs == flag)) else {
            break;
        };
        let count = if words[0].len() > flag.len() { 1 } else { 2.min(words.len()) };
        words.rotate_left(count);
    }
    let Some((verb, rest)) = words.split_first() else { return Err("there is no verb".into()) };
    match verb.as_str() {
        "apply" => apply(&read(rest, &APPLY)?),
        "set" => set(&read(rest, &SET)?),
        "rollout" => rollout(&read(rest, &ROLLOUT)?),
        "get" => get(read(rest, &GET)?),
        "delete" => delete(&read(rest, &DELETE)?),
        "wait" => wait(&read(rest, &WAIT)?),
        "scale" => scale(&read(rest, &SCALE)?),
        _ => Err(unknown(verb)),
    }
}

fn unknown(word: &str) -> String {
    format!("'{word}' is not known")
}

fn value<'l>(line: &'l Line, flag: &str) -> Option<&'l str> {
    line.flags.iter().find_map(|one| one.strip_prefix(flag)?.strip_prefix('='))
}

fn has(line: &Line, flag: &str) -> bool {
    line.flags.iter().any(|one| one.split('=').next() == Some(flag))
}

/// Refuses what is for kubectl to fetch.
fn no_address(line: &Line) -> Result<(), String> {
    let address = line.flags.iter().find(|flag| flag.contains("://"));
    address.map_or(Ok(()), |flag| Err(unknown(flag)))
}

fn apply(line: &Line) -> Translated {
    no_address(line)?;
    if let Some(word) = line.plain.first() {
        return Err(unknown(word));
    }
    // Without --prune it picks objects of the input, and we apply all of it.
    match (has(line, "--selector"), has(line, "--prune")) {
        (true, false) => return Err("'-l' is not known without --prune".into()),
        (false, true) => return Err("'--prune' is not known without -l".into()),
        (true, true) | (false, false) => {}
    }
    let mut argv = vec!["apply".to_owned()];
    argv.extend(with_each_file(line).filter(|flag| flag != "--server-side"));
    // Without, kubectl writes over what others changed; with it, it asks first.
    if !has(line, "--server-side") && !has(line, "--force-conflicts") {
        argv.push("--force-conflicts".to_owned());
    }
    Ok(vec![argv])
}

/// Returns the flags, with one for each file.
fn with_each_file(line: &Line) -> impl Iterator<Item = String> {
    line.flags.iter().flat_map(|flag| match flag.strip_prefix("--filename=") {
        Some(files) => files.split(',').map(|file| format!("--filename={file}")).collect(),
        None => vec![flag.clone()],
    })
}

fn delete(line: &Line) -> Translated {
    no_address(line)?;
    if line.flags.iter().any(|flag| flag == "--filename=-") {
        return Err("there is no standard input for '-f -'".into());
    }
    match line.plain.first() {
        Some(word) if has(line, "--filename") => return Err(unknown(word)),
        None if has(line, "--filename") => {}
        Some(_) | None => named(&line.plain)?,
    }
    let words = std::iter::once("delete".to_owned()).chain(line.plain.clone());
    Ok(vec![words.chain(with_each_file(line)).collect()])
}

/// Refuses words that do not name objects of Kubernetes' own kinds.
fn named(words: &[String]) -> Result<(), String> {
    let all = kinds(words)?;
    if all.iter().all(|one| one.name.is_some()) {
        return Ok(());
    }
    Err(format!("'{}' names no object", words.join(" ")))
}

fn kinds(words: &[String]) -> Result<Vec<Asked>, String> {
    asked(words).ok_or_else(|| match words {
        [] => "no object is named".into(),
        words => format!("'{}' is not of Kubernetes' own kinds", words.join(" ")),
    })
}

fn wait(line: &Line) -> Translated {
    let what = value(line, "--for").ok_or("there is no --for")?;
    Awaited::parse(what).ok_or_else(|| unknown(&format!("--for={what}")))?;
    let by = ["--selector", "--all"].into_iter().find(|flag| has(line, flag));
    match by {
        None => named(&line.plain)?,
        Some(_) if kinds(&line.plain)?.iter().all(|one| one.name.is_none()) => {}
        Some(flag) => return Err(format!("'{flag}' is not known beside a name")),
    }
    let words = std::iter::once("wait".to_owned()).chain(line.plain.clone());
    Ok(vec![words.chain(line.flags.clone()).collect()])
}

fn scale(line: &Line) -> Translated {
    each(&["scale"], &line.plain, &line.flags)
}

/// Returns a command for each Deployment that is named.
fn each(verb: &[&str], targets: &[String], flags: &[String]) -> Translated {
    let command = |name: &String| {
        let words = [verb[0].to_owned(), name.clone()].into_iter();
        words.chain(verb[1..].iter().map(|word| (*word).to_owned())).chain(flags.iter().cloned()).collect()
    };
    Ok(deployments(targets)?.iter().map(command).collect())
}

fn set(line: &Line) -> Translated {
    let Some((word, rest)) = line.plain.split_first() else { return Err("'set' sets nothing".into()) };
    let (images, targets): (Vec<String>, Vec<String>) =
        rest.iter().cloned().partition(|word| word.contains('='));
    if word != "image" {
        return Err(unknown(&format!("set {word}")));
    }
    if let Some(image) = images.iter().find(|image| image.starts_with('*')) {
        return Err(unknown(image));
    }
    if images.is_empty() {
        return Err("no CONTAINER=IMAGE is named".into());
    }
    let flags: Vec<String> = images.iter().map(|image| format!("--image={image}")).collect();
    each(&["rolling"], &targets, &[flags, line.flags.clone()].concat())
}

fn rollout(line: &Line) -> Translated {
    let Some((word, targets)) = line.plain.split_first() else {
        return Err("'rollout' says not what".into());
    };
    let verb: &[&str] = match word.as_str() {
        "status" => &["status", "--until=healthy"],
        "undo" => &["rollback"],
        "restart" => &["restart"],
        "history" => &["history"],
        "pause" => &["pause"],
        "resume" => &["unpause"],
        _ => return Err(unknown(&format!("rollout {word}"))),
    };
    each(verb, targets, &line.flags)
}

fn get(line: Line) -> Translated {
    kinds(&line.plain)?;
    let mut argv = vec!["get".to_owned()];
    argv.extend(line.plain);
    for flag in line.flags {
        match flag.strip_prefix("--output=") {
            Some("wide") => argv.push("--wide".to_owned()),
            Some("name") => argv.push("--names".to_owned()),
            Some("json" | "yaml") | None => argv.push(flag),
            Some(form) => return Err(unknown(&format!("-o {form}"))),
        }
    }
    Ok(vec![argv])
}

/// Returns the names of the Deployments that are named: `deployment/web deploy/api` or `deployment web api`.
fn deployments(words: &[String]) -> Result<Vec<String>, String> {
    let legal = |name: &str| {
        let legal = !name.starts_with('-') && deployment_name(name).is_ok();
        if legal { Ok(name.to_owned()) } else { Err(format!("'{name}' cannot be the name of a Deployment")) }
    };
    let is = |kind: &str| deployment_name(&format!("{kind}/a")).is_ok();
    match words {
        [] => Err("no Deployment is named".into()),
        [kind] if !kind.contains('/') => Err(format!("'{kind}' names no object")),
        [kind, names @ ..] if !kind.contains('/') => {
            if !is(kind) {
                return Err(format!("'{kind}' is not a Deployment"));
            }
            names.iter().map(|name| legal(name)).collect()
        }
        all => {
            let one = |word: &String| match word.split_once('/') {
                Some((kind, name)) if is(kind) => legal(name),
                _ => Err(format!("'{word}' is not a Deployment")),
            };
            all.iter().map(one).collect()
        }
    }
}

#[cfg(test)]
mod tests;
