//! What `bootstrap` makes: a ServiceAccount with exactly the rights that a deployment needs, and tokens for it.

mod danger;
mod granted;
mod needs;
mod objects;
mod own;
mod role;
mod token;

pub use danger::{DANGERS, DANGERS_ELSEWHERE, Danger, dangerous};
pub use granted::{Granted, Proof};
pub use needs::{RolledOut, Wanted, item_needs};
pub use objects::{Account, LABEL, is_ours, of_account};
pub use own::{beyond_own, own_needs, token_needs};
pub use role::{Rule, rules, sentence};
pub use token::{DELIVERED, EXPIRES};
pub use token::{Issued, issued, next_number};
