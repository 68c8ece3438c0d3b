//! The examples in `plugin/`, each run to its end as its CI system would run it, on a real control plane, with the
//! credential that `bootstrap` made. Only the namespace is another, and the waits are short.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::shop::{Ended, Shop, TOOL, run};
use serde_json::{Map, Value};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
/// What the examples deploy in build 42 of that commit.
const IMAGE: &str = "shop/frontend:01234567-42";
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml");

/// A shop, what a build has checked out, and what `bootstrap` delivered for it.
struct Pipeline {
    shop: Shop,
    folder: tempfile::TempDir,
    secrets: BTreeMap<String, String>,
}

impl Pipeline {
    fn new() -> Self {
        let (shop, folder) = (Shop::new(3), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let forms = ["dotenv", "kubeconfig"].map(|form| format!("{form}={}", at(&format!("ci.{form}"))));
        let asked = ["bootstrap", "ci", "--strategy", "canary", "-f", MANIFEST];
        shop.tool(&[&asked[..], &["--deliver", &forms[0], "--deliver", &forms[1]]].concat()).expect(0);
        let delivered = std::fs::read_to_string(at("ci.dotenv")).unwrap();
        let lines = delivered.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once('='));
        let secrets =
            pairs.map(|(name, value)| (name.to_lowercase(), value.trim_matches(['\'', '"']).to_owned()));
        let secrets: BTreeMap<String, String> = secrets.collect();
        assert_eq!(secrets.len(), 3, "server, cert and token");
        std::fs::create_dir(folder.path().join("frontend")).unwrap();
        std::fs::copy(MANIFEST, folder.path().join("frontend/deployment.yaml")).unwrap();
        std::os::unix::fs::symlink(TOOL, folder.path().join("kubectl-rollout_plus")).unwrap();
        Self { shop, folder, secrets }
    }

    /// Reads an example, for the namespace of this shop.
    fn example(&self, name: &str) -> String {
        let path = format!("{}/plugin/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let mut changed = text.clone();
        for (from, to) in [
            ("namespace: shop", "namespace: "),
            ("NAMESPACE: shop", "NAMESPACE: "),
            ("--namespace shop", "--namespace "),
        ] {
            changed = changed.replace(from, &format!("{to}{}", self.shop.namespace));
        }
        assert_ne!(changed, text, "{name} names no namespace");
        let (wait, short) = (
            ["step_wait: 1m", "STEP_WAIT: 1m", "--step-wait 1m"],
            ["step_wait: 1s", "STEP_WAIT: 1s", "--step-wait 1s"],
        );
        let waits =
            wait.iter().zip(short).fold(changed.clone(), |text, (long, short)| text.replace(long, short));
        assert_ne!(waits, changed, "{name} does not wait");
        waits
    }

    fn command(&self, program: &str, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        command.env("PATH", path).env("CI", "true").envs(variables.iter().copied());
        command
    }

    /// Runs the step of a plugin. What is not known fails it.
    fn step(&self, variables: &[(&str, &str)], settings: BTreeMap<String, String>) -> Ended {
        run(self.command(TOOL, variables).envs(settings).env("PLUGIN_STRICT", "true"))
    }

    /// Runs lines in a shell, up to the first that fails.
    fn shell(&self, variables: &[(&str, &str)], lines: &str) -> Ended {
        let mut shell = self.command("sh", variables);
        shell.args(["-e", "-c", lines]).env("KUBECONFIG", self.folder.path().join("ci.kubeconfig"));
        run(&mut shell)
    }

    /// Settings as variables: a list of plain members with commas, a secret by its name.
    fn settings(&self, settings: &Map<String, Value>) -> BTreeMap<String, String> {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = |value: &Value| match value {
            Value::Array(members) => members.iter().map(plain).collect::<Vec<_>>().join(","),
            Value::Object(secret) => self.secrets[secret["from_secret"].as_str().unwrap()].clone(),
            value => plain(value),
        };
        settings
            .iter()
            .map(|(name, value)| (format!("PLUGIN_{}", name.to_uppercase()), text(value)))
            .collect()
    }

    #[track_caller]
    fn expect_image(&self, image: &str) {
        let deployment = self.shop.deployment();
        assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], image);
        assert_eq!(self.shop.pods_of(image), (3, 3));
        self.shop.expect_own_fields(image);
    }

    /// Runs both steps of an example for a plugin: a canary, and then what the image with kubectl did.
    fn plugin_steps(&self, example: &str, variables: &[(&str, &str)]) {
        let parsed: Value = serde_saphyr::from_str(&self.example(example)).unwrap();
        let images = [IMAGE, "shop/web:v1"];
        let steps = parsed["steps"].as_array().unwrap();
        assert_eq!(steps.len(), images.len());
        for (step, image) in steps.iter().zip(images) {
            self.step(variables, self.settings(step["settings"].as_object().unwrap())).expect(0);
            self.expect_image(image);
        }
    }
}

