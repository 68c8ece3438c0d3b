//! Strategies, one file each: a workload as it was read goes in, a [`Plan`](crate::plan::Plan) comes out.

mod abort;
mod anew;
mod blue_green;
mod canary;
mod promote;
mod rolling;
mod routed;
mod stop;
mod verify;
mod wanted;

pub use abort::{abort, undo};
pub use blue_green::{BlueGreenRequest, blue_green};
pub use canary::{CanaryRequest, canary};
pub use promote::{promote, promote_judged};
pub use rolling::{Trial, first, rolling, tried};
pub use routed::{RETREATING, is_woven, retreat, unanswered};
pub use stop::stop;
pub use verify::VerifyRequest;
pub use wanted::Wanted;
