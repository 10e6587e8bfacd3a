//! What a browser remembers for us between pages, readable by both halves: small words, never anything secret.

/// The value of a cookie that the request brought.
pub(crate) fn of_request(name: &str) -> Option<String> {
    #[cfg(feature = "ssr")]
    {
        let parts = leptos::prelude::use_context::<http::request::Parts>()?;
        let cookies = parts.headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|value| value.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }
    #[cfg(not(feature = "ssr"))]
    {
        let _ = name;
        None
    }
}

/// Lets the browser remember a value for a year.
#[cfg(feature = "hydrate")]
pub(crate) fn remember(name: &str, value: &str) {
    use wasm_bindgen::{JsCast, JsValue};
    let cookie = JsValue::from_str(&format!("{name}={value}; path=/; max-age=31536000; samesite=lax"));
    let document: JsValue = leptos::prelude::document().unchecked_into();
    let _ = js_sys::Reflect::set(&document, &"cookie".into(), &cookie);
}
