//! Several files as one (`ClientConfigLoadingRules.Load` in `tools/clientcmd/loader.go` of kubernetes/client-go): the
//! first that has a name or a current context wins, and a relative path is one beside its own file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use super::Fault;
use super::file::{Cluster, Context, File, Named, User};

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of $KUBECONFIG, or the usual one.
    File(PathBuf),
    /// The file of --kubeconfig.
    Explicit(PathBuf),
    /// A text that was given; what it is called.
    Given(&'static str),
    /// No file at all: the paths that were tried.
    Nowhere(Vec<PathBuf>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Explicit(path) => write!(f, "kubeconfig {}", path.display()),
            Self::Given(name) => f.write_str(name),
            Self::Nowhere(_) => f.write_str("kubeconfig"),
        }
    }
}

impl Origin {
    /// Completes a command of `kubectl config` that is about this file.
    pub(super) fn command(&self, command: &str) -> String {
        match self {
            Self::Explicit(path) if command.starts_with("kubectl config ") => {
                format!("{command} --kubeconfig {}", path.display())
            }
            Self::File(_) | Self::Explicit(_) | Self::Given(_) | Self::Nowhere(_) => command.to_owned(),
        }
    }
}

/// Something with the file that it stands in.
#[derive(Clone)]
pub(super) struct Placed<T> {
    pub(super) origin: Origin,
    pub(super) value: T,
}

/// All files together.
#[derive(Clone, Default)]
pub struct Kubeconfig {
    /// The files that were read.
    pub(super) files: Vec<Origin>,
    /// Those that are not there.
    pub(super) missing: Vec<PathBuf>,
    pub(super) current_context: Option<Placed<String>>,
    pub(super) clusters: BTreeMap<String, Placed<Cluster>>,
    pub(super) users: BTreeMap<String, Placed<User>>,
    pub(super) contexts: BTreeMap<String, Placed<Context>>,
}

impl Kubeconfig {
    /// Adds the next file. `folder` is the absolute one that it lies in; a text that was given lies in none.
    ///
    /// # Errors
    /// A name that is there twice in this file.
    pub fn add(&mut self, origin: &Origin, folder: Option<&Path>, mut file: File) -> Result<(), Fault> {
        if let Some(folder) = folder {
            for cluster in &mut file.clusters {
                resolve(folder, &mut cluster.value.certificate_authority);
            }
            for user in &mut file.users {
                let user = &mut user.value;
                resolve(folder, &mut user.client_certificate);
                resolve(folder, &mut user.client_key);
                resolve(folder, &mut user.token_file);
                // A bare name is looked up in $PATH.
                if let Some(exec) = &mut user.exec
                    && exec.command.as_ref().is_some_and(|command| command.contains(MAIN_SEPARATOR))
                {
                    resolve(folder, &mut exec.command);
                }
            }
        }
        take(&mut self.clusters, file.clusters, origin, "cluster")?;
        take(&mut self.users, file.users, origin, "user")?;
        take(&mut self.contexts, file.contexts, origin, "context")?;
        if self.current_context.is_none() {
            self.current_context = file.current_context.map(|value| Placed { origin: origin.clone(), value });
        }
        self.files.push(origin.clone());
        Ok(())
    }

    /// Notes that a file of the list is not there.
    pub fn skip(&mut self, path: PathBuf) {
        self.missing.push(path);
    }

    /// Names the contexts.
    pub fn contexts(&self) -> Vec<String> {
        self.contexts.keys().cloned().collect()
    }

    /// Names the programs that bring a credential.
    pub fn programs(&self) -> Vec<&str> {
        let programs = self.users.values().filter_map(|user| user.value.exec.as_ref());
        programs.map(|exec| exec.command.as_deref().unwrap_or("without a name")).collect()
    }

    /// Returns the file that an error is about when there is no field: the first that was read.
    pub(super) fn place(&self) -> Origin {
        self.files.first().cloned().unwrap_or_else(|| Origin::Nowhere(self.missing.clone()))
    }
}

fn take<T>(
    all: &mut BTreeMap<String, Placed<T>>,
    new: Vec<Named<T>>,
    origin: &Origin,
    kind: &str,
) -> Result<(), Fault> {
    for Named { name, value } in new {
        match all.entry(name) {
            Entry::Vacant(place) => {
                place.insert(Placed { origin: origin.clone(), value });
            }
            Entry::Occupied(there) if there.get().origin == *origin => {
                let what = format!("{kind} {} is there twice", there.key());
                return Err(Fault::new(origin, what, "kubectl config view"));
            }
            Entry::Occupied(_) => {}
        }
    }
    Ok(())
}

fn resolve(folder: &Path, path: &mut Option<String>) {
    if let Some(text) = path
        && Path::new(text.as_str()).is_relative()
    {
        *text = folder.join(text.as_str()).to_string_lossy().into_owned();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::parse;
    use super::*;

    /// Merges texts as files /home/me/1/config, /home/me/2/config and so on.
    pub(in crate::kubeconfig) fn merged(texts: &[&str]) -> Kubeconfig {
        let mut all = Kubeconfig::default();
        for (index, text) in texts.iter().enumerate() {
            let folder = PathBuf::from(format!("/home/me/{}", index + 1));
            let file = parse(text).ok().unwrap();
            all.add(&Origin::File(folder.join("config")), Some(&folder), file).unwrap();
        }
        all
    }

    #[test]
    fn the_first_file_that_has_a_name_wins_whole() {
        let all = merged(&[
            "current-context: ''\nusers:\n- {name: red, user: {username: a}}\n",
            "current-context: two\nusers:\n- {name: red, user: {password: b}}\n- {name: blue, user: {token: t}}\n",
            "current-context: three\n",
        ]);
        assert_eq!(all.current_context.as_ref().unwrap().value, "two", "an empty one is not set");
        assert!(all.users["red"].value.password.is_none(), "entries are not mixed");
        assert_eq!(all.users["blue"].origin, Origin::File("/home/me/2/config".into()));
    }

    #[test]
    fn a_relative_path_is_one_beside_its_own_file() {
        let all = merged(&[
            "users:\n- {name: a, user: {tokenFile: t, client-key: /abs/k, client-certificate: pki/c}}\n",
            "clusters:\n- {name: c, cluster: {certificate-authority: ../ca.crt}}\n\
             users:\n- {name: b, user: {exec: {command: bin/get}}}\n- {name: d, user: {exec: {command: aws}}}\n",
        ]);
        let user = |name: &str| &all.users[name].value;
        assert_eq!(user("a").token_file.as_deref(), Some("/home/me/1/t"));
        assert_eq!(user("a").client_key.as_deref(), Some("/abs/k"));
        assert_eq!(user("a").client_certificate.as_deref(), Some("/home/me/1/pki/c"));
        assert_eq!(all.clusters["c"].value.certificate_authority.as_deref(), Some("/home/me/2/../ca.crt"));
        assert_eq!(user("b").exec.as_ref().unwrap().command.as_deref(), Some("/home/me/2/bin/get"));
        assert_eq!(user("d").exec.as_ref().unwrap().command.as_deref(), Some("aws"), "from $PATH");
    }

    #[test]
    fn a_name_twice_in_a_file_is_refused() {
        let file = parse("users:\n- {name: me, user: {}}\n- {name: me, user: {}}\n").ok().unwrap();
        let origin = Origin::Explicit("/x".into());
        let error = Kubeconfig::default().add(&origin, None, file).unwrap_err().into_error();
        assert_eq!(error.message, "kubeconfig /x: user me is there twice");
        assert_eq!(error.next, ["kubectl config view --kubeconfig /x"]);
    }
}
