//! Completion as kubectl and bash ask for it, with names that are in the cluster at that moment.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::shop::{Ended, Shop, TOOL, run};

/// A folder for the PATH with the binary under both names that kubectl looks for.
fn installed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["kubectl-rollout_plus", "kubectl_complete-rollout_plus"] {
        std::os::unix::fs::symlink(TOOL, folder.path().join(name)).unwrap();
    }
    folder
}

/// Runs a program that finds kubectl and the plugin.
fn with_plugin(shop: &Shop, folder: &tempfile::TempDir, program: &str, args: &[&str]) -> Ended {
    let kubectl = run(Command::new("sh").args(["-c", "command -v kubectl"])).expect(0).stdout;
    let kubectl = std::path::Path::new(kubectl.trim()).parent().unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", folder.path().display(), kubectl.display());
    let mut command = Command::new(program);
    command.args(args).env_clear().env("PATH", path).env("HOME", folder.path());
    command.env("KUBECONFIG", &shop.kubeconfig).stdin(Stdio::null());
    run(&mut command)
}

#[test]
fn kubectl_completes_verbs_flags_values_and_live_names() {
    let (shop, folder) = (Shop::new(1), installed());
    let namespace = shop.namespace.as_str();
    let complete = |words: &[&str]| -> Vec<String> {
        let ended =
            with_plugin(&shop, &folder, "kubectl", &[&["__complete", "rollout-plus"], words].concat())
                .expect(0);
        let words = ended.stdout.lines().map(|line| line.split('\t').next().unwrap().to_owned());
        words.collect()
    };
    assert_eq!(complete(&["prom"]), ["promote", ":4"]);
    assert_eq!(complete(&["canary", "--step-"]), ["--step-wait", ":4"]);
    assert_eq!(complete(&["status", "-o", ""]), ["human", "json", "yaml", "sarif", ":4"]);
    assert_eq!(complete(&["promote", "-n", namespace, ""]), ["frontend", ":4"]);
    assert_eq!(complete(&["status", "--namespace", namespace, "deploy/f"]), ["deploy/frontend", ":4"]);
    assert_eq!(complete(&["promote", "-n", "no-such-namespace", ""]), [":4"]);
    assert!(complete(&["status", "-n", ""]).contains(&namespace.to_owned()));
    assert_eq!(complete(&["status", "--context", ""]).len(), 2);
    assert_eq!(complete(&["apply", "-f", ""]), [":0"]);
    assert_eq!(complete(&["promote", "frontend", ""]), [":4"]);
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let (shop, folder) = (Shop::empty(), installed());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "{{clusters: [{{name: c, cluster: {{server: 'https://{}'}}}}], users: [{{name: u, user: {{token: t}}}}], \
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}], current-context: c}}",
        silent.local_addr().unwrap()
    );
    let path = folder.path().join("silent.yaml");
    std::fs::write(&path, config).unwrap();
    let begun = Instant::now();
    let words = ["__complete", "promote", "--kubeconfig", path.to_str().unwrap(), ""];
    let ended = with_plugin(&shop, &folder, TOOL, &words).expect(0);
    let took = begun.elapsed();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), (":4\n", ""));
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(4), "{took:?}");
    let ended = with_plugin(&shop, &folder, TOOL, &["__complete", "promote", "--kubeconfig", "/nowhere", ""])
        .expect(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), (":4\n", ""));
}

#[test]
fn bash_completes_without_kubectl() {
    let (shop, folder) = (Shop::new(1), installed());
    let complete = |words: &str| {
        let script = format!(
            "source <(kubectl-rollout_plus completion bash); COMP_WORDS=(kubectl-rollout_plus {words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _kubectl_rollout_plus; echo \"${{COMPREPLY[*]}}\""
        );
        with_plugin(&shop, &folder, "bash", &["-c", &script]).expect(0).stdout.trim().to_owned()
    };
    assert_eq!(complete(&format!("promote -n {} fr", shop.namespace)), "frontend");
    assert_eq!(complete("bootstrap ro"), "rotate");
    // bash splits a word at `=`.
    assert_eq!(complete("status --output = js"), "json");
    assert_eq!(complete("status --output ="), "human json yaml sarif");
    assert_eq!(complete("promote --tim"), "--timeout");
}
