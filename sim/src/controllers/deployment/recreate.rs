//! The strategy that ends the old pods before it makes new ones.

use crate::controllers::deployment::limits::wanted;
use crate::controllers::deployment::look::Look;
use crate::controllers::deployment::sets::{Set, active, actual};
use crate::controllers::talk::End;

impl Look {
    /// `rolloutRecreate`, `pkg/controller/deployment/recreate.go`.
    pub(crate) async fn recreate(mut self) -> End {
        let (mut new, mut old) = self.sort(false).await?;
        let mut all: Vec<Set> = old.iter().chain(&new).cloned().collect();
        let mut scaled = false;
        for set in active(&old) {
            scaled |= self.resize(&set, 0, false).await?.0;
        }
        if scaled || self.old_pods_run(new.as_ref(), &old) {
            return self.progress(new.as_ref(), &all).await;
        }
        if new.is_none() {
            (new, old) = self.sort(true).await?;
            all = old.iter().chain(&new).cloned().collect();
        }
        if let Some(new) = &new {
            self.resize(new, wanted(&self.deployment), false).await?;
        }
        if self.is_complete_now() {
            self.clean_up(&old).await?;
        }
        self.progress(new.as_ref(), &all).await
    }

    /// `oldPodsRunning`, `pkg/controller/deployment/recreate.go`.
    fn old_pods_run(&self, new: Option<&Set>, old: &[Set]) -> bool {
        let new = new.and_then(|new| new.metadata.uid.as_ref());
        actual(old) > 0 || self.running.iter().any(|uid| Some(uid) != new)
    }
}
