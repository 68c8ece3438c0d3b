//! `doctor`: which credential is used, does the server take it, who are we, and what is wrong.

use crate::cli::{DoctorArgs, GlobalArgs};
use crate::cluster::{Cluster, Credential, connect};
use crate::credentials::{Credentials, Diagnosis, Source, variables};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::output::Output;

/// Runs the verb.
pub(super) async fn run(
    args: &DoctorArgs,
    global: &GlobalArgs,
    environment: &Environment,
    output: &Output,
) -> Result<(), Error> {
    let mut global = global.clone();
    if args.environment {
        global.credentials = Credentials::of_environment(environment);
        if matches!(global.credentials.read()?.0, Source::Ambient) {
            let (server, token) = (variables::SERVER, variables::TOKEN);
            return Err(Error::usage(format!("neither {server} nor {token} is set"))
                .next("kubectl rollout-plus doctor (judges the kubeconfig)"));
        }
    }
    let cluster = connect(&global).await?;
    let mut found = diagnosis(&cluster.credential);
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

/// What is known before the server is asked.
fn diagnosis(credential: &Credential) -> Diagnosis {
    let mut notes = credential.notes.clone();
    if credential.unchecked {
        notes.push("the server's certificate is not checked: whoever is between sees the credential".into());
    }
    Diagnosis {
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
