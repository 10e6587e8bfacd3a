//! What the pages show: answers of the hub to the interface. Carried as JSON, so: no secrets, lists by page, times as RFC 3339 in UTC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    application::{Category, CredentialField, Credentials, Line},
    catalogue::{AudienceChange, AudienceProfile, Correction, Facets, Marks, NothingFound, SizePoint, StaleSource},
    contract::{DeliveryOptions, Movement, SegmentLabel, Webhook},
    field::Field,
    id::{AccountId, ApplicationId, AudienceId, EndpointId, KeyId, RunId, ShareId, TemplateId, UserId},
    mapping::{BothFields, Drift, Finding, Mapping},
    run::{Duplicates, Failure, Hold, LeftEmpty, Mode, RejectGroup, RunCounts, RunState, ShrinkLimit},
};

/// What a user may do in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Shares audiences.
    Member,
    /// Connects endpoints, manages people.
    Admin,
}

impl Role {
    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// The role of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// All of them, from the one that may do least.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Member, Self::Admin];

    /// "a viewer", "an admin".
    pub fn with_article(self) -> String {
        let article = if self == Self::Admin { "an" } else { "a" };
        format!("{article} {}", self.as_str())
    }

    /// What it allows, in a sentence.
    pub fn allows(self) -> &'static str {
        match self {
            Self::Viewer => "Sees everything, changes nothing.",
            Self::Member => "Shares audiences, and sees everything.",
            Self::Admin => "Connects endpoints and manages people, besides what members do.",
        }
    }
}

/// Who is signed in, in which account, with which role. Every call of the hub takes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person.
    pub user_id: UserId,
    /// Their name.
    pub user_name: String,
    /// Their e-mail address.
    pub email: String,
    /// The account in which they act.
    pub account_id: AccountId,
    /// Its name.
    pub account_name: String,
    /// Their role in it.
    pub role: Role,
    /// They are an operator of the installation, whatever they may do in the account.
    #[serde(default)]
    pub is_operator: bool,
}

/// How long an account keeps what is left of an ended run's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionView {
    /// Days after the run's end.
    pub days: u32,
    /// The installation's, which holds where the account has set nothing.
    pub default_days: u32,
    /// Who set the account's own, and when; absent where the installation's holds.
    pub changed: Option<(String, String)>,
    /// What is kept at present, when something is.
    pub kept: Option<KeptRows>,
}

/// Rows of ended runs that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRows {
    /// Of how many runs.
    pub runs: u64,
    /// When the oldest of them ended.
    pub oldest_at: String,
}

/// An application in the gallery of Click to Connect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplicationView {
    /// Its id.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The version that is connected.
    pub version: u32,
    /// What it is found under.
    pub category: Category,
    /// Its logo's digest, for [`crate::application::logo_path`].
    pub logo: Option<String>,
    /// Whom to ask about it.
    pub support: Option<String>,
    /// How it offers audiences, if it does.
    pub producer: Option<Movement>,
    /// How it takes audiences, if it does.
    pub consumer: Option<Movement>,
    /// Usher calls it, so that the form asks for an address and a key. Otherwise it calls Usher, with a key that Usher makes.
    pub is_called: bool,
    /// The base URL to start the form with.
    pub default_base_url: Option<String>,
    /// How the account gives Usher what it calls the application with.
    pub credentials: Credentials,
    /// What the application needs besides.
    pub credential_fields: Vec<CredentialField>,
    /// Where to find the credentials, for the form.
    pub key_help: String,
    /// Endpoints of it in this account.
    pub endpoints: u32,
}

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

/// What the person filled in to connect an endpoint.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connect {
    /// Of which application.
    pub application_id: String,
    /// Its name in this account.
    pub name: String,
    /// Where Usher calls it; the contract's paths (`v1/...`) stand below it. Empty for an application that registers by itself.
    pub base_url: String,
    /// What Usher sends as `Authorization: Bearer`, where the application wants a key.
    pub authentication_key: String,
    /// Where it wants a user name and a password.
    pub user_name: String,
    /// See `user_name`.
    pub password: String,
    /// Where it wants an OAuth client of the account's own.
    pub client_id: String,
    /// See `client_id`.
    pub client_secret: String,
    /// What it needs besides, by the names of its fields.
    pub fields: BTreeMap<String, String>,
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("application_id", &self.application_id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What the person filled in to connect an endpoint anew, as the same endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reconnect {
    /// The version of its application that the form was made for: the one that it keeps to, or the newest approved one.
    pub version: u32,
    /// What it is called with stays; nothing of that was entered.
    pub keep: bool,
    /// What was entered. Application and name stay.
    pub connect: Connect,
}

/// What connecting an endpoint anew begins with, and what it would mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reconnection {
    /// The endpoint.
    pub id: EndpointId,
    /// Its name.
    pub name: String,
    /// The version of its application that it keeps to.
    pub present_version: u32,
    /// The version that is to be connected, with what it asks for.
    pub application: ApplicationView,
    /// The address to begin with.
    pub base_url: String,
    /// What was entered before, by the names of its inputs: nothing that is secret, and nothing for those who may not enter it.
    pub values: BTreeMap<String, String>,
    /// What it is called with now can stay.
    pub may_keep: bool,
    /// Why Usher is not let in any more, if it is not.
    pub access_ended: Option<AccessEnd>,
    /// Runs from and to it that are under way.
    pub runs: u64,
    /// All that the version says, with what differs from the one that it keeps to.
    pub lines: Vec<Line>,
    /// Shares that could not run any more, as far as the definition tells.
    pub broken: Vec<BrokenShare>,
}

