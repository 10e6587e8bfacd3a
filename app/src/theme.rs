//! Light, dark, or as the system says: kept in a cookie, so that the server renders the page in it and nothing flashes.

/// The cookie.
pub(crate) const COOKIE: &str = "usher_theme";

/// What the request asks for: `light`, `dark`, or nothing for the system's.
pub(crate) fn of_request() -> Option<&'static str> {
    #[cfg(feature = "ssr")]
    {
        let parts = leptos::prelude::use_context::<http::request::Parts>()?;
        let cookies = parts.headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let chosen = cookies
            .flat_map(|value| value.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
        match chosen {
            "light" => Some("light"),
            "dark" => Some("dark"),
            _ => None,
        }
    }
    #[cfg(not(feature = "ssr"))]
    None
}

/// What the page stands in: the same on the server and where the browser takes the page over.
pub(crate) fn current() -> Option<&'static str> {
    #[cfg(feature = "hydrate")]
    {
        let chosen = leptos::prelude::document().document_element()?.get_attribute("data-theme")?;
        ["light", "dark"].into_iter().find(|theme| *theme == chosen)
    }
    #[cfg(not(feature = "hydrate"))]
    of_request()
}

/// Chooses a theme for this browser; nothing is the system's.
pub(crate) fn choose(theme: Option<&'static str>) {
    #[cfg(feature = "hydrate")]
    {
        use leptos::prelude::document;
        use wasm_bindgen::JsCast;
        if let Some(root) = document().document_element() {
            let _ = match theme {
                Some(theme) => root.set_attribute("data-theme", theme),
                None => root.remove_attribute("data-theme"),
            };
        }
        let value = theme.unwrap_or("system");
        let cookie =
            wasm_bindgen::JsValue::from_str(&format!("{COOKIE}={value}; path=/; max-age=31536000; samesite=lax"));
        let document: wasm_bindgen::JsValue = document().unchecked_into();
        let _ = js_sys::Reflect::set(&document, &"cookie".into(), &cookie);
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = theme;
}
