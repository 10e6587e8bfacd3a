//! The viewer's time zone: the browser tells it in a cookie, so that the server can write times and begin forms in it.

/// The cookie.
#[cfg(any(feature = "ssr", feature = "hydrate"))]
const COOKIE: &str = "usher_zone";

/// The zone that the browser told, or UTC before it has told any. A name that is no zone's is the hub's to refuse.
#[cfg(feature = "ssr")]
pub(crate) fn of_request() -> String {
    crate::cookie::of_request(COOKIE).filter(|zone| zone.len() < 64).unwrap_or_else(|| "UTC".to_owned())
}

/// Tells the server the browser's zone, for the pages that are asked for from now on.
pub(crate) fn tell() {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsValue;
        let format = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new());
        let options = format.resolved_options();
        if let Some(zone) =
            js_sys::Reflect::get(&options, &JsValue::from_str("timeZone")).ok().and_then(|zone| zone.as_string())
        {
            crate::cookie::remember(COOKIE, &zone);
        }
    }
}
