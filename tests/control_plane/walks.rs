//! Kills, faults, rivals and the number of requests: of a canary by pods, and of one whose traffic a router splits.

mod faults;
mod gateway;
mod kill;
mod kills;
mod late;
mod requests;
mod rivals;
mod roads;
mod routed;
mod scene;
mod takeover;
mod witness;
