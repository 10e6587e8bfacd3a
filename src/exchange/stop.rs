//! Why a worker stops carrying out a run before its end.

use model::run::{Failure, FailureCode};

use super::runs::HeldError;
use crate::store::StoreError;

/// Why a worker stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The run is another worker's now; nothing of it may be touched.
    Lost,
    /// This process is stopping; the run goes back to whoever comes next.
    HandBack,
    /// It waits for an endpoint that sends or fetches by itself; nobody need work on it meanwhile.
    Parked,
    /// It has to wait until a moment, in milliseconds since 1970, for an endpoint that fails or is busy; others get its place meanwhile.
    PutAside(i64),
    /// Others wait, and it has had its turn.
    GiveWay,
    /// A person paused the run; nobody works on it until it is resumed.
    Paused,
    /// A person called the run off.
    Canceled,
    /// The run can't go on.
    Failed(Failure),
    /// What was being read is of no use; it may be read again from the start. The failure is what a person is told when it may not.
    ReadAgain(Failure),
}

impl Stop {
    /// Whether there is something to write down and to tell the endpoints.
    pub(super) fn ends_the_run(&self) -> bool {
        matches!(self, Self::Canceled | Self::Failed(_) | Self::ReadAgain(_))
    }
}

impl Stop {
    /// The database does not do its part for now. Nothing can be written down, so nothing is: the lease runs out, and the run goes on from what was
    /// written down last.
    pub(super) fn away(error: &StoreError) -> Self {
        tracing::warn!(%error, "the database does not do its part; the run goes on when it does");
        Self::Lost
    }
}

impl From<HeldError> for Stop {
    fn from(error: HeldError) -> Self {
        match error {
            HeldError::Lost => Self::Lost,
            HeldError::Canceled => Self::Canceled,
            HeldError::Store(error) if error.passes() => Self::away(&error),
            HeldError::Illegal(_) | HeldError::Store(_) => {
                tracing::error!(%error, "a run could not be changed");
                Self::Failed(internal_failure())
            }
        }
    }
}

/// What a person is told when Usher itself failed; the cause is in the log.
pub(super) fn internal_failure() -> Failure {
    Failure {
        code: FailureCode::Internal,
        message: "Usher itself failed: its database or its payload store. The log of the server says why.".to_owned(),
        retryable: true,
    }
}
