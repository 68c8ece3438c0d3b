//! `doctor`: which credential is used, does the server take it, who are we, and what is wrong.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{DoctorArgs, GlobalArgs};
use crate::cluster::{Cluster, Credential, connect};
use crate::credentials::{Given, Source, variables};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::output::Output;

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Diagnosis {
    schema: u32,
    /// What the credential is, in words.
    pub(crate) credential: String,
    /// Where it was found.
    pub(crate) origin: String,
    /// Until when it is valid by itself.
    pub(crate) expires: Option<Timestamp>,
    /// The address of the server.
    pub(crate) server: String,
    /// Whether the server's certificate is verified.
    pub(crate) verified: bool,
    /// Who has to have signed the server's certificate; empty for any CA that the system trusts.
    pub(crate) authorities: Vec<String>,
    /// What to know although it is no error.
    pub(crate) notes: Vec<String>,
    /// The server's version, once it took the credential.
    pub(crate) version: Option<String>,
    /// Who the server says we are.
    pub(crate) user: Option<String>,
    /// What is wrong.
    pub(crate) problem: Option<String>,
}

/// Runs the verb.
pub(super) async fn run(
    args: &DoctorArgs,
    global: &GlobalArgs,
    environment: &Environment,
    output: &Output,
) -> Result<(), Error> {
    let mut global = global.clone();
    if args.environment {
        global.credentials = Given::of_environment(environment);
        if matches!(global.credentials.read()?.0, Source::Ambient) {
            let (server, token) = (variables::SERVER, variables::TOKEN);
            return Err(Error::usage(format!("neither {server} nor {token} is set"))
                .next("kubectl rollout-plus doctor (judges the kubeconfig)"));
        }
    }
    let cluster = connect(&global).await?;
    let mut found = Diagnosis::of(&cluster.credential);
    let mut asked = ask(&cluster, &mut found).await;
    if let Err(error) = &mut asked {
        error.next.retain(|next| !next.ends_with(" doctor"));
    }
    found.problem = asked.as_ref().err().map(|error| error.message.clone());
    output.diagnosis(&found)?;
    asked
}

async fn ask(cluster: &Cluster, found: &mut Diagnosis) -> Result<(), Error> {
    let user = cluster.who_am_i().await?;
    // Whoever comes without a credential, or with one that the server does not look at, is let in as nobody.
    if user == "system:anonymous" {
        let why = format!("{} takes us for {user}; {}", found.server, cluster.credential.rejected());
        return Err(Error::new(Kind::Cluster, why).next("kubectl config view --minify"));
    }
    found.user = Some(user);
    found.version = Some(cluster.version().await?);
    Ok(())
}

impl Diagnosis {
    fn of(credential: &Credential) -> Self {
        let mut notes = credential.notes.clone();
        if credential.unchecked {
            notes.push(
                "the server's certificate is not checked: whoever is between sees the credential".into(),
            );
        }
        Self {
            schema: 1,
            credential: credential.identity.sentence(),
            origin: credential.origin.clone(),
            expires: credential.identity.expires(),
            server: credential.server.clone(),
            verified: !credential.unchecked,
            authorities: credential.authorities.iter().flatten().map(|one| one.subject.clone()).collect(),
            notes,
            version: None,
            user: None,
            problem: None,
        }
    }
}
