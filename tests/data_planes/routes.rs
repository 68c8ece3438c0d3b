//! The traffic of a canary is split by a router as asked, and no request is lost by it.
//!
//! Run on a real node with the data planes of `testbed/cluster data-plane` and the images `shop/web:v1` and
//! `shop/web:v2`.

mod edits;
mod matched;
mod naive;
pub mod row;
mod shares;
