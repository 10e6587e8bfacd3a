//! Where people reach this Usher: for links that they send to others. And where they come from.

use std::net::IpAddr;

use http::{HeaderMap, header::HOST, request::Parts};
use leptos::prelude::use_context;

/// The address that the installation was told, in the context of every request.
#[derive(Debug, Clone)]
pub struct PublicUrl(pub Option<String>);

impl PublicUrl {
    /// The address, without a path; as the installation was told, or else as the browser asks for it.
    pub fn of(&self, headers: &HeaderMap) -> String {
        let host = || headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        self.0.clone().unwrap_or_else(|| format!("http://{}", host()))
    }
}

/// From which address a request comes, beside every request; none where a proxy stands between and does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

/// Where people reach this Usher, by the request that is being answered.
pub(crate) fn of_request() -> String {
    let headers = use_context::<Parts>().map(|request| request.headers).unwrap_or_default();
    use_context().unwrap_or(PublicUrl(None)).of(&headers)
}
