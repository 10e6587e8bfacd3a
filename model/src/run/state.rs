//! The state machine: the states, and what moves a run from one to the next.

use serde::{Deserialize, Serialize};

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waiting for a worker.
    Queued,
    /// The producer was asked for an export and prepares it.
    Exporting,
    /// Rows are read, checked, mapped and written into parts. Nothing was sent yet.
    Reading,
    /// All was read, and it would shrink the destination's segment beyond the share's limit. A person approves it or declines.
    Held,
    /// All was read and the counts agree; the parts are on their way to the destination.
    Delivering,
    /// All parts were acknowledged; the destination was told so and finishes.
    Completing,
    /// Done, every row.
    Complete,
    /// Done; some rows were rejected or refused, and are in the rejects.
    CompleteWithRejects,
    /// It could not go on. A person can retry it.
    Failed,
    /// A person called it off.
    Canceled,
    /// It was only to find out what would happen, and did; nothing was sent.
    Checked,
}

/// What moves a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A worker took it up and asks the producer for an export.
    ExportAsked,
    /// The producer's data is ready.
    ExportReady,
    /// What was being read has to be read again from the start (the connection broke, the process ended); its parts were dropped.
    ReadAgain,
    /// All rows were read and the counts agree.
    ReadWhole,
    /// All rows were read, but what they would do to the segment wants a person's approval first.
    Hold,
    /// All rows were read, and what would happen was all that was asked.
    Check,
    /// A person approved it.
    Approve,
    /// Every part was acknowledged.
    Delivered,
    /// The destination finished one job, and there is another for it.
    NextJob,
    /// The destination finished and the receipt adds up; no row was left out.
    Finished,
    /// The same, but some rows were rejected or refused.
    FinishedWithRejects,
    /// It can't go on.
    Fail,
    /// A person called it off.
    Cancel,
    /// A person wants a failed run tried again from the start; nothing had been sent.
    RetryFromStart,
    /// A person wants a failed run tried again; all had been read.
    RetryDelivery,
}

