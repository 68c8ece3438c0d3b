//! All settings of a step, one line each, and the values that a build gives them.

use std::collections::BTreeMap;

use crate::ci::{build::Build, encoding};
use crate::credentials::{self, Credentials, variables};
use crate::environment::Environment;
use crate::error::Error;

mod table;

pub use table::TABLE;

/// What a flag says something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// How manifests are applied.
    Manifests,
    /// How a Deployment is rolled out.
    Rollout,
    /// Both: which manifests, and what is done about failures.
    Both,
}

impl Of {
    /// Whether it says how manifests are applied.
    pub const fn is_of_manifests(self) -> bool {
        match self {
            Self::Manifests | Self::Both => true,
            Self::Rollout => false,
        }
    }

    /// Whether it says how a Deployment is rolled out.
    pub const fn is_of_rollouts(self) -> bool {
        match self {
            Self::Rollout | Self::Both => true,
            Self::Manifests => false,
        }
    }
}

/// What a setting becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// `--flag=VALUE`.
    Option(&'static str, Of),
    /// `--flag=VALUE`, of every command.
    Everywhere(&'static str),
    /// `--flag=MEMBER` for each member of a list.
    Each(&'static str, Of),
    /// `--flag=MEMBER,MEMBER`.
    Joined(&'static str, Of),
    /// `--flag` if it is true.
    Switch(&'static str, Of),
    /// It decides which command is run on what.
    Command,
    /// A credential: handed on within the process, never on a command line.
    Credential,
    /// Nothing: other plugins have it, and what it asks for is so in any case. The text says why.
    Nothing(&'static str),
    /// An error if it is true or any text: it asks for what is not done, and leaving it out would be wrong.
    Refused(&'static str),
}

impl Becomes {
    /// Returns the flag on the command line.
    pub const fn flag(self) -> Option<&'static str> {
        match self {
            Self::Option(flag, _) | Self::Each(flag, _) | Self::Joined(flag, _) | Self::Switch(flag, _) => {
                Some(flag)
            }
            Self::Everywhere(flag) => Some(flag),
            Self::Command | Self::Credential | Self::Nothing(_) | Self::Refused(_) => None,
        }
    }
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// The names that other plugins have for it.
    pub aliases: &'static [&'static str],
    /// What it becomes.
    pub becomes: Becomes,
}

/// A value, and the name that the pipeline gave it under.
#[derive(Clone)]
struct Spelled {
    name: String,
    value: String,
}

/// The settings of a build. What is empty is not set.
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, Spelled>,
    /// Credentials that are set to nothing: a secret that is withheld, or that does not exist.
    empty: BTreeMap<&'static str, Spelled>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads the settings of an environment.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] for two values under names of one meaning, for a secret that the CI system did not
    /// put in, for what cannot be done, and with `strict` for a name that is not known.
    pub fn of(environment: &Environment) -> Result<Self, Error> {
        let mut settings = Self::default();
        let mut unknown = Vec::new();
        for (name, value) in encoding::variables(&environment.variables) {
            match TABLE.iter().find(|one| one.name == name || one.aliases.contains(&name.as_str())) {
                Some(setting) => settings.take(setting, Spelled { name, value })?,
                None => unknown.push(name),
            }
        }
        // Without the prefix they count, too, because the images that people come from read them alone.
        for (variable, name) in variables::ALL {
            if let (Some(setting), Some(value)) =
                (TABLE.iter().find(|one| one.name == name), environment.variables.get(variable))
                && !settings.values.contains_key(name)
            {
                settings.take(setting, Spelled { name: variable.to_owned(), value: value.clone() })?;
            }
        }
        settings.look()?;
        let unknown: Vec<String> = unknown.iter().map(|name| stranger(name)).collect();
        if settings.is("strict")? && !unknown.is_empty() {
            return Err(Error::usage(unknown.join("; ")).next("leave it out, or leave strict out"));
        }
        settings.warnings.extend(unknown);
        Ok(settings)
    }

    fn take(&mut self, setting: &Setting, given: Spelled) -> Result<(), Error> {
        if given.value.trim().is_empty() {
            if setting.becomes == Becomes::Credential {
                self.empty.insert(setting.name, given);
            }
            return Ok(());
        }
        if encoding::names_a_secret(&given.value) {
            return Err(Error::usage(format!(
                "setting {}: a secret is named within a list or a map, and the CI system did not put its value in (Drone \
                 never does)",
                given.name
            ))
            .next(format!("{}: {{from_secret: NAME}}, as the whole value", given.name)));
        }
        match self.values.get(setting.name) {
            Some(other) if other.value != given.value => Err(Error::usage(format!(
                "settings {} and {} mean the same, and have different values",
                other.name, given.name
            ))
            .next(format!("leave {} out", given.name))),
            Some(_) => Ok(()),
            None => {
                self.values.insert(setting.name, given);
                Ok(())
            }
        }
    }

    /// Looks at what becomes no flag.
    fn look(&mut self) -> Result<(), Error> {
        // Other plugins have it as a switch that makes new pods for a tag that was used before.
        if self.is("force").is_ok() && self.values.remove("force").is_some() {
            let why = "a tag names one version; 'action: restart' makes new pods, and 'force: [RP001]' overrides rules";
            self.warnings.push(format!("setting force does nothing: {why}"));
        }
        for setting in TABLE {
            let Some(given) = self.values.get(setting.name) else { continue };
            let off = encoding::switch(&given.value) == Ok(false);
            match setting.becomes {
                Becomes::Refused(why) if !off => {
                    return Err(Error::usage(format!("setting {}: {why}", given.name)));
                }
                Becomes::Nothing(why) => {
                    self.warnings.push(format!("setting {} does nothing: {why}", given.name));
                }
                Becomes::Refused(_)
                | Becomes::Option(..)
                | Becomes::Everywhere(_)
                | Becomes::Each(..)
                | Becomes::Joined(..)
                | Becomes::Switch(..)
                | Becomes::Command
                | Becomes::Credential => {}
            }
        }
        Ok(())
    }

    /// Returns a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|given| given.value.as_str())
    }

    /// Returns the name that the pipeline gave a setting under.
    pub fn spelled<'a>(&'a self, name: &'a str) -> &'a str {
        self.values.get(name).map_or(name, |given| &given.name)
    }

    /// Returns a list, empty if it is not set.
    ///
    /// # Errors
    /// Names the setting that is no list.
    pub fn list(&self, name: &str) -> Result<Vec<String>, Error> {
        self.read(name, encoding::pairs).map(Option::unwrap_or_default)
    }

    /// Whether it is true; what is not set is false.
    ///
    /// # Errors
    /// Names the setting that is neither true nor false.
    pub fn is(&self, name: &str) -> Result<bool, Error> {
        self.read(name, encoding::switch).map(Option::unwrap_or_default)
    }

    fn read<T>(&self, name: &str, how: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Error> {
        let Some(given) = self.values.get(name) else { return Ok(None) };
        how(&given.value).map(Some).map_err(|why| Error::usage(format!("setting {} {why}", given.name)))
    }

    /// Returns the arguments that settings become, in the order of the table, as far as they are of what is wanted.
    ///
    /// # Errors
    /// Names the setting that has not the form of its kind.
    pub fn arguments(&self, wanted: impl Fn(Of) -> bool) -> Result<Vec<String>, Error> {
        let mut arguments = Vec::new();
        for setting in TABLE {
            let Some(value) = self.text(setting.name) else { continue };
            match setting.becomes {
                Becomes::Option(flag, of) if wanted(of) => arguments.push(format!("{flag}={}", value.trim())),
                Becomes::Each(flag, of) if wanted(of) => {
                    arguments.extend(self.list(setting.name)?.iter().map(|one| format!("{flag}={one}")));
                }
                Becomes::Joined(flag, of) if wanted(of) => {
                    arguments.push(format!("{flag}={}", self.list(setting.name)?.join(",")));
                }
                Becomes::Switch(flag, of) if self.is(setting.name)? && wanted(of) => {
                    arguments.push(flag.to_owned());
                }
                Becomes::Option(..)
                | Becomes::Each(..)
                | Becomes::Joined(..)
                | Becomes::Switch(..)
                | Becomes::Everywhere(_)
                | Becomes::Command
                | Becomes::Credential
                | Becomes::Nothing(_)
                | Becomes::Refused(_) => {}
            }
        }
        Ok(arguments)
    }

    /// Returns the arguments of every command.
    pub fn everywhere(&self) -> Vec<String> {
        let flag = |setting: &Setting| match setting.becomes {
            Becomes::Everywhere(flag) => Some(format!("{flag}={}", self.text(setting.name)?.trim())),
            Becomes::Option(..)
            | Becomes::Each(..)
            | Becomes::Joined(..)
            | Becomes::Switch(..)
            | Becomes::Command
            | Becomes::Credential
            | Becomes::Nothing(_)
            | Becomes::Refused(_) => None,
        };
        TABLE.iter().filter_map(flag).collect()
    }

    /// Returns the credentials. Without any the server is found as `kubectl` finds it.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] if they are set to nothing: a pipeline that names secrets means these.
    pub fn credentials(&self, build: &Build) -> Result<Credentials, Error> {
        let given = |name: &str| {
            let spelled = self.values.get(name).or_else(|| self.empty.get(name));
            spelled.map(|given| credentials::Setting::new(&given.name, &given.value))
        };
        let empty = ["kubeconfig", "server", "token"].iter().filter(|name| !self.values.contains_key(*name));
        let empty: Vec<&str> =
            empty.filter_map(|name| self.empty.get(name)).map(|given| given.name.as_str()).collect();
        if !empty.is_empty() && !self.values.contains_key("kubeconfig") {
            let verb = if empty.len() == 1 { "is" } else { "are" };
            let what = format!("{} {verb} empty", empty.join(", "));
            return Err(if build.is_pull_request() {
                Error::usage(format!("{what}: the CI system withholds secrets from pull requests")).next(
                    "leave the step out of them (when: {event: push}), or allow a credential that can only read",
                )
            } else {
                Error::usage(format!("{what}: there is no secret of that name, or it has no value"))
                    .next("look at the repository's secrets, and at the events and images that they are for")
            });
        }
        if self.text("context").is_some()
            && let Some(other) =
                ["server", "token", "in_cluster"].iter().find(|name| self.text(name).is_some())
            && (*other != "in_cluster" || self.is("in_cluster")?)
        {
            let (context, other) = (self.spelled("context"), self.spelled(other));
            return Err(Error::usage(format!(
                "settings {context} and {other}: a context is one of a kubeconfig, and {other} names the cluster"
            ))
            .next(format!("leave {context} out")));
        }
        Ok(Credentials {
            server: given("server"),
            cert: given("cert"),
            token: given("token"),
            kubeconfig: given("kubeconfig"),
            tls_server_name: self.text("tls_server_name").map(str::to_owned),
            in_cluster: self.is("in_cluster")?,
            proxy_url: given("proxy_url"),
        })
    }
}

/// Says that a name is not known, and which one may be meant.
fn stranger(name: &str) -> String {
    let names = TABLE.iter().flat_map(|one| one.aliases.iter().chain([&one.name]));
    let likeness = |other: &&&str| strsim::jaro_winkler(name, other);
    let nearest =
        names.filter(|other| likeness(other) > 0.85).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest {
        Some(nearest) => format!("there is no setting {name}: is {nearest} meant?"),
        None => format!("there is no setting {name}"),
    }
}

#[cfg(test)]
mod tests;
