//! Where people reach this Usher: for links that they send to others.

/// The address that the installation was told, in the context of every request.
#[derive(Debug, Clone)]
pub struct PublicUrl(pub Option<String>);

/// The address, without a path; as the installation was told, or else as the browser asks for it.
pub(crate) fn of_request() -> String {
    use http::{header::HOST, request::Parts};
    use leptos::prelude::use_context;

    if let Some(PublicUrl(Some(url))) = use_context() {
        return url;
    }
    let request = use_context::<Parts>();
    let host = request.as_ref().and_then(|request| request.headers.get(HOST)?.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}
