//! What users read of verbs that the simulated cluster does not have, held in snapshots: fixed scenes on a real control plane, where
//! all that differs from run to run has a word that stands for it.

mod accounts;
mod credentials;
mod deliveries;
mod manifests;
mod programs;
mod rules;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use regex_lite::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::shop::{Ended, Shop, finish};

/// What differs from run to run, and what stands for it.
const DIFFERENT: [(&str, &str); 16] = [
    (r"eyJ[\w.-]{20,}", "A-TOKEN-THAT-IS-SEEN"),
    (r"https?://(127\.0\.0\.1|localhost):\d+", "https://SERVER"),
    (r"\b(127\.0\.0\.1|localhost):\d+", "SERVER"),
    (r"\b10\.\d+\.\d+\.\d+\b", "IP"),
    (r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\b(frontend|web|worker)-[0-9a-f]{8,10}-[a-z0-9]{5}\b", "$1-HASH-POD"),
    (r"\b(frontend|web|worker)-[0-9a-f]{8,10}\b", "$1-HASH"),
    (r"\b(revision \d+  )[0-9a-f]{8,10}\b", "${1}HASH"),
    (r"\brun [0-9a-f]{8}\b", "run RUN"),
    (r"tester@[\w.-]+", "tester@HOST"),
    (r"(CN=[\w.-]+)@\d+", "$1"),
    (r"\bv1\.\d+\.\d+\b", "VERSION"),
    // A connection that ends is closed or reset, as it comes.
    (r"(client error \(SendRequest\)): [^;\n]*", "$1"),
    (r"(?m)  \d+s$", "  AGE"),
    // Columns are as wide as what is in them.
    (r"(\S) {2,}", "$1  "),
];

/// Lines that say how far a run is: how many there are is a matter of the machine.
const MOVING: &str = r"(?m)^TIME .*; (Idle|Held|Progressing|Promoting|Aborting): .*\n";

/// Where command lines are typed: a namespace, and a folder with files that they name.
struct Stage {
    shop: Shop,
    folder: TempDir,
    told: String,
}

impl Stage {
    fn new(shop: Shop) -> Self {
        Self { shop, folder: tempfile::tempdir().unwrap(), told: String::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file with objects. YAML is a superset of JSON.
    fn file(&self, name: &str, objects: &[Value]) {
        let text: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Runs a command line in the folder, and notes what it says.
    fn types(&mut self, line: &str) {
        let args: Vec<&str> = line.split_whitespace().collect();
        self.types_with(line, &self.shop.kubeconfig.clone(), &args, &[]);
    }

    /// As [`Self::types`], with a kubeconfig and environment variables.
    fn types_with(
        &mut self,
        line: &str,
        kubeconfig: &std::path::Path,
        args: &[&str],
        variables: &[(&str, &str)],
    ) {
        let mut command = self.shop.command(kubeconfig, args);
        command.current_dir(self.folder.path()).envs(variables.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.notes(line, &finish(child));
    }

    fn notes(&mut self, line: &str, ended: &Ended) {
        writeln!(self.told, "$ kubectl rollout-plus {line}").unwrap();
        if !ended.stderr.is_empty() {
            // Workloads are rolled out side by side: the lines of each are in order.
            let mut lines: Vec<&str> = ended.stderr.trim_end().lines().collect();
            lines.sort_by_key(|line| line.contains("/worker: "));
            writeln!(self.told, "-- stderr\n{}", lines.join("\n")).unwrap();
        }
        if !ended.stdout.is_empty() {
            writeln!(self.told, "-- stdout\n{}", ended.stdout.trim_end()).unwrap();
        }
        let code = ended.code.map_or("killed".to_owned(), |code| code.to_string());
        writeln!(self.told, "-- exit code {code}\n").unwrap();
    }

    /// Returns what was noted, as it is in every run.
    fn told(&self) -> String {
        let mut told = self.told.replace(&self.folder.path().display().to_string(), "FOLDER");
        told = told.replace(&self.shop.kubeconfig.display().to_string(), "KUBECONFIG");
        told = told.replace(&self.shop.namespace, "shop");
        for (pattern, instead) in DIFFERENT {
            told = Regex::new(pattern).unwrap().replace_all(&told, instead).into_owned();
        }
        Regex::new(MOVING).unwrap().replace_all(&told, "").trim_end().to_owned()
    }
}
