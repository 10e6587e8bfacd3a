//! Applications: what an endpoint provider defines in the Integration Manager, what becomes of it in review, and what a Test Drive found.
//!
//! Nothing here checks what a person entered (the hub does, with what it takes to read an address), and nothing here is a secret.

pub mod form;

use serde::{Deserialize, Serialize};

use crate::{
    contract::{DeliveryOptions, Movement},
    field::Field,
    id::ApplicationId,
};

/// What an application is, as one of its versions says. JSON in the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The name for people.
    pub name: String,
    /// What it is, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// What it is found under.
    #[serde(default)]
    pub category: Category,
    /// Whom to ask about it: an e-mail address or a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// The picture of its logo, by the digest of its bytes; served at [`logo_path`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// How it offers audiences, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<Movement>,
    /// How it takes audiences, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<Movement>,
    /// Where it answers.
    #[serde(default)]
    pub urls: ApplicationUrls,
    /// The identifiers and attributes that every endpoint of it takes. Empty when each endpoint says by itself.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// What every endpoint of it can do as a destination. None when each endpoint says by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryOptions>,
    /// How an account gives Usher what it calls the application with.
    #[serde(default)]
    pub credentials: Credentials,
    /// What the application needs besides, per account.
    #[serde(default)]
    pub credential_fields: Vec<CredentialField>,
    /// Where an admin finds the credentials, for the form.
    #[serde(default)]
    pub credential_help: String,
}

impl Definition {
    /// Usher calls it for at least one of its sides, so that it has an address and credentials.
    pub fn is_called(&self) -> bool {
        self.producer == Some(Movement::Pull) || self.consumer == Some(Movement::Push)
    }

    /// It calls Usher for at least one of its sides, with an endpoint key.
    pub fn calls_usher(&self) -> bool {
        self.producer == Some(Movement::Push) || self.consumer == Some(Movement::Pull)
    }
}

/// Where a logo is served.
pub fn logo_path(digest: &str) -> String {
    format!("/logos/{digest}.png")
}

/// What an application is found under in the gallery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Customer relations.
    Crm,
    /// Writes e-mail.
    Mail,
    /// Writes messages, or rings.
    Messaging,
    /// Shows advertisements.
    Advertising,
    /// Sells.
    Commerce,
    /// Measures.
    Analytics,
    /// A database, a warehouse, a folder of files.
    Database,
    /// None of these.
    #[default]
    Other,
}

impl Category {
    /// Every one, in the order in which people are asked.
    pub const ALL: [Self; 8] = [
        Self::Crm,
        Self::Mail,
        Self::Messaging,
        Self::Advertising,
        Self::Commerce,
        Self::Analytics,
        Self::Database,
        Self::Other,
    ];

    /// The word in forms, addresses and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Mail => "mail",
            Self::Messaging => "messaging",
            Self::Advertising => "advertising",
            Self::Commerce => "commerce",
            Self::Analytics => "analytics",
            Self::Database => "database",
            Self::Other => "other",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Crm => "CRM",
            Self::Mail => "Mail",
            Self::Messaging => "Messaging",
            Self::Advertising => "Advertising",
            Self::Commerce => "Commerce",
            Self::Analytics => "Analytics",
            Self::Database => "Database",
            Self::Other => "Other",
        }
    }

    /// The category of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == word)
    }
}

/// Where an application answers. Each address may have places of [`CredentialField`]s in it, written `{name}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationUrls {
    /// Where the contract's paths (`v1/...`) stand below; the connect form begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Where the application wants to be told of its jobs, when it calls Usher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Its `v1/endpoint`, when that is not below `base`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Its `v1/segments`, when that is not below `base`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<String>,
    /// Its `v1/jobs`, when that is not below `base`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<String>,
    /// Its `v1/health`, when that is not below `base`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
}

impl ApplicationUrls {
    /// The address of one of the contract's paths (`segments`, `jobs` ...), when it has one of its own.
    pub fn of(&self, resource: &str) -> Option<&str> {
        match resource {
            "endpoint" => self.endpoint.as_deref(),
            "segments" => self.segments.as_deref(),
            "jobs" => self.jobs.as_deref(),
            "health" => self.health.as_deref(),
            _ => None,
        }
    }
}