#[test]
fn the_example_for_drone_deploys() {
    let build = [
        ("DRONE", "true"),
        ("DRONE_BUILD_NUMBER", "42"),
        ("DRONE_COMMIT_SHA", SHA),
        ("DRONE_BUILD_EVENT", "push"),
    ];
    Pipeline::new().plugin_steps(".drone.yml", &build);
}

#[test]
fn the_example_for_woodpecker_deploys() {
    let build = [
        ("CI", "woodpecker"),
        ("CI_PIPELINE_NUMBER", "42"),
        ("CI_COMMIT_SHA", SHA),
        ("CI_PIPELINE_EVENT", "push"),
    ];
    Pipeline::new().plugin_steps(".woodpecker.yaml", &build);
}

#[test]
fn the_example_for_github_deploys() {
    let pipeline = Pipeline::new();
    let parsed: Value = serde_saphyr::from_str(&pipeline.example("github.yaml")).unwrap();
    let step = &parsed["jobs"]["deploy"]["steps"][0];
    assert!(step["uses"].as_str().unwrap().starts_with("docker://"), "{step}");
    let mut variables = BTreeMap::new();
    for (name, value) in step["env"].as_object().unwrap() {
        let value = value.as_str().unwrap_or_else(|| panic!("{name} is not text: {value}"));
        let secret = value.strip_prefix("${{ secrets.").and_then(|name| name.strip_suffix(" }}"));
        let value = secret.map_or(value, |name| pipeline.secrets[&name.to_lowercase()].as_str());
        variables.insert(name.clone(), value.to_owned());
    }
    let build = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_RUN_NUMBER", "42"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_EVENT_NAME", "push"),
    ];
    pipeline.step(&build, variables).expect(0);
    pipeline.expect_image(IMAGE);
}

#[test]
fn the_example_for_gitlab_deploys() {
    let pipeline = Pipeline::new();
    let parsed: Value = serde_saphyr::from_str(&pipeline.example("gitlab-ci.yaml")).unwrap();
    let job = &parsed["deploy"];
    let lines: Vec<&str> =
        job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let build = [
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_IID", "42"),
        ("CI_COMMIT_SHA", SHA),
        ("CI_PIPELINE_SOURCE", "push"),
    ];
    pipeline.shell(&build, &lines.join("\n")).expect(0);
    pipeline.expect_image(IMAGE);
    let report = job["artifacts"]["reports"]["junit"].as_str().unwrap();
    assert!(std::fs::read_to_string(pipeline.folder.path().join(report)).unwrap().contains("<testsuite"));
}

#[test]
fn the_example_for_jenkins_deploys() {
    let pipeline = Pipeline::new();
    let text = pipeline.example("Jenkinsfile");
    let (before, rest) = text.split_once("sh '''").expect("a step with a shell");
    let (script, after) = rest.split_once("'''").unwrap();
    assert!(before.contains("variable: 'KUBECONFIG'"), "{before}");
    // In Groovy's text a backslash before a line's end is taken away with it.
    let script = script.replace("\\\n", "");
    let build = [("JENKINS_URL", "https://ci.example.org/"), ("BUILD_NUMBER", "42"), ("GIT_COMMIT", SHA)];
    pipeline.shell(&build, &script).expect(0);
    pipeline.expect_image(IMAGE);
    let report = after.split_once("junit '").unwrap().1.split_once('\'').unwrap().0;
    assert!(std::fs::read_to_string(pipeline.folder.path().join(report)).unwrap().contains("<testsuite"));
}
