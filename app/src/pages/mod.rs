//! The pages. The server functions that a page calls stand beside it; they authorise, call the hub, and map its error.

pub mod account;
pub mod alerts;
pub mod applications;
pub mod audience;
pub mod audiences;
pub mod connect;
pub mod connect_application;
mod credential_end;
pub mod endpoint;
pub mod endpoints;
pub mod home;
pub mod identity;
pub mod invitation;
pub mod not_found;
pub mod people;
pub mod profile;
pub mod review;
pub mod runs;
pub mod schedule;
pub mod share;
pub mod share_overview;
pub mod shares;
pub mod sign_in;
pub mod sign_up;
pub mod templates;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// A parameter of the page's address, as a signal.
fn address_part(name: &'static str) -> Signal<String> {
    let params = use_params_map();
    Signal::derive(move || params.with(|params| params.get(name)).unwrap_or_default())
}

/// Whether the person may do more than look. The hub decides; this only spares people buttons that would be refused.
fn may_share() -> bool {
    use_context::<model::view::Actor>().is_some_and(|actor| actor.role >= model::view::Role::Member)
}

/// Whether the person may connect endpoints.
pub(crate) fn may_connect() -> bool {
    use_context::<model::view::Actor>().is_some_and(|actor| actor.role >= model::view::Role::Admin)
}

/// Whether the person operates the installation.
pub(crate) fn is_operator() -> bool {
    use_context::<model::view::Actor>().is_some_and(|actor| actor.is_operator)
}

/// The id of an address, or "there is no such thing".
#[cfg(feature = "ssr")]
pub(crate) fn parse_id<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, model::error::HubError> {
    text.parse().map_err(|_| model::error::HubError::not_found(what))
}
