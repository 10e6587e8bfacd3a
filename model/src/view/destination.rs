//! Where a share goes: the segment there, and what there is to choose from on the way to it, audiences as well as destinations.

use serde::{Deserialize, Serialize};

use super::AudienceSummary;
use crate::{contract::DeliveryOptions, field::Field, id::EndpointId, run::Mode};

/// The destination's segment of a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum DestinationSegment {
    /// To be made by the first run.
    New {
        /// Its name.
        name: String,
    },
    /// There already.
    Existing {
        /// The endpoint's id of it.
        id: String,
        /// Its name.
        name: String,
    },
}

impl DestinationSegment {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::New { name } | Self::Existing { name, .. } => name,
        }
    }
}

/// The destination of a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// Its name.
    pub endpoint_name: String,
    /// The segment there.
    pub segment: DestinationSegment,
    /// How it is changed.
    pub mode: Mode,
    /// The fields that the endpoint takes.
    pub fields: Vec<Field>,
    /// What the endpoint supports.
    pub delivery: DeliveryOptions,
}

/// An audience to choose for a destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceChoice {
    /// The audience.
    pub audience: AudienceSummary,
    /// Why the destination can't take it; none when it can.
    pub obstacle: Option<String>,
}

/// Audiences to choose from: one page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceChoices {
    /// At most 50.
    pub items: Vec<AudienceChoice>,
    /// All hits.
    pub total: u64,
    /// From 1.
    pub page: u32,
    /// At least 1.
    pub pages: u32,
}

/// A destination to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DestinationChoice {
    /// The endpoint.
    pub id: EndpointId,
    /// Its name.
    pub name: String,
    /// Its application.
    pub application: String,
    /// What it supports.
    pub delivery: DeliveryOptions,
    /// Why it can't take this audience; none when it can.
    pub obstacle: Option<String>,
    /// What else is to be known before it is chosen: its last call failed.
    pub trouble: Option<String>,
}

/// A segment that a destination has already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingSegment {
    /// The endpoint's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many members.
    pub size: Option<u64>,
}

/// What the person chose as destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChooseDestination {
    /// The endpoint.
    pub endpoint_id: String,
    /// New or existing.
    pub segment: DestinationSegment,
    /// How it is changed.
    pub mode: Mode,
}
