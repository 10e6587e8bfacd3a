//! Audiences: as lists and searches show them, one on its page, and its sample, whose values are shown only to who asks.

use serde::{Deserialize, Serialize};

use super::ShareSummary;
use crate::{
    catalogue::{AudienceChange, AudienceProfile, Correction, Facets, Marks, NothingFound, SizePoint, StaleSource},
    contract::SegmentLabel,
    field::Field,
    id::{AudienceId, EndpointId},
};

/// An audience in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceSummary {
    /// Its id.
    pub id: AudienceId,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub description: Option<String>,
    /// The endpoint that offers it.
    pub endpoint_id: EndpointId,
    /// That endpoint's name.
    pub endpoint_name: String,
    /// How many members.
    pub size: Option<u64>,
    /// Whether `size` is only near the truth.
    pub size_is_estimate: bool,
    /// Names of its identifiers.
    pub identifiers: Vec<String>,
    /// How many fields it has.
    pub field_count: u32,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// When its content last changed, as its producer says.
    pub updated_at: Option<String>,
    /// When Usher last saw it.
    pub seen_at: String,
    /// Names of the destinations that it is shared to.
    pub shared_to: Vec<String>,
    /// Since when its producer no longer offers it.
    #[serde(default)]
    pub vanished_at: Option<String>,
    /// Where the words of a search were found.
    #[serde(default)]
    pub marks: Marks,
}

/// One page of what a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudiencePage {
    /// At most 50.
    pub items: Vec<AudienceSummary>,
    /// All hits.
    pub total: u64,
    /// From 1.
    pub page: u32,
    /// At least 1.
    pub pages: u32,
    /// What to narrow by.
    pub facets: Facets,
    /// Words that were searched for in another spelling.
    pub corrections: Vec<Correction>,
    /// Why there are none.
    pub nothing: Option<NothingFound>,
    /// Producers that could not be read when they last were due.
    pub stale: Vec<StaleSource>,
    /// Endpoints of the account that offer audiences, or could.
    pub producers: u32,
}

/// An audience's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceView {
    /// What the list shows.
    pub summary: AudienceSummary,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Where it comes from and what it may be used for.
    pub label: Option<SegmentLabel>,
    /// What its values are like, when its producer tells.
    pub profile: Option<AudienceProfile>,
    /// How its size went, the oldest first.
    pub sizes: Vec<SizePoint>,
    /// Until when the last of these sizes is known to hold, in milliseconds since 1970.
    pub sizes_until_ms: i64,
    /// What changed in it, the newest first, at most 20.
    pub changes: Vec<AudienceChange>,
    /// Its endpoint could not be read when it last was due: what is shown is as it last was.
    pub stale: Option<StaleSource>,
    /// It can be asked for again; an endpoint that calls Usher declares its audiences by itself.
    pub can_refresh: bool,
    /// Where it is shared.
    pub shares: Vec<ShareSummary>,
}

/// A few rows of an audience, as they came. Personal data: the pages mask it until a person asks to see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The header.
    pub columns: Vec<String>,
    /// At most 20 rows.
    pub rows: Vec<Vec<String>>,
    /// Why there is none, when the producer could not give one.
    pub problem: Option<String>,
    /// What the fields are like, counted over the rows that were read for it.
    #[serde(default)]
    pub profile: Option<AudienceProfile>,
}

/// Somebody was shown the values of an audience as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValuesShown {
    /// Who, by the name of then.
    pub user_name: String,
    /// When.
    pub shown_at: String,
}
