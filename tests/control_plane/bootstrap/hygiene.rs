//! No secret is seen where it should not be.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};

use super::{Place, server, token_of, with_values};

/// Every form in which a text may leak: as it is, in base64 at each of the three offsets, percent-encoded, in JSON.
fn forms(secret: &str) -> Vec<String> {
    let mut forms =
        vec![secret.to_owned(), serde_json::to_string(secret).unwrap().trim_matches('"').to_owned()];
    forms.push(form_urlencoded::byte_serialize(secret.as_bytes()).collect());
    for offset in 0..3 {
        let shifted = format!("{}{secret}", "x".repeat(offset));
        let encoded = BASE64_STANDARD_NO_PAD.encode(shifted);
        // What the letters before and after decide is cut off.
        forms.push(encoded[4..encoded.len() - 4].to_owned());
    }
    forms.sort();
    forms.dedup();
    forms
}

#[track_caller]
pub fn clean(place: &str, text: &str, secrets: &[String]) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(!text.contains(&form), "a secret is in {place}");
        }
    }
}

/// The parts of a token that are worth hiding: all of it, and its signature.
pub fn parts(token: &str) -> Vec<String> {
    vec![token.to_owned(), token.rsplit('.').next().unwrap().to_owned()]
}

/// Runs the tool and looks again and again at what others can see of the process.
pub fn watched(mut command: Command) -> (crate::shop::Ended, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let line = format!("/proc/{}/cmdline", child.id());
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let over = std::sync::Arc::clone(&done);
    let looks = std::thread::spawn(move || {
        let mut seen = String::new();
        while !over.load(std::sync::atomic::Ordering::Relaxed) {
            seen += &fs::read_to_string(&line).unwrap_or_default();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        seen
    });
    let ended = crate::shop::finish(child);
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    (ended, looks.join().unwrap())
}

#[test]
fn the_token_is_where_it_was_delivered_and_nowhere_else() {
    let place = Place::new(&[]);
    let folder = place.folder.path();
    let delivered = ["kubeconfig", "dotenv", "json"].map(|form| folder.join(format!("new.{form}")));
    let mut args = vec!["bootstrap".to_owned(), "ci".into(), "-o".into(), "json".into()];
    for path in &delivered {
        let form = path.extension().unwrap().to_str().unwrap();
        args.extend(["--deliver".into(), format!("{form}={}", path.display())]);
    }
    args.extend(["--deliver".into(), "secret=ci-credential".into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    let mut note = |name: &str, (ended, line): (crate::shop::Ended, String)| {
        seen.push((format!("the output of {name}"), format!("{}{}", ended.stdout, ended.stderr)));
        seen.push((format!("the command line of {name}"), line));
        ended.code
    };
    let run = |kubeconfig: &Path, args: &[&str]| watched(place.shop.command(kubeconfig, args));
    assert_eq!(note("bootstrap", run(&place.shop.kubeconfig, &args)), Some(0));
    let new = delivered[0].clone();
    let secrets: Vec<String> = [parts(&token_of(&new)), parts(&place.token())].concat();
    for args in [
        &["doctor"][..],
        &["status", "frontend", "-o", "json"],
        &["bootstrap", "list"],
        &["bootstrap", "verify", "ci", "-o", "yaml"],
    ] {
        note(args[0], run(&new, args));
    }
    note("list", run(&place.shop.kubeconfig, &["bootstrap", "list", "-o", "json"]));
    // Errors, too: a file that cannot be written, and values in the wrong places.
    let nowhere = ["bootstrap", "rotate", "ci", "--deliver", "dotenv=/no/such/place"];
    assert_eq!(note("rotate", run(&place.shop.kubeconfig, &nowhere)), Some(6));
    let (server, cert) = server(&place.shop);
    let token = token_of(&new);
    for (name, server, cert, token) in [
        ("wrong places", token.as_str(), token.as_str(), cert.as_str()),
        ("no CA", &server, "", &token),
        ("token as CA", &server, &token, &token),
        ("broken", &server, &cert, &format!("{token} {token}")),
        ("quoted", &server, &cert, &format!("\"{token}\"")),
        ("thrice", &server, &cert, &(0..3).fold(token.clone(), |text, _| BASE64_STANDARD.encode(text))),
        ("an option", &server, &cert, &format!("--token={token}")),
        ("a command", &server, &cert, &format!("$({token})")),
    ] {
        let ended = with_values(server, cert, token);
        assert_ne!(ended.code, Some(0), "{name}");
        note(name, (ended, String::new()));
    }
    for (place, text) in &seen {
        clean(place, text, &secrets);
    }
    // Files: those that were delivered, for their owner alone, and no other.
    for path in &delivered {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        assert!(fs::read_to_string(path).unwrap().contains(&token));
    }
    let names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    // The Secret that a token is bound to holds nothing.
    assert!(place.shop.get("secret/ci-token-2")["data"].is_null());
    let kept = place.shop.get("secret/ci-credential");
    assert_eq!(BASE64_STANDARD.decode(kept["data"]["token"].as_str().unwrap()).unwrap(), token.as_bytes());
}

#[test]
fn a_credential_is_printed_only_when_asked_for() {
    let place = Place::new(&[]);
    let ended = place.shop.tool(&["bootstrap", "rotate", "ci", "--show"]).expect(0);
    let path = place.folder.path().join("shown");
    fs::write(&path, &ended.stdout).unwrap();
    let secrets = parts(&token_of(&path));
    clean("stderr", &ended.stderr, &secrets);
    assert!(ended.stdout.contains(&secrets[0]));
    crate::shop::run(&mut place.shop.command(&path, &["status", "frontend"])).expect(0);
}

/// The kernel gives what it shows of a process that must not be dumped to root, whoever runs it.
#[test]
fn memory_is_neither_dumped_nor_shown() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    fs::copy(crate::shop::TOOL, &tool).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&tool);
    // It waits for its manifest.
    command.args(["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let nobody = 65534;
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(nobody).gid(nobody);
    }
    let mut child = command.spawn().unwrap();
    let memory = format!("/proc/{}/mem", child.id());
    let begun = Instant::now();
    // The kernel's own start of another user's process is hidden, too: that is over by then.
    std::thread::sleep(Duration::from_millis(300));
    let is_hidden = || fs::metadata(&memory).unwrap().uid() == 0;
    while !is_hidden() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let hidden = is_hidden();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(hidden, "{memory} is its user's");
}
