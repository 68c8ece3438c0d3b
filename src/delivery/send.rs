//! The requests of a CI system, in order: first all that can be asked, then, once there is a token, what writes it.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;

use super::client::{Answer, Client};
use super::{Call, Delivery, Endpoint, Remote, Variable, said, variables, write};
use crate::credentials::{Secret, web_address};
use crate::environment::Environment;
use crate::error::{Error, Kind};

/// A CI system that was asked all that can be asked before anything is written.
pub(crate) struct Open<'a> {
    remote: &'a Remote,
    client: Client,
    address: String,
    token: Secret,
    /// The variable that the token came from.
    token_name: &'static str,
    /// The variable that the address came from.
    address_name: &'static str,
    answers: Vec<Value>,
}

/// Why a request did not do what it should.
enum Failed {
    /// It did nothing.
    Refused(Error),
    /// Nobody knows.
    Unknown(Error),
}

impl<'a> Open<'a> {
    /// Finds address and token in the environment, and asks whether the place is there and may be written to.
    ///
    /// # Errors
    /// Names the variable that is missing, or what the other side refused.
    pub(crate) async fn new(
        remote: &'a Remote,
        environment: &Environment,
        timeout: Option<Duration>,
    ) -> Result<Self, Error> {
        let system = remote.system();
        let endpoint = system.endpoint();
        let wrong = |why: String| Error::usage(format!("deliver to {remote}: {why}"));
        let found = |names: &[&'static str]| {
            names.iter().find_map(|name| Some((*name, environment.get(name)?.to_owned())))
        };
        let address =
            found(endpoint.server).or_else(|| Some((*endpoint.server.first()?, endpoint.usual?.to_owned())));
        let (Some((address_name, address)), Some((token_name, token))) = (address, found(endpoint.token))
        else {
            let missing = missing(&endpoint, environment);
            return Err(wrong(format!("{missing} not set")).next(endpoint.advice));
        };
        let address = web_address(&address).map_err(|why| wrong(format!("{address_name}: {why}")))?;
        let token = Secret::from(token.trim());
        let client = Client::new(&address, &token, system.headers(), timeout).map_err(wrong)?;
        let mut open = Self { remote, client, address, token, token_name, address_name, answers: Vec::new() };
        while let Some(call) =
            system.question(&open.answers).map_err(|why| open.error(Kind::Refused, &why))?
        {
            let answer = open.ask(&call, &[]).await.map_err(|failed| match failed {
                Failed::Refused(error) | Failed::Unknown(error) => error,
            })?;
            open.answers.push(answer.unwrap_or_default());
        }
        Ok(open)
    }

    /// Writes a credential there.
    ///
    /// # Errors
    /// Says which of its values were written.
    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<(), Error> {
        let mut written = Vec::new();
        let mut answers = Vec::new();
        for variable in variables(delivery) {
            match self.put(&variable, delivery).await {
                Ok(answer) => answers.extend(answer.map(|answer| (variable.name, answer))),
                Err(failed) => return Err(told(failed, &variable, &written)),
            }
            written.push(variable.name);
        }
        let file = self.remote.system().file(&delivery.mark(), &answers);
        match file.map_err(|why| self.error(Kind::Infrastructure, &why))? {
            Some((path, content)) => write(&path, &content, &delivery.mark()),
            None => Ok(()),
        }
    }

    /// Puts one variable there, or takes it away; returns the answer.
    async fn put(&self, variable: &Variable, delivery: &Delivery) -> Result<Option<Value>, Failed> {
        let calls = self.remote.system().put(&self.answers, variable);
        let calls = calls.map_err(|why| Failed::Refused(self.error(Kind::Infrastructure, &why)))?;
        let value = variable.value.iter().filter(|_| variable.is_secret);
        let secrets: Vec<&Secret> = value.chain([&delivery.access.token]).collect();
        for (place, call) in calls.iter().enumerate() {
            let may_be_absent = place + 1 < calls.len() || call.method == Method::DELETE;
            match self.ask(call, &secrets).await? {
                Some(answer) => return Ok(Some(answer)),
                None if may_be_absent => {}
                None => return Err(Failed::Refused(self.refused(call, StatusCode::NOT_FOUND, ""))),
            }
        }
        Ok(None)
    }

