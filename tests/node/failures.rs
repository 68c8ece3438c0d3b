//! Versions that fail, on a real node that has the images `shop/web:v1` and `shop/web:v2`: each failure is named as
//! soon as it is sure, undone without a loss, and nothing else is taken for one.

mod acceptance;
pub mod calm;
mod cases;
mod kills;
mod observer;
pub mod place;
mod plain;
mod registry;
mod tool;
mod undo;
