//! What kubectl takes of a kubeconfig is taken, and what it refuses is refused, with file and field.

mod proxies;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::seats::Seat;
use crate::shop::{Ended, TOOL, run};

/// A folder of kubeconfigs for the cluster under test.
struct Folder {
    place: TempDir,
    base: Value,
    _seat: Seat,
}

impl Folder {
    fn new() -> Self {
        #[allow(clippy::disallowed_methods, reason = "set by 'testbed/cluster exec'")]
        let path = std::env::var("KUBECONFIG").expect("KUBECONFIG");
        let read: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (cluster, user) = (&read["clusters"][0]["cluster"], &read["users"][0]["user"]);
        let base = json!({"apiVersion": "v1", "kind": "Config", "current-context": "dev",
            "clusters": [{"name": "dev", "cluster": {"server": cluster["server"],
                "certificate-authority-data": cluster["certificate-authority-data"]}}],
            "users": [{"name": "me", "user": {"token": user["token"]}}],
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "me"}}]});
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{}\n", user["token"].as_str().unwrap()))
            .unwrap();
        Self { place: folder, base, _seat: Seat::take() }
    }

    fn token(&self) -> &str {
        self.base["users"][0]["user"]["token"].as_str().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Writes a kubeconfig with other fields of cluster, user and context; `null` takes one off.
    fn write(&self, name: &str, cluster: &Value, user: &Value, context: &Value) -> PathBuf {
        let mut config = self.base.clone();
        merge(&mut config["clusters"][0]["cluster"], cluster);
        merge(&mut config["contexts"][0]["context"], context);
        merge(&mut config["users"][0]["user"], user);
        std::fs::write(self.path(name), config.to_string()).unwrap();
        self.path(name)
    }

    fn cluster(&self, cluster: &Value) -> PathBuf {
        self.write("config", cluster, &json!({}), &json!({}))
    }

    fn user(&self, user: &Value) -> PathBuf {
        let mut whole = json!({"token": null});
        merge(&mut whole, user);
        self.write("config", &json!({}), &whole, &json!({}))
    }

    fn program(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        kubeconfig: &str,
        args: &[&str],
        more: &[(&str, &str)],
    ) -> Ended {
        let mut command = Command::new(program);
        #[allow(clippy::disallowed_methods, reason = "programs are found by it")]
        let path = std::env::var("PATH").unwrap();
        command.env_clear().env("PATH", path).env("HOME", self.place.path()).env("KUBECONFIG", kubeconfig);
        command.envs(more.iter().copied()).args(args).stdin(Stdio::null());
        run(&mut command)
    }

    /// Runs the tool and kubectl with this $KUBECONFIG, and more variables.
    fn both(&self, kubeconfig: &str, more: &[(&str, &str)]) -> (Ended, Ended) {
        let tool = self.program(TOOL, kubeconfig, &["get", "namespaces", "--request-timeout=5s"], more);
        let kubectl =
            self.program("kubectl", kubeconfig, &["get", "namespaces", "--request-timeout=5s"], more);
        (tool, kubectl)
    }

    #[track_caller]
    fn takes(&self, what: &str, kubeconfig: &str, more: &[(&str, &str)]) {
        let (tool, kubectl) = self.both(kubeconfig, more);
        assert_eq!(
            (tool.code, kubectl.code),
            (Some(0), Some(0)),
            "{what}: {} {}",
            tool.stderr,
            kubectl.stderr
        );
    }

    #[track_caller]
    fn refuses(&self, what: &str, kubeconfig: &Path, told: &str) {
        let (tool, kubectl) = self.both(kubeconfig.to_str().unwrap(), &[]);
        assert_eq!(
            (tool.code, kubectl.code),
            (Some(3), Some(1)),
            "{what}: {} {}",
            tool.stderr,
            kubectl.stderr
        );
        let whole = format!("error: kubeconfig {}: {told}", kubeconfig.display());
        assert!(tool.stderr.starts_with(&whole), "{what}: {}", tool.stderr);
        assert!(tool.stderr.contains("next: "), "{what}: {}", tool.stderr);
        assert!(!tool.stderr.contains(self.token()), "{what}: {}", tool.stderr);
    }
}

fn merge(base: &mut Value, other: &Value) {
    for (key, value) in other.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(key);
        } else {
            base[key] = value.clone();
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_kubectl_takes_is_taken() {
    let folder = Folder::new();
    let plain = folder.cluster(&json!({}));
    let whole = std::fs::read_to_string(&plain).unwrap();
    let second = folder.path("second");
    std::fs::write(&second, whole).unwrap();
    let nowhere = folder.path("nowhere");
    let list = |first: &Path, then: &Path| format!("{}:{}", first.display(), then.display());
    folder.takes("a file that is missing", &list(&second, &nowhere), &[]);
    folder.takes("the first file is missing", &list(&nowhere, &second), &[]);
    let first = folder.path("first");
    std::fs::write(&first, "current-context: ''\nusers: null\nx: {y: 1}\n").unwrap();
    folder.takes("an empty current-context before another", &list(&first, &second), &[]);

    let ca = folder.base["clusters"][0]["cluster"]["certificate-authority-data"].as_str().unwrap();
    let folded: Vec<String> =
        ca.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into()).collect();
    for (what, path) in [
        ("an empty namespace", folder.write("ns", &json!({}), &json!({}), &json!({"namespace": ""}))),
        (
            "data in lines",
            folder.write(
                "folded",
                &json!({"certificate-authority-data": folded.join("\n")}),
                &json!({}),
                &json!({}),
            ),
        ),
        (
            "an empty name of the server",
            folder.write("name", &json!({"tls-server-name": "", "proxy-url": ""}), &json!({}), &json!({})),
        ),
        (
            "another name of the server",
            folder.write("other", &json!({"tls-server-name": "kubernetes"}), &json!({}), &json!({})),
        ),
        (
            "no verification",
            folder.write(
                "insecure",
                &json!({"certificate-authority-data": null, "insecure-skip-tls-verify": true}),
                &json!({}),
                &json!({}),
            ),
        ),
        (
            "empty fields of a user",
            folder.write(
                "user",
                &json!({}),
                &json!({"username": "", "password": "", "tokenFile": "", "as": "", "exec": null}),
                &json!({}),
            ),
        ),
        (
            "a token file with a line break",
            folder.write("file", &json!({}), &json!({"token": null, "tokenFile": "token"}), &json!({})),
        ),
        (
            "a token file and another token",
            folder.write("over", &json!({}), &json!({"token": "old", "tokenFile": "token"}), &json!({})),
        ),
    ] {
        folder.takes(what, text(&path), &[]);
    }
}

