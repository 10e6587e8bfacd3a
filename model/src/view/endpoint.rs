//! Endpoints that are connected: how they are, their calls, their keys and secrets, and what is known of their catalogue.

use serde::{Deserialize, Serialize};

use super::{AudienceSummary, ShareSummary};
use crate::{
    catalogue::AudienceChange,
    contract::{DeliveryOptions, Movement, Webhook},
    field::Field,
    id::{AudienceId, EndpointId, KeyId},
};

/// How an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointHealth {
    /// The last call went well.
    Healthy,
    /// The last call did not.
    Failing,
    /// Not called yet.
    Unknown,
}

/// What has to be given anew, because Usher is not let in with it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessEnd {
    /// A person's consent: it ended, or was taken back.
    Consent,
    /// The credentials that somebody entered.
    Credentials,
    /// What the endpoint itself registers.
    Registration,
}

/// An endpoint in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSummary {
    /// Its id.
    pub id: EndpointId,
    /// Its name in this account.
    pub name: String,
    /// The name of its application.
    pub application: String,
    /// How it offers audiences, if it does.
    pub producer: Option<Movement>,
    /// How it takes audiences, if it does.
    pub consumer: Option<Movement>,
    /// How it is.
    pub health: EndpointHealth,
    /// Why its last call failed, when it is failing.
    pub health_reason: Option<String>,
    /// What somebody has to give anew, before Usher is let in again.
    pub access_ended: Option<AccessEnd>,
    /// When it was last called.
    pub checked_at: Option<String>,
    /// Milliseconds of its last good answer.
    pub latency_ms: Option<u64>,
    /// Audiences that it offers.
    pub audiences: u64,
}

/// An endpoint's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    /// What the list shows.
    pub summary: EndpointSummary,
    /// What it says of itself.
    pub description: Option<String>,
    /// The version of its application that it keeps to.
    pub version: u32,
    /// The newest approved one, when that is newer and can be taken up.
    pub newer_version: Option<u32>,
    /// Usher calls it with something that a person gives, and can give anew.
    pub may_be_given_credentials: bool,
    /// That is a consent.
    pub by_consent: bool,
    /// Where Usher calls it, if it does.
    pub base_url: Option<String>,
    /// It calls Usher, for at least one of its sides, with an endpoint key.
    pub calls_usher: bool,
    /// It registers by itself, with an endpoint key.
    pub registers: bool,
    /// What its application asks for to that end: Markdown from the hub, HTML on a page.
    pub steps: Option<String>,
    /// It has said what it offers or takes.
    pub has_said: bool,
    /// It can have keys: it calls Usher, or may.
    pub may_have_keys: bool,
    /// Those that are valid, at most two.
    pub keys: Vec<EndpointKeyView>,
    /// Where it wants to be told of its jobs, and whether it is.
    pub webhook: Option<Webhook>,
    /// What it takes, when it is a destination.
    pub delivery: Option<DeliveryOptions>,
    /// The fields that it takes, when it is a destination.
    pub destination_fields: Vec<Field>,
    /// Its audiences, at most 50.
    pub audiences: Vec<AudienceSummary>,
    /// What is known of its catalogue as a whole, when it offers audiences.
    pub catalogue: Option<EndpointCatalogue>,
    /// When it was connected.
    pub created_at: String,
    /// The shares from and to it.
    pub shares: Vec<ShareSummary>,
    /// Runs from and to it that are under way.
    pub runs: u64,
    /// Jobs that wait for it, when it calls Usher.
    pub jobs: u64,
    /// Who paused it, when it rests.
    pub paused: Option<By>,
    /// Who disconnected it, when it is no more.
    pub disconnected: Option<By>,
    /// When a call last went well.
    pub succeeded_at: Option<String>,
    /// When a call last failed.
    pub failed_at: Option<String>,
    /// Why.
    pub failed_because: Option<String>,
    /// The newest calls, at most 50.
    pub calls: Vec<EndpointCall>,
}

/// When what Usher calls an endpoint with ends, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialEndView {
    /// The day (`2026-12-31`, UTC) that an admin noted.
    pub noted: Option<String>,
    /// The moment after which its authorisation server gives nothing more for it, as that says.
    pub told: Option<String>,
    /// That moment has passed.
    pub has_ended: bool,
    /// That moment moves each time that Usher renews the access, which it does before.
    pub is_renewed: bool,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The person's name.
    pub name: String,
    /// When.
    pub at: String,
}

/// An endpoint key, as far as it can be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointKeyView {
    /// Its id, which is not the key.
    pub id: KeyId,
    /// Its last characters; absent for one that was made before they were kept.
    pub hint: Option<String>,
    /// Who made it, where that is known.
    pub created_by: Option<String>,
    /// When.
    pub created_at: String,
    /// When the endpoint last showed it.
    pub last_used_at: Option<String>,
}

/// A call between Usher and an endpoint. Never what was sent or answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointCall {
    /// Usher called the endpoint; else it was the other way round.
    pub by_usher: bool,
    /// The HTTP method.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub failure: Option<String>,
    /// Milliseconds until the answer began.
    pub duration_ms: u64,
    /// When.
    pub at: String,
}

/// What is known of the audiences of an endpoint as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointCatalogue {
    /// When they were last read, or declared.
    pub read_at: Option<String>,
    /// When they could not be read, if that is what happened last.
    pub failed_at: Option<String>,
    /// What changed in them, the newest first, at most 50.
    pub changes: Vec<AudienceChange>,
    /// Those that it no longer offers but that are still shared, with those shares.
    pub broken: Vec<BrokenAudience>,
}

/// An audience that is no longer offered, with the shares that this breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrokenAudience {
    /// The audience.
    pub id: AudienceId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub vanished_at: String,
    /// The shares of it that have been used.
    pub shares: Vec<ShareSummary>,
}

/// The secret of an endpoint's webhook, when it was just made: shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSecretText(pub String);

impl std::fmt::Debug for WebhookSecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecretText")
    }
}

/// The key of an endpoint that calls Usher, when it was just made: shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointKey(pub String);

impl std::fmt::Debug for EndpointKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EndpointKey")
    }
}
