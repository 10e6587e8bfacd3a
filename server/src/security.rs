//! The headers that tell browsers what our answers may do.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

/// For everything that is no page: it is to be looked at by our own pages, or downloaded.
const NO_PAGE: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");

/// Where Usher is reached over HTTPS: for a year, never come without it.
pub(crate) const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Gives the page that is being rendered its policy, with the nonce of its inline scripts.
pub(crate) fn allow_page() {
    let (Some(nonce), Some(response)) = (leptos::nonce::use_nonce(), use_context::<ResponseOptions>()) else { return };
    // Style attributes only (bars' widths, lines' places); there are no inline style sheets.
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self'{watch}; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'",
        // `cargo leptos watch` tells the page to load again.
        watch = if cfg!(debug_assertions) { " ws:" } else { "" },
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(CONTENT_SECURITY_POLICY, policy);
    }
}

/// Adds the headers that every answer has.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NO_PAGE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}
