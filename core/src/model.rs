//! Kubernetes objects as far as we read them, and what we read out of them. No client, no clock.

mod alike;
mod cluster_event;
mod command;
mod gitops;
mod kind;
mod kinds;
mod limits;
mod meta;
mod name;
mod objects;
mod packed;
mod pod;
mod reference;
pub mod resource;
mod revision;
mod settings;
mod strategy;
mod template;
mod workload;

pub use alike::Siblings;
pub use cluster_event::{ClusterEvent, InvolvedObject};
pub use command::command;
pub use gitops::{GITOPS_MANAGERS, GITOPS_MARKS};
pub use kind::{DEPLOYMENT, Deployment, Marks, Names, ReplicaSet, WorkloadKind};
pub use name::{ObjectName, deployment_name};
pub use objects::Condition;
pub use packed::{Packed, Templated, Texts};
pub use pod::{Container, ContainerState, ContainerStatus, Pod, Probe, Terminated, Waiting};
pub use reference::Reference;
pub use resource::Resource;
pub use revision::{Members, Revision, RevisionCounts, RevisionSpec};
pub use settings::Originals;
pub use strategy::Strategy;
pub use template::{fingerprint, hash, images, images_of, same_template, with_image, without_hash};
pub use workload::{Workload, WorkloadCounts, WorkloadSpec};
