//! What needs the browser: measuring where handles are, dragging, the keys of the page, scrolling. On the server nothing of it is there.

/// The id of what scrolls the live table.
pub const PREVIEW: &str = "preview-rows";

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(feature = "hydrate")]
mod columns;
#[cfg(feature = "hydrate")]
mod keys;
#[cfg(feature = "hydrate")]
mod places;
#[cfg(feature = "hydrate")]
mod pointer;
#[cfg(feature = "hydrate")]
mod rendered;

#[cfg(feature = "hydrate")]
pub use browser::{after_the_picture, focus_soon, focus_source_select, start, when_resized};
#[cfg(feature = "hydrate")]
pub use columns::columns_in_sight;
#[cfg(feature = "hydrate")]
pub use rendered::{chosen_early, is_rendered, rendered_preview};

/// In the browser: watches pointer, keys, size and scrolling, for as long as the page is there.
#[cfg(not(feature = "hydrate"))]
pub fn start(_work: super::work::Work, _curves: leptos::prelude::RwSignal<Vec<super::links::Curve>>) {}

/// In the browser: whether the page is there already, rendered by the server and not yet taken over.
#[cfg(not(feature = "hydrate"))]
pub fn is_rendered() -> bool {
    false
}

/// In the browser: once the next picture is on the screen.
#[cfg(not(feature = "hydrate"))]
pub fn after_the_picture(_act: impl FnOnce() + 'static) {}

/// In the browser: the lines of the form in which something was chosen before the page's program had loaded.
#[cfg(not(feature = "hydrate"))]
pub fn chosen_early() -> Vec<super::form::FormLink> {
    Vec::new()
}

/// In the browser: the live table as the server rendered it.
#[cfg(not(feature = "hydrate"))]
pub fn rendered_preview() -> Option<String> {
    None
}

/// In the browser: which columns of a live table of very many are in sight, with so many beside them; none where they stand one below the other.
#[cfg(not(feature = "hydrate"))]
pub fn columns_in_sight(_beside: usize) -> Option<std::ops::Range<usize>> {
    None
}

/// In the browser: whenever the window gets another size, as long as the page is there.
#[cfg(not(feature = "hydrate"))]
pub fn when_resized(_act: impl Fn() + 'static) {}

/// In the browser: shows a destination field, and puts the focus on what says what feeds it.
#[cfg(not(feature = "hydrate"))]
pub fn focus_source_select(_work: super::work::Work, _name: &str) {}

/// In the browser: puts the focus on the element of that id, once the page shows what was just changed.
#[cfg(not(feature = "hydrate"))]
pub fn focus_soon(_id: &str) {}
