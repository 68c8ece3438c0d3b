//! Who would be hit, told before it happens.

use super::kill::{Chosen, choose};
use super::{Place, Why};
use crate::error::{Error, Kind};
use crate::experiment::{Function, Provider};

/// Pods that an action would hit.
#[derive(Clone, Debug)]
pub(crate) struct Victims {
    /// The action.
    pub(crate) action: String,
    /// Their names.
    pub(crate) names: Vec<String>,
    /// Whether they are drawn by chance, so that others may be hit.
    pub(crate) is_random: bool,
    /// The Deployments that they belong to.
    pub(crate) owners: Vec<String>,
}

impl Victims {
    /// Says it.
    pub(crate) fn sentence(&self, verb: &str) -> String {
        let Self { action, names, is_random, .. } = self;
        let chance = if *is_random { " or others, by chance" } else { "" };
        format!("'{action}' {verb} {}{chance}", names.join(", "))
    }
}

/// Finds out whom the actions of the method would hit as things are now.
///
/// # Errors
/// [`Kind::NotEnoughData`] if the first of them would find nobody; what the server said.
pub(crate) async fn victims(place: &Place<'_>) -> Result<Vec<Victims>, Error> {
    let Some(cluster) = place.cluster else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (index, activity) in place.experiment.method.iter().enumerate() {
        let Provider::Function(call) = &activity.provider else { continue };
        let Ok(Function::TerminatePods { pick, .. }) = Function::read(call, &place.values) else { continue };
        let action = crate::brief::line(&activity.name, 80);
        let about = format!("{}: '{action}'", place.experiment.file);
        let of = cluster.of_namespace(&pick.candidates.namespace);
        match choose(place, cluster, &pick).await {
            Ok(Chosen { pods, .. }) => found.push(Victims {
                action,
                owners: of.deployments_of(&pods).await?,
                names: pods.into_iter().map(|pod| pod.name).collect(),
                is_random: pick.random,
            }),
            // Later ones may find pods that earlier ones bring.
            Err(Why::Nobody(why)) if index == 0 || found.is_empty() => {
                let next = format!("kubectl get pods --show-labels -n {}", pick.candidates.namespace);
                return Err(
                    Error::new(Kind::NotEnoughData, format!("{about}: {why}; nothing was done")).next(next)
                );
            }
            Err(Why::Nobody(_)) => {}
            Err(Why::Refused(why) | Why::Failed(why)) => {
                return Err(Error::new(Kind::Cluster, format!("{about}: {why}; nothing was done")));
            }
        }
    }
    Ok(found)
}
