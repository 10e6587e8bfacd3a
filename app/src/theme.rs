//! Light, dark, or as the system says: kept in a cookie, so that the server renders the page in it and nothing flashes.

/// The cookie.
pub(crate) const COOKIE: &str = "usher_theme";

/// What the request asks for: `light`, `dark`, or nothing for the system's.
pub(crate) fn of_request() -> Option<&'static str> {
    match crate::cookie::of_request(COOKIE)?.as_str() {
        "light" => Some("light"),
        "dark" => Some("dark"),
        _ => None,
    }
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
        if let Some(root) = document().document_element() {
            let _ = match theme {
                Some(theme) => root.set_attribute("data-theme", theme),
                None => root.remove_attribute("data-theme"),
            };
        }
        crate::cookie::remember(COOKIE, theme.unwrap_or("system"));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = theme;
}
