//! Outbound: the only room that opens connections. An address guard, timeouts, a client for the contract's calls ("Endpoints host"), signed messages,
//! and mail.
//!
//! It knows no account, audience or run, and keeps nothing but what an OpenID provider says of itself. Whether a call is tried again is its caller's matter; what it says of a failed
//! call ([`CallError`]) is enough to decide.

mod access;
mod address;
mod client;
mod error;
mod mail;
mod openid;
mod probe;
mod tokens;
mod urls;
mod webhook;

pub use access::{Access, TokenSource};
pub use address::AddressGuard;
pub use client::{Call, DataStream, EndpointClient, Outbound, Side, Timeouts};
pub use error::CallError;
pub use mail::{Mail, MailError, MailSettings, MailTls, Mailer, WrongMailSettings};
pub use openid::{OpenIdProvider, OpenIdSettings, ProviderPerson, ProviderVisit, WrongOpenIdSettings};
pub use probe::{Ask, Probe, Reply};
pub use tokens::{AuthorizationServer, Consent, Token};
pub use urls::ContractUrls;
pub use webhook::WebhookSecret;
