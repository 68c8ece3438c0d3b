//! The data plane: what share of the requests each pod gets, as the proxies know Services, EndpointSlices and routes.
//!
//! Each proxy is told of changes late, like a controller, and routes and endpoints come to a router's proxy by two ways. No
//! request is simulated: the shares follow from what a proxy knows (see [`shares`]), and [`plane`] judges them.

pub mod metrics;
pub mod plane;
pub mod proxies;
pub mod shares;
