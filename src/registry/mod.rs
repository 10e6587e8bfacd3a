//! Registry: accounts, users and how they sign in, sessions, applications, endpoints and their credentials.
//!
//! It knows no audience and no share. Everything an account owns is asked for with the account's id in the query.

mod applications;
mod connection;
mod endings;
mod endpoints;
mod keys;
mod password;
mod people;
mod repeats;
mod sessions;
mod slow_down;

pub(crate) use endings::{CredentialEnd, credential_ends};
pub use endpoints::ConnectedEndpoint;
pub(crate) use endpoints::{parsed_id, undecodable};
pub use keys::EndpointActor;
pub(crate) use people::members;
pub use repeats::{Answer, Attempt, IdempotencyKey, Repeat, UnfitKey};
pub use sessions::SessionRows;

use model::{
    error::HubError,
    view::{Actor, Role},
};

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
