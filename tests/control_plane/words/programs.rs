//! A step that has `kubectl` and `helm` run lines of their own.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use super::Stage;
use crate::shop::{Shop, TOOL, finish};

/// Runs a step with these settings, and with programs that are in the folder.
fn step(stage: &mut Stage, settings: &[(&str, &str)]) {
    let told = settings.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ");
    let mut command = Command::new(TOOL);
    command.env_clear().current_dir(stage.folder.path()).stdin(Stdio::null());
    command.env("PATH", stage.folder.path()).env("KUBECONFIG", &stage.shop.kubeconfig);
    command.env("PLUGIN_NAMESPACE", &stage.shop.namespace).envs(settings.iter().copied());
    let ended = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    stage.notes(&format!("  # as a step: {told}"), &ended);
}

/// Puts a program of that name there.
fn program(stage: &Stage, name: &str, script: &str) {
    let path = stage.path(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn in_a_step() {
    let mut stage = Stage::new(Shop::new(3));
    for (setting, line) in [
        ("PLUGIN_KUBECTL", "annotate deployment/frontend a=b"),
        ("PLUGIN_KUBECTL", "rollout restart -l app=frontend"),
        ("PLUGIN_KUBECTL", "apply -f a.yaml | tee log"),
        ("PLUGIN_KUBECTL", "get deployments 'frontend"),
        ("PLUGIN_HELM", "upgrade web ./chart"),
    ] {
        step(&mut stage, &[(setting, line)]);
    }
    program(&stage, "kubectl", "echo \"kubectl $*\"; exit 3");
    program(&stage, "helm", "echo \"helm $*\"");
    step(&mut stage, &[("PLUGIN_KUBECTL", "annotate deployment/frontend a=b")]);
    step(&mut stage, &[("PLUGIN_HELM", "upgrade web ./chart")]);
    step(&mut stage, &[("PLUGIN_HELM", "version"), ("PLUGIN_DEBUG", "true")]);
    program(&stage, "helm", "exec /bin/sleep 60");
    step(&mut stage, &[("PLUGIN_HELM", "upgrade web ./chart"), ("PLUGIN_TIMEOUT", "1s")]);
    assert_snapshot!(stage.told());
}