#[test]
fn what_kubectl_refuses_is_told_with_file_and_field() {
    let folder = Folder::new();
    for (what, path, told) in [
        (
            "no server",
            folder.write("a", &json!({"server": ""}), &json!({}), &json!({})),
            "cluster dev: server is not set",
        ),
        (
            "no scheme",
            folder.write("b", &json!({"server": "127.0.0.1:1"}), &json!({}), &json!({})),
            "cluster dev: server has neither https:// nor http://",
        ),
        (
            "no cluster",
            folder.write("c", &json!({}), &json!({}), &json!({"cluster": "prod"})),
            "context dev: there is no cluster prod",
        ),
        (
            "two CAs",
            folder.write("d", &json!({"certificate-authority": "ca.crt"}), &json!({}), &json!({})),
            "cluster dev: certificate-authority and certificate-authority-data are both set",
        ),
        (
            "CA and no verification",
            folder.write("e", &json!({"insecure-skip-tls-verify": true}), &json!({}), &json!({})),
            "cluster dev: certificate-authority-data and insecure-skip-tls-verify are both set",
        ),
        (
            "no PEM",
            folder.write("f", &json!({"certificate-authority-data": "aGVsbG8="}), &json!({}), &json!({})),
            "cluster dev: certificate-authority-data holds no certificate",
        ),
        (
            "two logins",
            folder.write("g", &json!({}), &json!({"username": "a"}), &json!({})),
            "user me: token and username or password are both set",
        ),
        (
            "gcp",
            folder.write(
                "h",
                &json!({}),
                &json!({"auth-provider": {"name": "gcp", "config": {"cmd-path": "/nonexistent/gcloud"}}}),
                &json!({}),
            ),
            "user me: the auth-provider gcp is gone since kubectl 1.26",
        ),
    ] {
        folder.refuses(what, &path, told);
    }
    let missing = json!({"command": "auth-of-nowhere", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "installHint": "apt install auth"});
    let path = folder.user(&json!({"exec": missing}));
    folder.refuses(
        "no program",
        &path,
        "user me: the program auth-of-nowhere brings the credential, and is not there",
    );
    let ended = folder.program(TOOL, text(&path), &["doctor"], &[]);
    assert!(ended.stderr.contains("next: apt install auth"), "{}", ended.stderr);
    let expired = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSIsImV4cCI6MTU3NzgzNjgwMH0.x";
    let oidc = json!({"name": "oidc", "config": {"idp-issuer-url": "https://127.0.0.1:1", "client-id": "shop", "id-token": expired}});
    folder.refuses(
        "oidc",
        &folder.user(&json!({"auth-provider": oidc})),
        "user me: the token of the auth-provider oidc expired at 2020-01-01",
    );
    let ended =
        folder.program(TOOL, "", &["doctor", "--kubeconfig", text(&folder.path("nowhere"))], &[]).expect(3);
    assert!(ended.stderr.contains("nowhere: No such file"), "{}", ended.stderr);
}

#[test]
fn doctor_does_not_call_nobody_a_credential() {
    let folder = Folder::new();
    let path = folder.write("config", &json!({}), &json!({}), &json!({"user": "you"}));
    let ended = folder.program(TOOL, text(&path), &["doctor"], &[]).expect(3);
    assert!(ended.stdout.contains("no credential (context dev: there is no user you)"), "{}", ended.stdout);
    assert!(ended.stdout.contains("the credential does not work"), "{}", ended.stdout);
    let ended = folder.program(TOOL, text(&path), &["status", "-A"], &[]).expect(3);
    assert!(
        ended.stderr.contains("there is no credential: context dev: there is no user you"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_program_is_run_once_and_again_after_a_401() {
    let folder = Folder::new();
    let runs = folder.path("runs");
    let script = format!(
        "echo run >> {0}; [ $(wc -l < {0}) = 1 ] && [ \"$1\" = stale ] && token=stale || token={1}; \
         echo '{{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \"status\": {{\"token\": \"'$token'\"}}}}'",
        runs.display(),
        folder.token()
    );
    let run = |how: &str| {
        let exec = json!({"command": "sh", "args": ["-c", script, "sh", how], "interactiveMode": "Never",
            "apiVersion": "client.authentication.k8s.io/v1", "env": null});
        let path = folder.user(&json!({"exec": exec}));
        let ended = folder.program(TOOL, text(&path), &["get", "namespaces"], &[]);
        let count = std::fs::read_to_string(&runs).unwrap().lines().count();
        std::fs::remove_file(&runs).unwrap();
        (ended.code, count)
    };
    assert_eq!(run("fresh"), (Some(0), 1));
    assert_eq!(run("stale"), (Some(0), 2));
}
