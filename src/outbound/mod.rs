//! Outbound: the only room that opens connections. An address guard, timeouts, a client for the contract's calls ("Endpoints host"), signed messages,
//! and mail; and by which rule calls and messages are made again.
//!
//! It knows no account, audience or run, and keeps nothing but what an OpenID provider says of itself. What it says of a failed call ([`CallError`]) is
//! enough for its caller to decide whether it is made again, and [`RetryPolicy`] when.

mod access;
mod address;
mod client;
mod error;
mod mail;
mod openid;
pub(crate) mod outbox;
mod probe;
mod retry;
mod tokens;
mod urls;
mod webhook;

pub use access::{Access, TokenSource};
pub use address::{AddressGuard, NotAllowed};
pub use client::{Call, DataStream, EndpointClient, Outbound, Side, Timeouts};
pub use error::CallError;
pub use mail::{Mail, MailError, MailSettings, MailTls, Mailer, WrongMailSettings};
pub use openid::{OpenIdProvider, OpenIdSettings, ProviderPerson, ProviderVisit, WrongOpenIdSettings};
pub use probe::{Ask, Probe, Reply};
pub use retry::RetryPolicy;
pub use tokens::{AuthorizationServer, Consent, Token};
pub use urls::ContractUrls;
pub use webhook::WebhookSecret;
