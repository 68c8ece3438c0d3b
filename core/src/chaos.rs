//! Faults that are made on purpose: which there are, whom they hit, what is sent for them, and what came of it.
//!
//! A fault that outlives our process ends by itself: before it, the pod that it hits gets a deadline that only the kubelet keeps
//! (`activeDeadlineSeconds`). So there is one rule for the way back, whoever takes it: what was hit is replaced.

mod aim;
mod fault;
mod gate;
mod pod;
mod requests;
mod verdict;

pub use aim::{Aim, Group, HowMany, Pool, choose};
pub use fault::Fault;
pub use gate::Gate;
pub use pod::{Candidate, Cpu};
pub use requests::{SLOW, Sent, cut_policy, deadline, policy_name, requests};
pub use verdict::{Tally, Trial, Verdict};
