//! What the server says when it refuses (`pkg/api/errors/errors.go` of kubernetes/apimachinery).

use serde_json::{Value, json};

use super::resources::Resource;
use crate::controllers::Refusal;

impl Refusal {
    /// Of a code, a reason and a sentence.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.to_owned(), message: message.into() }
    }

    /// The object is not there.
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
    }

    /// Another one of that name is there.
    pub fn exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()))
    }

    /// Somebody wrote since.
    pub fn conflict(resource: &Resource, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        let what = resource.qualified();
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {what} \"{name}\": {why}"))
    }

    /// It is another one.
    pub fn other_uid(resource: &Resource, name: &str, wanted: &str, found: &str) -> Self {
        let what = resource.qualified();
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {what} \"{name}\": {why}"))
    }

    /// A field is wrong.
    pub fn invalid(resource: &Resource, name: &str, why: &str) -> Self {
        Self::new(422, "Invalid", format!("{} \"{name}\" is invalid: {why}", resource.kind))
    }

    /// A JSON Patch does not apply. The server does not say why (`NewGenericServerResponse`).
    pub fn patch() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request")
    }

    /// What is not simulated. It turns a scenario red.
    pub fn unknown(what: &str) -> Self {
        Self::new(404, "NotFound", format!("not simulated: {what}"))
    }

    /// As a Status.
    pub fn status(&self) -> Value {
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code})
    }
}