/// How an account gives Usher what it calls an application with: the credential mode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Credentials {
    /// Direct: an authentication key, sent as `Authorization: Bearer`.
    #[default]
    Key,
    /// Direct: a user name and a password (RFC 7617).
    Basic,
    /// Direct: an OAuth 2.0 client of the account's own (RFC 6749, 4.4).
    ClientCredentials {
        /// Where tokens are given out.
        token_url: String,
        /// What is asked for.
        #[serde(default)]
        scopes: Vec<String>,
    },
    /// A redirect to the application, to consent there (OAuth 2.0, authorization code with PKCE). The client's secret, if it has one, is kept sealed
    /// and is not in here.
    AuthorizationCode {
        /// Where people consent.
        authorization_url: String,
        /// Where tokens are given out.
        token_url: String,
        /// As whom Usher comes.
        client_id: String,
        /// What is asked for.
        #[serde(default)]
        scopes: Vec<String>,
    },
    /// Its own steps, at whose end it is given the endpoint's key and registers itself.
    Instructions {
        /// The steps, in Markdown.
        steps: String,
    },
}

impl Credentials {
    /// Words and names of all modes.
    pub const MODES: [(&str, &str); 5] = [
        ("key", "Authentication key"),
        ("basic", "User name and password"),
        ("client_credentials", "OAuth client of the account’s own"),
        ("authorization_code", "OAuth consent (authorization code)"),
        ("instructions", "Instructions"),
    ];

    /// The word in forms and the database.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Basic => "basic",
            Self::ClientCredentials { .. } => "client_credentials",
            Self::AuthorizationCode { .. } => "authorization_code",
            Self::Instructions { .. } => "instructions",
        }
    }

    /// The name for people.
    pub fn label(&self) -> &'static str {
        let mode = self.mode();
        Self::MODES.into_iter().find(|(word, _)| *word == mode).map_or("", |(_, label)| label)
    }
}

/// Something that an application needs of each account besides the credentials proper: a tenant, a region, an API version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialField {
    /// Lower-case letters, digits and underscores.
    pub name: String,
    /// The label of its input.
    pub label: String,
    /// Kept sealed and never shown again.
    #[serde(default)]
    pub secret: bool,
    /// An endpoint can't be connected without it.
    #[serde(default)]
    pub required: bool,
    /// What it is and where to find it.
    #[serde(default)]
    pub help: String,
    /// The header that it is sent in with every call. Without one it takes the place of `{name}` in the addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// Where one version of an application is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// Its provider works on it.
    Draft,
    /// An operator is to look at it. It can't be changed meanwhile.
    InReview,
    /// Can be connected, when it is the newest of these; what was connected to an older one keeps working.
    Approved,
    /// An operator said no, with a reason; its provider can mend it.
    Rejected,
}

impl VersionState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview => "in_review",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::InReview => "In review",
            Self::Approved => "Approved",
            Self::Rejected => "Rejected",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Draft, Self::InReview, Self::Approved, Self::Rejected].into_iter().find(|state| state.as_str() == word)
    }
}

/// An application in the list of who provides it, or of who reviews it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationEntry {
    /// Its id.
    pub id: ApplicationId,
    /// Its name, as the newest version says it.
    pub name: String,
    /// What it is found under.
    pub category: Category,
    /// Its logo's digest.
    pub logo: Option<String>,
    /// The account that provides it; none when it came with the installation.
    pub provider: Option<String>,
    /// The version that can be connected.
    pub approved_version: Option<u32>,
    /// The newest version.
    pub version: u32,
    /// That version's state.
    pub state: VersionState,
    /// When it was retired.
    pub retired_at: Option<String>,
    /// Endpoints of it, in all accounts.
    pub endpoints: u64,
    /// When the newest version last changed.
    pub updated_at: String,
}

/// What one version of an application says, for the steps of its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationDraft {
    /// Its id.
    pub id: ApplicationId,
    /// The version.
    pub version: u32,
    /// Where it is in its life.
    pub state: VersionState,
    /// How often it was saved: what a form was made from.
    pub changes: u32,
    /// What it says.
    pub definition: Definition,
    /// A client's secret is kept with it.
    pub has_client_secret: bool,
    /// Why it was rejected, if it was and still stands so.
    pub reason: Option<String>,
    /// What is still to be said before it can be submitted, with the step at which it is said.
    pub missing: Vec<Missing>,
    /// What became of its last Test Drive.
    pub drive: Option<DriveView>,
}