/// A share that a change of an endpoint breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrokenShare {
    /// Which one.
    pub id: ShareId,
    /// "High-value customers to Beacon Mail".
    pub name: String,
    /// Why, one sentence each.
    pub because: Vec<String>,
}

/// How an attempt to connect an endpoint anew went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reconnected {
    /// How each step of the test went.
    pub report: ConnectionReport,
    /// Shares that can't run with what the endpoint says of itself now.
    pub broken: Vec<BrokenShare>,
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

/// One step of the connection test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStep {
    /// What was tried: "Reach it", "Accept the key", "Describe itself", "List its audiences" ...
    pub name: String,
    /// Whether it went well; none when an earlier step failed and it was not tried.
    pub passed: Option<bool>,
    /// What was seen, or what is wrong and how to mend it.
    pub detail: String,
    /// Milliseconds that it took.
    pub duration_ms: u64,
}

/// The connection test as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionReport {
    /// All steps, in order.
    pub steps: Vec<ConnectionStep>,
}

impl ConnectionReport {
    /// Every step went well.
    pub fn passed(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| step.passed == Some(true))
    }
}

pub use crate::catalogue::AudienceQuery;

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

impl ShareView {
    /// The fields of both sides as they are now.
    pub fn both_fields(&self) -> BothFields {
        let destination = self.destination.as_ref().map(|destination| destination.fields.clone());
        BothFields { source: self.fields.clone(), destination: destination.unwrap_or_default() }
    }
}

/// Why a mapping was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingCause {
    /// A person mapped.
    Edited,
    /// Another destination was chosen, which lacks some of the fields.
    Destination,
    /// Another audience was chosen, which lacks some of the fields.
    Audience,
    /// A template was applied.
    Template,
    /// An earlier version was put in place again.
    Restored,
    /// A person accepted what was proposed after fields had changed.
    Remapped,
    /// It came with the share of which this one is a copy.
    Copied,
}

impl MappingCause {
    /// Every cause.
    pub const ALL: [Self; 7] =
        [Self::Edited, Self::Destination, Self::Audience, Self::Template, Self::Restored, Self::Remapped, Self::Copied];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Destination => "destination",
            Self::Audience => "audience",
            Self::Template => "template",
            Self::Restored => "restored",
            Self::Remapped => "remapped",
            Self::Copied => "copied",
        }
    }

    /// The cause of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

/// One version of a share's mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingVersion {
    /// Its number.
    pub version: u32,
    /// Why it was made.
    pub cause: MappingCause,
    /// What it was taken from: a template's name, the number of a version, a share's name.
    pub note: Option<String>,
    /// Who made it.
    pub changed_by: String,
    /// When.
    pub changed_at: String,
    /// A run used it.
    pub is_used: bool,
    /// What it changed in the one before, as sentences.
    pub changes: Vec<String>,
    /// What putting it in place again would change now, as sentences.
    pub restoring: Vec<String>,
}

/// A mapping that is kept by name, to be used again between the same two applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingTemplate {
    /// Its id.
    pub id: TemplateId,
    /// Its name.
    pub name: String,
    /// From which application.
    pub source_application: String,
    /// To which one.
    pub destination_application: String,
    /// How many fields it maps.
    pub links: u32,
    /// Who changed it last.
    pub changed_by: String,
    /// When.
    pub updated_at: String,
}

/// What of a template fits a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateFit {
    /// The template.
    pub template: MappingTemplate,
    /// The destination's fields that it would map.
    pub fitting: Vec<String>,
    /// Of these, mapped already.
    pub mapped_already: u32,
    /// Those that it can't map here, and why.
    pub misfits: Vec<Misfit>,
}

/// A field of a template that does not fit a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misfit {
    /// The destination's field.
    pub field: String,
    /// Why.
    pub reason: String,
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

/// All of a share on one page, before it is shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareReview {
    /// The share.
    pub share: ShareView,
    /// What the check found; one error forbids sharing.
    pub findings: Vec<Finding>,
    /// Of the sample's rows.
    pub sample_rows: u32,
    /// Of these, fit to be sent.
    pub sample_valid: u32,
    /// What has to be confirmed before it is shared.
    pub warnings: Vec<ReviewWarning>,
    /// Other shares of the same audience to the same destination.
    pub other_shares: Vec<ShareSummary>,
}

