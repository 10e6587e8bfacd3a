//! Outbound: the only room that opens connections. An address guard, timeouts, and a client for the contract's calls ("Endpoints host").
//!
//! It knows no account, audience or run, and keeps nothing. Whether a call is tried again is its caller's matter; what it says of a failed
//! call ([`CallError`]) is enough to decide.

mod access;
mod address;
mod client;
mod error;
mod probe;
mod tokens;
mod urls;
mod webhook;

pub use access::{Access, TokenSource};
pub use address::AddressGuard;
pub use client::{Call, DataStream, EndpointClient, Outbound, Side, Timeouts};
pub use error::CallError;
pub use probe::{Ask, Probe, Reply};
pub use tokens::{AuthorizationServer, Consent, Token};
pub use urls::ContractUrls;
pub use webhook::WebhookSecret;
