//! Finds and deletes what the input has no longer.

use std::collections::BTreeSet;

use super::check::Checked;
use super::{Run, refused, side_by_side};
use crate::apply::prune::{self, Prunable, Selector};
use crate::apply::{Action, Item, Row};
use crate::cluster::Failure;
use crate::error::Error;

/// Finds what is to be deleted, before anything is written: who may not look learns it now.
pub(super) async fn find(
    run: &Run<'_>,
    checked: &[Checked],
    selector: &Selector,
) -> Result<Vec<Prunable>, Error> {
    let items: Vec<Item> = checked.iter().map(|one| one.item.clone()).collect();
    let query = selector.query();
    let looks = prune::places(&items).into_iter().map(|place| {
        let query = &query;
        async move { (run.cluster.labelled(&place, query).await, place) }
    });
    let looks: Vec<_> = side_by_side(looks).await;
    let (mut found, mut errors, mut unlisted) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (listed, place) in looks {
        match listed {
            Ok(live) => found.extend(prune::prunable(&place, &live, &items, selector)),
            // Not served, or not yet.
            Err(failure) if failure.code() == 404 => {}
            Err(Failure::Refused(status, _)) if status.code == 403 && !place.named => {
                unlisted.insert(place.kind);
            }
            Err(failure) => errors.push(failure.into_error()),
        }
    }
    refused(errors)?;
    if !unlisted.is_empty() {
        let kinds: Vec<String> = unlisted.into_iter().collect();
        run.note(format!("not pruned, because they may not be listed: {}", kinds.join(", ")));
    }
    Ok(prune::arranged(found))
}

/// Deletes it.
pub(super) async fn delete(run: &Run<'_>, found: &[Prunable], rows: &mut Vec<Row>) -> Result<(), Error> {
    if !found.is_empty() && rows.iter().any(|row| row.action == Action::Held) {
        let names: Vec<String> = found.iter().map(|one| one.id.to_string()).collect();
        run.warn(format!(
            "not pruned while a canary is held, because the stable version may use it: {}",
            names.join(", ")
        ));
        return Ok(());
    }
    for one in found {
        if run.cluster.delete(one).await? {
            let row = Row::new(&one.id, Action::Pruned);
            run.tell(&row);
            rows.push(row);
        }
    }
    Ok(())
}
