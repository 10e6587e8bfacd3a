//! The start page: what is the matter, what is under way, how fresh destinations are, and whose size moved.

use serde::{Deserialize, Serialize};

use super::{EndpointSummary, RunSummary, ShareSummary};
use crate::id::{EndpointId, RunId, ShareId};

/// The start page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HomeView {
    /// Shares of which no run can start since their fields changed.
    pub held_shares: Vec<ShareSummary>,
    /// Runs that wait for somebody's approval, newest first, at most 10.
    pub held_runs: Vec<RunSummary>,
    /// Runs that failed and were not tried again since, newest first, at most 10.
    pub failed_runs: Vec<RunSummary>,
    /// Runs under way, at most 10.
    pub active_runs: Vec<RunSummary>,
    /// The latest ended ones, at most 10.
    pub recent_runs: Vec<RunSummary>,
    /// What is the matter, the newest first.
    pub alerts: Vec<crate::alert::Alert>,
    /// Destinations, the longest without anything new first; at most 10.
    pub freshness: Vec<DestinationFreshness>,
    /// Audiences whose size moved the most against the runs before, the farthest first; at most 10.
    pub volatility: Vec<AudienceVolatility>,
    /// Endpoints whose last call failed.
    pub failing_endpoints: Vec<EndpointSummary>,
    /// How many endpoints there are.
    pub endpoints: u64,
    /// How many audiences there are.
    pub audiences: u64,
}

/// When a destination last got something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationFreshness {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// Its name.
    pub name: String,
    /// The run that brought it.
    pub run_id: RunId,
    /// The audience that it brought.
    pub audience_name: String,
    /// When that run ended.
    pub at: String,
}

/// How far the size of an audience moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudienceVolatility {
    /// The share whose runs are compared.
    pub share_id: ShareId,
    /// The audience.
    pub audience_name: String,
    /// Where it comes from.
    pub source_name: String,
    /// Where it goes.
    pub destination_name: String,
    /// Rows that the last run read.
    pub rows: u64,
    /// Rows that the runs before it read on average.
    pub mean: u64,
    /// Over how many runs.
    pub runs: u32,
}

impl AudienceVolatility {
    /// By how much the last run is off from the mean, in tenths of a percent.
    pub fn per_mille(&self) -> i64 {
        let off = i128::from(self.rows) - i128::from(self.mean);
        i64::try_from(off * 1_000 / i128::from(self.mean.max(1))).unwrap_or(i64::MAX)
    }
}
