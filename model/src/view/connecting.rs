//! Connecting an endpoint: the applications to choose from, what a person fills in, how the test of it went, and what it means to connect one
//! anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AccessEnd;
use crate::{
    application::{Category, CredentialField, Credentials, Line},
    contract::Movement,
    id::{ApplicationId, EndpointId, ShareId},
};

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