/// Something that an application can't be submitted without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The step's word in addresses.
    pub step: String,
    /// What is missing, in a sentence.
    pub message: String,
}

/// One line of what a version says, beside what the approved one says where that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is about.
    pub what: String,
    /// What the approved version says. None when there is none, or when it does not say anything of this.
    pub before: Option<String>,
    /// What this one says. None when it no longer says anything of this.
    pub now: Option<String>,
}

/// Something that happened to an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Which version.
    pub version: u32,
    /// What.
    pub event: ApplicationEvent,
    /// Why, in the words of who did it.
    pub note: Option<String>,
    /// Who, by the name of then.
    pub by: String,
    /// When.
    pub at: String,
}

/// What can happen to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationEvent {
    /// A draft was begun.
    Begun,
    /// It was submitted for review.
    Submitted,
    /// Its provider took it back.
    Withdrawn,
    /// An operator approved it.
    Approved,
    /// An operator rejected it.
    Rejected,
    /// It can't be connected any more.
    Retired,
    /// It can be connected again.
    Restored,
}

impl ApplicationEvent {
    const ALL: [Self; 7] =
        [Self::Begun, Self::Submitted, Self::Withdrawn, Self::Approved, Self::Rejected, Self::Retired, Self::Restored];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Submitted => "submitted",
            Self::Withdrawn => "withdrawn",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Retired => "retired",
            Self::Restored => "restored",
        }
    }

    /// The event of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == word)
    }
}

/// An application's page, for its provider and for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationPage {
    /// What the list shows.
    pub entry: ApplicationEntry,
    /// Why it was retired.
    pub retired_because: Option<String>,
    /// Why its newest version was rejected, if that still stands.
    pub reason: Option<String>,
    /// All that the newest version says, with what differs from the approved one.
    pub lines: Vec<Line>,
    /// What is still to be said before it can be submitted.
    pub missing: Vec<Missing>,
    /// The newest version's last Test Drive.
    pub drive: Option<DriveView>,
    /// What happened to it, the newest first.
    pub history: Vec<HistoryEntry>,
    /// What hangs on it.
    pub affected: Affected,
}

/// What hangs on an application: numbers only, since whose they are is nobody else's business.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// Accounts that have connected it.
    pub accounts: u64,
    /// Endpoints of it.
    pub endpoints: u64,
    /// Shares from or to one of these.
    pub shares: u64,
}

/// How a Test Drive went, or how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveView {
    /// Where it is.
    pub state: DriveState,
    /// What it did, step by step.
    pub report: DriveReport,
    /// The definition has changed since in a way that it would notice.
    pub is_outdated: bool,
    /// Who started it.
    pub started_by: String,
    /// When.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
}

impl DriveView {
    /// It proves that the application, as it is defined now, keeps to the contract.
    pub fn counts(&self) -> bool {
        self.state == DriveState::Passed && !self.is_outdated
    }
}

/// Where a Test Drive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriveState {
    /// Under way.
    Running,
    /// Every step went well.
    Passed,
    /// At least one did not.
    Failed,
    /// Usher ended while it was under way.
    BrokenOff,
}

impl DriveState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::BrokenOff => "broken_off",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Passed, Self::Failed, Self::BrokenOff].into_iter().find(|state| state.as_str() == word)
    }
}

/// What a Test Drive did. No key and no row's value is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveReport {
    /// All steps that there will be, in order.
    pub steps: Vec<DriveStep>,
}

/// One step of a Test Drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveStep {
    /// What is tried.
    pub name: String,
    /// How it went.
    pub verdict: Verdict,
    /// What was seen; or what is wrong, and how to mend it.
    pub detail: String,
    /// The calls that were made for it.
    pub calls: Vec<DriveCall>,
}

/// How a step of a Test Drive went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// As the contract says.
    Passed,
    /// Not as the contract says.
    Failed,
    /// Not tried, because an earlier step failed or because there is nothing to try.
    Skipped,
}

/// One call of a Test Drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveCall {
    /// `GET v1/segments?limit=1`.
    pub request: String,
    /// What was sent, shortened; none when nothing was, or rows were.
    pub sent: Option<String>,
    /// The HTTP status; none when there was no answer.
    pub status: Option<u16>,
    /// What came back, shortened; of rows only how many there were.
    pub answer: String,
    /// Milliseconds until the whole answer was there.
    pub duration_ms: u64,
}
