//! What the steps of an application's form hold, as people typed it. The hub checks it; nothing is kept of a form that is wrong somewhere.

use serde::{Deserialize, Serialize};

/// One step's form, or something small done to the draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// What the application is.
    About(AboutForm),
    /// How data moves.
    Types(TypesForm),
    /// Where it answers.
    Urls(UrlsForm),
    /// One field, new or changed.
    Field(FieldForm),
    /// The field of this name goes.
    RemoveField(String),
    /// All fields go.
    RemoveFields,
    /// What it can do as a destination.
    Delivery(DeliveryForm),
    /// How credentials are given.
    Credentials(Box<CredentialsForm>),
    /// It has no logo any more.
    RemoveLogo,
}

/// What the application is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AboutForm {
    /// The name.
    pub name: String,
    /// In a sentence or two.
    pub description: String,
    /// A category's word.
    pub category: String,
    /// An e-mail address or a page.
    pub support: String,
}

/// How data moves: `PULL`, `PUSH` or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TypesForm {
    /// As a producer.
    pub producer: String,
    /// As a consumer.
    pub consumer: String,
}

/// Where it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UrlsForm {
    /// Above `v1/...`.
    pub base: String,
    /// Where it is told of jobs.
    pub contact: String,
    /// Instead of `v1/endpoint`.
    pub endpoint: String,
    /// Instead of `v1/segments`.
    pub segments: String,
    /// Instead of `v1/jobs`.
    pub jobs: String,
    /// Instead of `v1/health`.
    pub health: String,
}

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldForm {
    /// The name that it had; nothing for a new one.
    pub before: String,
    /// The column's name.
    pub name: String,
    /// The name for people.
    pub label: String,
    /// `identifier` or `attribute`.
    pub kind: String,
    /// A field type's word.
    pub field_type: String,
    /// `required`, `recommended` or nothing.
    pub need: String,
    /// A form's word: `raw`, `sha256_hex`, `sha256_base64`.
    pub form: String,
    /// What it means.
    pub description: String,
    /// A made-up value.
    pub example: String,
}

/// What it can do as a destination. A box that is ticked holds a word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryForm {
    /// Adds.
    pub add: String,
    /// Replaces.
    pub replace: String,
    /// Removes.
    pub remove: String,
    /// New segments can be named.
    pub new_segment: String,
    /// Existing ones can be chosen.
    pub existing_segment: String,
    /// At most.
    pub rows_per_part: String,
    /// At most.
    pub rows_per_second: String,
    /// In days.
    pub member_lifetime_days: String,
}

/// How credentials are given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialsForm {
    /// A mode's word.
    pub mode: String,
    /// Where admins find them.
    pub help: String,
    /// Of OAuth.
    pub authorization_url: String,
    /// Of OAuth.
    pub token_url: String,
    /// Of OAuth.
    pub client_id: String,
    /// Of OAuth; nothing keeps the one that is kept.
    pub client_secret: String,
    /// The kept one goes.
    pub forget_client_secret: String,
    /// Of OAuth, between spaces.
    pub scopes: String,
    /// Instructions in Markdown.
    pub steps: String,
    /// What is needed besides.
    pub fields: Vec<CredentialFieldForm>,
}

/// Something that is needed besides; one without name and label is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialFieldForm {
    /// Its name.
    pub name: String,
    /// Its label.
    pub label: String,
    /// What it is.
    pub help: String,
    /// The header that it is sent in.
    pub header: String,
    /// Ticked: sealed.
    pub secret: String,
    /// Ticked: required.
    pub required: String,
}

/// What a Test Drive is to use. Kept in memory only, while it is under way.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DriveForm {
    /// Where the application answers.
    pub base_url: String,
    /// An authentication key.
    pub key: String,
    /// Of an OAuth client, with a secret.
    pub client_id: String,
    /// See `client_id`.
    pub client_secret: String,
    /// With a password.
    pub user_name: String,
    /// With a user name.
    pub password: String,
    /// Values of the fields that are needed besides, in their order.
    pub fields: Vec<String>,
}

impl std::fmt::Debug for DriveForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DriveForm").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
