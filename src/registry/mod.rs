//! Registry: accounts, users and how they sign in, sessions, applications, endpoints and their credentials.
//!
//! It knows no audience and no share. Everything an account owns is asked for with the account's id in the query.

mod applications;
mod calls;
mod connection;
mod consents;
mod credentials;
mod disconnecting;
mod endings;
mod endpoints;
mod identities;
mod invitations;
mod keys;
mod members;
mod operators;
mod password;
mod people;
mod profile;
mod provider;
mod reconnecting;
mod registration;
mod renewing;
mod repeats;
mod sessions;
mod slow_down;
mod ways_in;

pub use applications::{LARGEST_FIELDS_FILE, LARGEST_LOGO};
pub(crate) use calls::CallLog;
pub use consents::{ConsentFor, ConsentKept, Consented, NoConsent};
pub(crate) use endings::{CredentialEnd, credential_ends};
pub use endpoints::ConnectedEndpoint;
pub(crate) use endpoints::{SEALED, disconnected, parsed_id, undecodable};
pub use keys::EndpointActor;
pub(crate) use people::members;
pub use provider::{Arrival, Errand, Newcomer, NoArrival};
pub use repeats::{Answer, Attempt, IdempotencyKey, Repeat, UnfitKey};
pub use sessions::{SessionRow, SessionRows};
pub use ways_in::SignInSettings;

use model::{
    error::HubError,
    view::{Actor, Role},
};

/// Lets pass who operates the installation.
pub(crate) fn require_operator(actor: &Actor) -> crate::hub::Result<()> {
    // Who may not review is not told what there is to review.
    if actor.is_operator { Ok(()) } else { Err(HubError::not_found("page")) }
}

/// Lets pass who has at least this role in the account.
pub(crate) fn require(actor: &Actor, role: Role) -> crate::hub::Result<()> {
    if actor.role >= role {
        return Ok(());
    }
    let who = match role {
        Role::Admin => "an admin",
        Role::Member | Role::Viewer => "a member or an admin",
    };
    Err(HubError::Forbidden {
        message: format!("Your role in {} does not allow this. Ask {who} of the account.", actor.account_name),
    })
}
