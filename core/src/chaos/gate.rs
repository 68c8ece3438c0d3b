//! A fault that a new version has to stand before it goes on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chaos::{Aim, Fault, HowMany};
use crate::error::Error;
use crate::scrape::asked_port;
use crate::words::counted;

/// What is done to pods of the new version, and what it has to come back from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// What is done.
    pub fault: Fault,
    /// To so many pods.
    pub pods: u32,
    /// For how long, in seconds.
    pub seconds: u64,
    /// Within so many seconds as many have to be Ready as before.
    pub within: u64,
    /// So many have to stay Ready of those that get the same requests.
    pub min_ready: u32,
}

impl Gate {
    /// Returns whom it hits.
    pub const fn aim(&self) -> Aim {
        Aim { how_many: HowMany::Count(self.pods), min_ready: self.min_ready }
    }

    /// Makes sure that pods of a template can be hit so: who cannot be asked cannot be seen to be cut off.
    ///
    /// # Errors
    /// [`Kind::Refused`](crate::error::Kind::Refused) with what the template lacks.
    pub fn fits(&self, template: &Value) -> Result<(), Error> {
        match self.fault {
            Fault::KillPods | Fault::FailPods | Fault::SlowPods => Ok(()),
            Fault::CutPods => asked_port(template, None, None).map(|_| ()).map_err(|why| {
                let what = self.fault.name();
                Error::refused(format!("--chaos {what}: {why}, so nobody sees whether they are cut off"))
                    .next("ports: [{containerPort: PORT}] (in the pod template)")
            }),
        }
    }

    /// Says what it is.
    pub fn sentence(&self) -> String {
        let Self { fault, pods, seconds, within, .. } = self;
        let lasting = if fault.lasts() { format!(" for {seconds} s") } else { String::new() };
        format!("{} on {}{lasting}, to recover within {within} s", fault.name(), counted(*pods, "canary pod"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_cannot_be_asked_is_not_cut_off() {
        let gate = |fault| Gate { fault, pods: 1, seconds: 30, within: 60, min_ready: 1 };
        let template = |container| json!({"spec": {"containers": [container]}});
        let (mute, named) = (template(json!({})), template(json!({"ports": [{"containerPort": 8080}]})));
        for fault in Fault::ALL {
            assert!(gate(fault).fits(&named).is_ok(), "{fault:?}");
            assert_eq!(gate(fault).fits(&mute).is_ok(), fault != Fault::CutPods, "{fault:?}");
        }
    }
}
