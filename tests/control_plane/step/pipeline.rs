//! What a pipeline is: a namespace, a folder that is checked out, credentials, and builds that set variables.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::shop::{Claims, Ended, Run, Shop, TOOL};

pub const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const RIGHTS: &str = r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "ci"}, "rules": [
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "create", "patch"]},
    {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["apps"], "resources": ["replicasets/scale"], "verbs": ["update"]},
    {"apiGroups": [""], "resources": ["pods", "events", "services"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "list", "watch", "create", "update"]}]}"#;

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Woodpecker,
    Drone,
}

/// A build of the repository shop/frontend.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    pub system: System,
    pub number: u32,
    pub event: &'static str,
}

impl Build {
    pub const fn push(system: System, number: u32) -> Self {
        Self { system, number, event: "push" }
    }

    /// Where people find it.
    pub fn link(self) -> String {
        match self.system {
            System::Woodpecker => format!("https://ci.example.org/repos/1/pipeline/{}", self.number),
            System::Drone => format!("https://drone.example.org/shop/frontend/{}", self.number),
        }
    }

    /// What the system says of it.
    fn variables(self) -> Vec<(&'static str, String)> {
        let (link, number, event) = (self.link(), self.number.to_string(), self.event.to_owned());
        let repo = "shop/frontend".to_owned();
        match self.system {
            System::Woodpecker => vec![
                ("CI", "woodpecker".to_owned()),
                ("CI_REPO", repo),
                ("CI_PIPELINE_NUMBER", number),
                ("CI_PIPELINE_URL", link),
                ("CI_PIPELINE_EVENT", event),
                ("CI_COMMIT_SHA", SHA.to_owned()),
                ("CI_COMMIT_AUTHOR", "alice".to_owned()),
            ],
            System::Drone => vec![
                ("CI", "true".to_owned()),
                ("DRONE", "true".to_owned()),
                ("DRONE_REPO", repo),
                ("DRONE_BUILD_NUMBER", number),
                ("DRONE_BUILD_LINK", link),
                ("DRONE_BUILD_EVENT", event),
                ("DRONE_COMMIT_SHA", SHA.to_owned()),
                ("DRONE_COMMIT_AUTHOR", "alice".to_owned()),
            ],
        }
    }
}

/// A namespace, a folder that is checked out, and a service account with what its pipeline knows of it.
pub struct Pipeline {
    pub shop: Shop,
    pub folder: tempfile::TempDir,
    pub secrets: Vec<(String, String)>,
}

impl Pipeline {
    pub fn new(shop: Shop) -> Self {
        shop.kubectl(&["create", "serviceaccount", "ci"]);
        shop.apply(&serde_json::from_str(RIGHTS).unwrap());
        let account = format!("--serviceaccount={}:ci", shop.namespace);
        shop.kubectl(&["create", "rolebinding", "ci", "--role=ci", &account]);
        let token = shop.kubectl(&["create", "token", "ci"]).trim().to_owned();
        let config = shop.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]);
        let config: Value = serde_json::from_str(&config).unwrap();
        let cluster = &config["clusters"][0]["cluster"];
        let authority = cluster["certificate-authority-data"].as_str();
        let read = || std::fs::read_to_string(cluster["certificate-authority"].as_str().unwrap()).unwrap();
        let authority = authority.map_or_else(read, str::to_owned);
        let server = cluster["server"].as_str().unwrap().to_owned();
        let secrets = [("SERVER", server), ("CERT", authority), ("TOKEN", token)];
        let secrets = secrets.map(|(name, value)| (format!("KUBERNETES_{name}"), value)).to_vec();
        Self { shop, folder: tempfile::tempdir().unwrap(), secrets }
    }

    /// Gives the service account more rights.
    pub fn allow(&self, group: &str, resource: &str, verbs: &[&str]) {
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": resource},
            "rules": [{"apiGroups": [group], "resources": [resource], "verbs": verbs}]});
        self.shop.apply(&role);
        let account = format!("--serviceaccount={}:ci", self.shop.namespace);
        self.shop.kubectl(&["create", "rolebinding", resource, &format!("--role={resource}"), &account]);
    }

    /// Checks a file in.
    pub fn write(&self, path: &str, content: &Value) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.to_string()).unwrap();
    }

    pub fn token(&self) -> &str {
        &self.secrets[2].1
    }

    /// Prepares the step as a CI system starts it: no argument, and nothing but variables.
    pub fn command(&self, build: Build, secrets: &[(String, String)], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(TOOL);
        command.env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        // Without a PATH the system's own folders are searched.
        command.env("PATH", "/nowhere").env("PLUGIN_NAMESPACE", &self.shop.namespace);
        command.envs(build.variables());
        command.envs(secrets.iter().map(|(name, value)| (name, value)));
        for (name, value) in settings {
            command.env(format!("PLUGIN_{}", name.to_uppercase()), value);
        }
        command
    }

    /// Starts the step. What it says of the Deployment is compared with what is there at its end.
    pub fn start(&self, build: Build, secrets: &[(String, String)], settings: &[(&str, &str)]) -> Run {
        let name =
            settings.iter().find(|(name, _)| *name == "deployment").map_or("frontend", |(_, name)| name);
        // Of several lines the last may have undone what the first said.
        let is_one = settings.iter().all(|(_, value)| !value.contains('\n'));
        let claims = Claims::of_step(&self.shop.namespace, name).filter(|_| is_one);
        let mut command = self.command(build, secrets, settings);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start the tool");
        Run::of(child, &self.shop.namespace, true, claims)
    }

    /// Runs the step to its end.
    pub fn run(&self, build: Build, secrets: &[(String, String)], settings: &[(&str, &str)]) -> Ended {
        let ended = self.start(build, secrets, settings).finish();
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!told.contains(self.token()), "the token is printed:\n{told}");
        ended
    }

    /// Runs the step as Woodpecker does, in build 42.
    pub fn step(&self, settings: &[(&str, &str)]) -> Ended {
        self.step_in("push", &self.secrets, settings)
    }

    pub fn step_in(
        &self,
        event: &'static str,
        secrets: &[(String, String)],
        settings: &[(&str, &str)],
    ) -> Ended {
        let build = Build { system: System::Woodpecker, number: 42, event };
        self.run(build, secrets, settings)
    }
}