/// Something that a person confirms by name before sharing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewWarning {
    /// Its name in the form; the same as long as it says the same.
    pub name: String,
    /// What is to be known, as a sentence.
    pub message: String,
    /// Where it can be looked at or mended, below the share's own address.
    pub page: Option<String>,
    /// Who confirmed it before, and when.
    pub confirmed: Option<Confirmation>,
}

/// Who confirmed a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The warning's name.
    pub name: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: String,
}

/// What a run that only looked has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreFlight {
    /// The run.
    pub run: RunView,
    /// Nothing of the share was changed since.
    pub is_current: bool,
}

/// What to list of the runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunQuery {
    /// Words in the audience's, endpoints' or segment's name.
    pub text: String,
    /// Only in this state.
    pub state: Option<RunState>,
    /// Only those that have not ended.
    pub under_way: bool,
    /// Only those of this share.
    pub share: Option<ShareId>,
    /// Only those from or to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only those that were asked for within so many hours.
    pub within_hours: Option<u32>,
    /// Only those before this place in the list, as the page before it named it.
    pub before: Option<String>,
}

/// What runs can be narrowed by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunChoices {
    /// Shares that have been used: "Customers to Beacon Mail".
    pub shares: Vec<(ShareId, String)>,
    /// Endpoints.
    pub endpoints: Vec<(EndpointId, String)>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// The share.
    pub share_id: ShareId,
    /// Where it is.
    pub state: RunState,
    /// The audience's name.
    pub audience_name: String,
    /// The endpoint that it comes from.
    pub source_name: String,
    /// The endpoint that it goes to.
    pub destination_name: String,
    /// The segment there.
    pub destination_segment: String,
    /// How it changes that segment.
    pub mode: Mode,
    /// What was counted so far.
    pub counts: RunCounts,
    /// When it was asked for.
    pub created_at: String,
    /// When a worker first took it up.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// One page of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPage {
    /// At most 50, newest first.
    pub items: Vec<RunSummary>,
    /// All that match, on every page.
    pub total: u64,
    /// Where the next page begins, when there is one.
    pub older: Option<String>,
}

/// What a run's page shows beside the run itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BesideRun {
    /// The run of the same share before it that ended well.
    pub previous: Option<RunSummary>,
    /// Its parts in order, at most 200.
    pub parts: Vec<PartView>,
    /// A few of the values for which rows were left out, hidden but for their form; none for those who only look.
    pub samples: Vec<RejectSample>,
}

/// What some of the rows had in the field for which they were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectSample {
    /// What was wrong, as the file of rejects says it.
    pub code: String,
    /// The destination's field.
    pub field: String,
    /// At most three values, each masked.
    pub values: Vec<String>,
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// Its number.
    pub number: u32,
    /// Rows in it.
    pub rows: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// How often it was on its way.
    pub attempts: u32,
    /// When the destination took it.
    pub acknowledged_at: Option<String>,
    /// Rows that the destination took of it.
    pub accepted: u64,
    /// Rows that it refused.
    pub refused: u64,
}

/// A run's page; also what its events carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// What the list shows.
    pub summary: RunSummary,
    /// Counts up with each change.
    pub version: u64,
    /// A person let it rest.
    pub paused: bool,
    /// What it waits for, as a sentence ("Waiting for Beacon Mail: it asked for 20 s").
    pub waiting: Option<String>,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// Why it is held for approval, when it is.
    pub hold: Option<Hold>,
    /// Rows left out, by reason, the most first.
    pub left_out: Vec<RejectGroup>,
    /// Values sent empty because they did not fit, by field and reason, the most first.
    pub left_empty: Vec<LeftEmpty>,
    /// Parts written so far.
    pub parts: u32,
    /// Of these, acknowledged.
    pub parts_acknowledged: u32,
    /// How often calls were tried again.
    pub retries: u32,
    /// What happened when, oldest first, at most 100.
    pub timeline: Vec<TimelineEntry>,
    /// There are rejects to download.
    pub has_rejects: bool,
    /// When what is kept of the run's rows is removed; none while it is under way, and when nothing is kept.
    pub kept_until: Option<String>,
    /// The receipt's digest, once there is a receipt.
    pub receipt_sha256: Option<String>,
    /// Which version of the mapping it uses.
    pub mapping_version: u32,
}

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: String,
    /// What, as a sentence.
    pub message: String,
}

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

/// The form of a new account and its first admin.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUp {
    /// The organisation's name.
    pub account_name: String,
    /// The person's name.
    pub user_name: String,
    /// Their e-mail address.
    pub email: String,
    /// At least 12 characters.
    pub password: String,
}

/// The form of signing in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
}
