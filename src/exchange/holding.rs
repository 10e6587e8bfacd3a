//! Why a run is held for a person's approval before anything is sent: what it would take away from the segment, as far as anybody knows who is in it.

use model::{
    contract::Movement,
    run::{Changes, Hold, Mode},
    view::DestinationSegment,
};

use super::{
    carrier::{Carrier, Side, Step, counted},
    plan::RunPlan,
    stop::Stop,
};
use crate::outbound;

impl Carrier {
    /// Why what was read should not be sent without a person's approval: it would shrink the segment beyond the share's limit. Nothing can
    /// be said of a segment whose size nobody knows.
    pub(super) async fn hold(&self, valid: u64) -> Result<Option<Hold>, Stop> {
        let plan = &self.run.plan;
        if plan.mode == Mode::Add || plan.shrink_limit.percent() == 100 {
            return Ok(None);
        }
        let Some(before) = self.members_before().await? else { return Ok(None) };
        let after = match plan.mode {
            Mode::Add | Mode::Replace => valid,
            // A mirror knows better, by its ledger.
            Mode::Remove | Mode::Mirror => before.saturating_sub(valid),
        };
        Ok(plan.shrink_limit.hold(before, after))
    }

    /// How many members the segment has, as far as anybody knows; none of one that is yet to be made.
    pub(super) async fn members_before(&self) -> Result<Option<u64>, Stop> {
        let DestinationSegment::Existing { id, .. } = &self.run.plan.destination.segment else { return Ok(None) };
        match self.movement(Side::Destination).await? {
            Movement::Push => {
                let consumer = self.client(Side::Destination).await?;
                let segments =
                    self.call(Side::Destination, Step::List, || consumer.segments(outbound::Side::Consumer)).await?;
                Ok(segments.into_iter().find(|segment| segment.id == *id).and_then(|segment| segment.size))
            }
            // It can't be asked: what the last run left there is the best that is known.
            Movement::Pull => {
                let last = super::views::last_replaced(self.hub.database(), &self.run.share_id, id).await;
                last.map_err(|error| self.store_failed(error))
            }
        }
    }
}

/// Why a mirror should not be carried out without a person's approval. An audience that is empty all of a sudden is never believed.
pub(super) fn mirror_hold(plan: &RunPlan, changes: &Changes, members: u64) -> Option<Hold> {
    let after = members.saturating_sub(changes.removed);
    let is_empty = changes.added + changes.changed + changes.unchanged == 0;
    if is_empty && changes.removed > 0 {
        return Some(Hold { before: members, after, limit: plan.shrink_limit });
    }
    plan.shrink_limit.hold(members, after)
}

/// What a mirror found, for the timeline.
pub(super) fn compared(changes: &Changes, members: u64) -> String {
    if members == 0 {
        return format!("Nobody was sent before: {} to be added.", counted(changes.added, "member"));
    }
    format!(
        "Compared with the {} sent before: {} new, {} changed, {} left, {} unchanged.",
        counted(members, "member"),
        changes.added,
        changes.changed,
        changes.removed,
        changes.unchanged
    )
}

/// Why a run is held, for its timeline.
pub(super) fn why_held(hold: &Hold, plan: &RunPlan) -> String {
    format!(
        "the segment \u{201c}{}\u{201d} has {}, and {} of them would go (the limit is {} %)",
        plan.destination.segment.name(),
        counted(hold.before, "member"),
        hold.lost(),
        hold.limit.percent()
    )
}
