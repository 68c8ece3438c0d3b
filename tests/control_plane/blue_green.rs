//! A switch on a real control plane with fake pods: what the Service knows at every instant, and what is left when the
//! process is killed at any write.

mod endpoints;
mod kills;
mod large;
mod place;
