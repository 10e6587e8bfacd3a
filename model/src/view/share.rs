//! Shares: where one is in its life, as lists and its own pages show it, and how its runs treat the segment.

use serde::{Deserialize, Serialize};

use super::{AudienceSummary, Destination, RunSummary};
use crate::{
    field::Field,
    id::{AudienceId, EndpointId, RunId, ShareId},
    mapping::{BothFields, Drift, Mapping},
    run::{Duplicates, Mode, RunState, ShrinkLimit},
};

/// Where a share is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareState {
    /// Being made; kept on the server so that nothing is lost.
    Draft,
    /// Has been shared at least once.
    Active,
}

/// A share in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareSummary {
    /// Its id.
    pub id: ShareId,
    /// Draft or active.
    pub state: ShareState,
    /// The audience.
    pub audience_id: AudienceId,
    /// Its name.
    pub audience_name: String,
    /// The endpoint that it comes from.
    pub source_name: String,
    /// The endpoint that it goes to, once chosen.
    pub destination_name: Option<String>,
    /// The segment there, once chosen.
    pub destination_segment: Option<String>,
    /// How it changes that segment, once chosen.
    pub mode: Option<Mode>,
    /// Its last run.
    pub last_run: Option<RunId>,
    /// That run's state.
    pub last_run_state: Option<RunState>,
    /// Why no run of it can start since its fields changed, in one line; none when one can.
    pub held_because: Option<String>,
    /// When that run ended; while it has not, when it was asked for.
    pub last_run_at: Option<String>,
    /// When it last changed.
    pub updated_at: String,
}

/// Which of the account's shares are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareQuery {
    /// Words in the audience's, endpoints' or segment's name.
    pub text: String,
    /// Only those that stand there.
    pub standing: Option<ShareStanding>,
    /// Only those after this place in the list, as the page before it named it.
    pub before: Option<String>,
}

/// What a list of shares can be narrowed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareStanding {
    /// Not shared yet.
    Draft,
    /// Has been shared at least once.
    Active,
    /// No run of it can start since its fields changed.
    Held,
}

impl ShareStanding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Active, Self::Held];

    /// In addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Held => "held",
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Active => "Shared",
            Self::Held => "Held",
        }
    }

    /// The one of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == word)
    }
}

/// One page of the shares that match, the last changed first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharePage {
    /// The shares.
    pub items: Vec<ShareSummary>,
    /// How many match in all.
    pub total: u64,
    /// The place at which the next page begins; none after the last.
    pub older: Option<String>,
}

/// A share's pages, from draft on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareView {
    /// Its id.
    pub id: ShareId,
    /// Draft or active.
    pub state: ShareState,
    /// The audience.
    pub audience: AudienceSummary,
    /// The audience's fields.
    pub fields: Vec<Field>,
    /// The audience's producer no longer offers it.
    pub is_withdrawn: bool,
    /// Where it goes, once chosen.
    pub destination: Option<Destination>,
    /// The endpoint that it is to go to, when that is known before the segment.
    pub destination_endpoint: Option<EndpointId>,
    /// The mapping as it is now.
    pub mapping: Mapping,
    /// Counts up with each change of the mapping; 0 before the first.
    pub mapping_version: u32,
    /// How much a run may shrink the segment before it is held for approval.
    pub shrink_limit: ShrinkLimit,
    /// What is done with rows of the same person.
    pub duplicates: Duplicates,
    /// Counts up with each choice of a destination.
    pub destination_version: u32,
    /// Counts up with each choice of when and how.
    pub handling_version: u32,
    /// What became of it since its fields changed.
    pub drift: Drift,
    /// Why no run of it can start, in one line; none when one can.
    pub held_because: Option<String>,
    /// Since when.
    pub held_at: Option<String>,
    /// How many templates there are for its two applications.
    pub templates: u32,
    /// Its runs, newest first, at most 20.
    pub runs: Vec<RunSummary>,
}

/// What of a share a person had before them when they reviewed it: whose share it is to be is decided by these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The audience.
    pub audience_id: AudienceId,
    /// [`ShareView::destination_version`].
    pub destination_version: u32,
    /// [`ShareView::mapping_version`].
    pub mapping_version: u32,
    /// [`ShareView::handling_version`].
    pub handling_version: u32,
}

impl std::fmt::Display for Reviewed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { audience_id, destination_version, mapping_version, handling_version } = self;
        write!(f, "{audience_id} {destination_version} {mapping_version} {handling_version}")
    }
}

impl Reviewed {
    /// Reads what is displayed; none when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let audience_id = words.next()?.parse().ok()?;
        let mut version = || words.next()?.parse().ok();
        Some(Self {
            audience_id,
            destination_version: version()?,
            mapping_version: version()?,
            handling_version: version()?,
        })
    }
}

impl ShareView {
    /// What of it a person has before them who reviews it.
    pub fn reviewed(&self) -> Reviewed {
        Reviewed {
            audience_id: self.audience.id.clone(),
            destination_version: self.destination_version,
            mapping_version: self.mapping_version,
            handling_version: self.handling_version,
        }
    }

    /// The fields of both sides as they are now.
    pub fn both_fields(&self) -> BothFields {
        let destination = self.destination.as_ref().map(|destination| destination.fields.clone());
        BothFields { source: self.fields.clone(), destination: destination.unwrap_or_default() }
    }
}

/// How a share's runs change the segment, and what keeps them from doing harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// How the segment is changed.
    pub mode: Mode,
    /// What is done with rows of the same person.
    pub duplicates: Duplicates,
    /// How much a run may shrink the segment before it is held for approval.
    pub shrink_limit: ShrinkLimit,
}