    /// Sends a request. Returns `None` for a 404 to one that writes: what it is about is not there.
    async fn ask(&self, call: &Call, secrets: &[&Secret]) -> Result<Option<Value>, Failed> {
        let at = format!("{} {}{}", call.method, self.address, call.path);
        let writes = call.method != Method::GET;
        let Answer { status, location, body } = self.client.send(call).await.map_err(|why| {
            let error = self.error(Kind::Infrastructure, &format!("{at}: {why}"));
            Failed::Unknown(error.next(format!("is {} right? {}", self.address_name, self.address)))
        })?;
        if status.is_success() {
            // Some answer nothing.
            return Ok(Some(serde_json::from_slice(&body).unwrap_or_default()));
        }
        if status == StatusCode::NOT_FOUND && writes {
            return Ok(None);
        }
        let hidden: Vec<&Secret> = secrets.iter().copied().chain([&self.token]).collect();
        let text = match location {
            Some(place) if status.is_redirection() => format!(
                "it leads to {}, which is not followed because the token would go along",
                said(place.as_bytes(), &hidden)
            ),
            _ => said(&body, &hidden),
        };
        let error = self.refused(call, status, &text);
        // A server that broke may have written before.
        Err(if status.is_server_error() && writes { Failed::Unknown(error) } else { Failed::Refused(error) })
    }

    /// An answer that is an error, with what to do about it.
    fn refused(&self, call: &Call, status: StatusCode, text: &str) -> Error {
        let colon = if text.is_empty() { "" } else { ": " };
        let why = format!("{} {}{}: {status}{colon}{text}", call.method, self.address, call.path);
        let is_refused = call.method == Method::GET && !status.is_server_error();
        let kind = if is_refused { Kind::Refused } else { Kind::Infrastructure };
        let error = self.error(kind, &why);
        match status {
            StatusCode::UNAUTHORIZED => error.next(format!(
                "{} is not taken: {}",
                self.token_name,
                self.remote.system().endpoint().advice
            )),
            StatusCode::FORBIDDEN => error.next(format!(
                "{} may not write secrets there: {}",
                self.token_name,
                self.remote.system().endpoint().advice
            )),
            StatusCode::NOT_FOUND => {
                error.next(format!("is the name right, and may {} see it?", self.token_name))
            }
            _ if status.is_redirection() => error.next(format!("set {} to that address", self.address_name)),
            _ => error,
        }
    }

    fn error(&self, kind: Kind, why: &str) -> Error {
        Error::new(kind, format!("deliver to {}: {why}", self.remote))
    }
}

/// Says which variables lack: "`DRONE_SERVER` and `DRONE_TOKEN` are".
fn missing(endpoint: &Endpoint, environment: &Environment) -> String {
    let is_set = |names: &[&str]| names.iter().any(|name| environment.get(name).is_some());
    let needed = [(endpoint.server, endpoint.usual.is_some()), (endpoint.token, false)];
    let lacking: Vec<String> = needed
        .into_iter()
        .filter(|(names, has_default)| !has_default && !is_set(names))
        .map(|(names, _)| names.join(" or "))
        .collect();
    format!("{} {}", lacking.join(" and "), if lacking.len() == 1 { "is" } else { "are" })
}

/// Adds what was written already.
fn told(failed: Failed, variable: &Variable, written: &[&str]) -> Error {
    let (mut error, fate) = match failed {
        Failed::Refused(error) => (error, "was not written"),
        Failed::Unknown(error) => (error, "may have been written"),
    };
    let before =
        if written.is_empty() { String::new() } else { format!("{} written before; ", written.join(", ")) };
    error.message = format!("{}; {before}{} {fate}", error.message, variable.name);
    error
}
