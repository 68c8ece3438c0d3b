#![allow(missing_docs, dead_code)]
#[path = "support/load.rs"]
mod load;