/// A step that the state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {state:?} can't take {event:?}")]
pub struct IllegalStep {
    /// Where the run is.
    pub state: RunState,
    /// What was tried.
    pub event: RunEvent,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Exporting,
        Self::Reading,
        Self::Held,
        Self::Delivering,
        Self::Completing,
        Self::Complete,
        Self::CompleteWithRejects,
        Self::Failed,
        Self::Canceled,
        Self::Checked,
    ];

    /// The state after `event`, or an error when the state does not allow it.
    pub fn step(self, event: RunEvent) -> Result<Self, IllegalStep> {
        use RunEvent as E;
        Ok(match (self, event) {
            (Self::Queued, E::ExportAsked) => Self::Exporting,
            (Self::Exporting, E::ExportReady) => Self::Reading,
            (Self::Exporting | Self::Reading, E::ReadAgain) => Self::Exporting,
            (Self::Reading, E::ReadWhole) => Self::Delivering,
            (Self::Reading, E::Hold) => Self::Held,
            (Self::Reading, E::Check) => Self::Checked,
            (Self::Held, E::Approve) => Self::Delivering,
            (Self::Delivering, E::Delivered) => Self::Completing,
            (Self::Completing, E::NextJob) => Self::Delivering,
            (Self::Completing, E::Finished) => Self::Complete,
            (Self::Completing, E::FinishedWithRejects) => Self::CompleteWithRejects,
            (state, E::Fail) if !state.is_final() => Self::Failed,
            (state, E::Cancel) if !state.is_final() => Self::Canceled,
            (Self::Failed, E::RetryFromStart) => Self::Queued,
            (Self::Failed, E::RetryDelivery) => Self::Delivering,
            (state, event) => return Err(IllegalStep { state, event }),
        })
    }

    /// No worker will touch it again unless a person asks.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::CompleteWithRejects | Self::Failed | Self::Canceled | Self::Checked)
    }

    /// A worker takes it up: it has not ended, and waits for nobody's decision.
    pub fn is_workable(self) -> bool {
        !self.is_final() && self != Self::Held
    }

    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Exporting => "exporting",
            Self::Reading => "reading",
            Self::Held => "held",
            Self::Delivering => "delivering",
            Self::Completing => "completing",
            Self::Complete => "complete",
            Self::CompleteWithRejects => "complete_with_rejects",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Checked => "checked",
        }
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Exporting => "Preparing",
            Self::Reading => "Reading",
            Self::Held => "Held for approval",
            Self::Delivering => "Sending",
            Self::Completing => "Finishing",
            Self::Complete => "Complete",
            Self::CompleteWithRejects => "Complete with rejects",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Checked => "Checked",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    const EVENTS: [RunEvent; 15] = [
        RunEvent::ExportAsked,
        RunEvent::ExportReady,
        RunEvent::ReadAgain,
        RunEvent::ReadWhole,
        RunEvent::Hold,
        RunEvent::Check,
        RunEvent::Approve,
        RunEvent::Delivered,
        RunEvent::NextJob,
        RunEvent::Finished,
        RunEvent::FinishedWithRejects,
        RunEvent::Fail,
        RunEvent::Cancel,
        RunEvent::RetryFromStart,
        RunEvent::RetryDelivery,
    ];

    fn is_done(state: RunState) -> bool {
        matches!(state, RunState::Complete | RunState::CompleteWithRejects)
    }

    /// Sequences that get somewhere: most steps are among those that the state allows.
    fn events() -> impl Strategy<Value = Vec<RunEvent>> {
        vec((any::<prop::sample::Index>(), prop::bool::weighted(0.8), select(EVENTS.to_vec())), 0..40).prop_map(
            |choices| {
                let mut state = RunState::Queued;
                let mut events = Vec::new();
                for (index, follow, other) in choices {
                    let allowed: Vec<RunEvent> =
                        EVENTS.into_iter().filter(|event| state.step(*event).is_ok()).collect();
                    let event = if follow && !allowed.is_empty() { *index.get(&allowed) } else { other };
                    state = state.step(event).unwrap_or(state);
                    events.push(event);
                }
                events
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn nothing_is_complete_that_was_not_read_whole_and_delivered(events in events()) {
            let mut state = RunState::Queued;
            let (mut read_whole, mut delivered) = (false, false);
            for event in events {
                let before = state;
                match state.step(event) {
                    Ok(after) => {
                        state = after;
                        match event {
                            // What is asked for again counts for nothing.
                            RunEvent::RetryFromStart | RunEvent::ReadAgain => (read_whole, delivered) = (false, false),
                            RunEvent::ReadWhole | RunEvent::Hold => read_whole = true,
                            // Who asks for it vouches that all had been read: a failed run does not remember by itself.
                            RunEvent::RetryDelivery => (read_whole, delivered) = (true, false),
                            RunEvent::Delivered => delivered = true,
                            RunEvent::NextJob => delivered = false,
                            _ => {}
                        }
                    }
                    Err(step) => prop_assert_eq!(step, IllegalStep { state: before, event }),
                }
                if before.is_final() && state != before {
                    prop_assert_eq!(before, RunState::Failed);
                    prop_assert!(matches!(event, RunEvent::RetryFromStart | RunEvent::RetryDelivery));
                }
                if is_done(state) {
                    prop_assert!(read_whole && delivered);
                }
            }
        }
    }

    #[test]
    fn every_state_can_be_reached_and_left_as_it_should() {
        let mut reached = HashSet::from([RunState::Queued]);
        loop {
            let next: HashSet<RunState> = reached
                .iter()
                .flat_map(|state| EVENTS.into_iter().filter_map(|event| state.step(event).ok()))
                .collect();
            if next.is_subset(&reached) {
                break;
            }
            reached.extend(next);
        }
        assert_eq!(reached.len(), RunState::ALL.len());
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.as_str()), Some(state));
            for event in [RunEvent::Fail, RunEvent::Cancel] {
                assert_eq!(state.step(event).is_err(), state.is_final(), "{state:?} and {event:?}");
            }
            let leaves = EVENTS.into_iter().any(|event| state.step(event).is_ok());
            assert_eq!(leaves, !state.is_final() || state == RunState::Failed, "{state:?}");
        }
    }
}
