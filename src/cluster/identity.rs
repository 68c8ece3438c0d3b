//! Who the server takes us for.

use serde_json::json;

use crate::cluster::{Call, Cluster, Failure};
use crate::error::{Error, Kind};
use crate::traffic::text;

impl Cluster {
    /// Asks who we are. One try: whoever asks wants to know what is wrong, and not wait for it to pass.
    ///
    /// # Errors
    /// Why the server does not take the credential, or cannot be reached.
    pub(crate) async fn who_am_i(&self) -> Result<String, Error> {
        let call = Call {
            doing: format!("ask {} who we are", self.credential.server),
            method: "POST",
            path: "/apis/authentication.k8s.io/v1/selfsubjectreviews".into(),
            body: Some((
                "application/json",
                json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}),
            )),
        };
        match self.write(&call).await {
            Ok(review) => Ok(text(&review, "/status/userInfo/username").to_owned()),
            Err(failure) if failure.code() == 404 => {
                let why = format!("{}: it is no Kubernetes, or one before 1.28", call.doing);
                Err(Error::new(Kind::Cluster, why).next("compare the server's address, and the path in it"))
            }
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Asks for the version of the server.
    pub(crate) async fn version(&self) -> Result<String, Error> {
        let read = self.get("read the server's version", "/version".into()).await;
        read.map(|version| text(&version, "/gitVersion").to_owned()).map_err(Failure::into_error)
    }
}
