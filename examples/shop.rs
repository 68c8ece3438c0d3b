//! The sample shop's web server.
fn main() {}
