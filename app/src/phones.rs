//! The numbering plans of telephones. The server has them compiled in; the browser loads them as a module of its own (`phones/`), where numbers are
//! looked at.

use model::{
    field::{Field, FieldType},
    mapping::Mapping,
    transform::Transform,
};

/// The attribute of what was rendered with the plans.
pub const RENDERED_WITH: &str = "data-phones";

/// Whether numbers are read when these fields are mapped so.
pub fn concern(fields: &[&[Field]], mapping: &Mapping) -> bool {
    fields.iter().any(|fields| fields.iter().any(|field| field.field_type == FieldType::Phone))
        || mapping
            .links
            .iter()
            .any(|link| link.transforms.iter().any(|transform| matches!(transform, Transform::PhoneE164 { .. })))
}

#[cfg(feature = "hydrate")]
pub use browser::{are_needed_at_once, ready, were_awaited};

/// Returns when the plans are there, or can't be had.
#[cfg(not(feature = "hydrate"))]
pub async fn ready() {}

/// Whether the plans are there, or can't be had.
#[cfg(not(feature = "hydrate"))]
pub fn were_awaited() -> bool {
    true
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::Cell;

    use model::phone::{PhoneProblem, Reader, install};
    use send_wrapper::SendWrapper;
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen(raw_module = "/pkg/phones.js")]
    extern "C" {
        #[wasm_bindgen(js_name = default, catch)]
        async fn load() -> Result<JsValue, JsValue>;
        #[wasm_bindgen(js_name = is_country)]
        fn js_is_country(code: &str) -> bool;
        #[wasm_bindgen(js_name = calling_code)]
        fn js_calling_code(country: &str) -> Option<i32>;
        #[wasm_bindgen(js_name = to_e164)]
        fn js_to_e164(written: &str, default_country: Option<String>) -> String;
    }

    thread_local! {
        static WERE_ASKED_FOR: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether the page was rendered with the plans.
    pub fn are_needed_at_once() -> bool {
        let selector = format!("[{}]", super::RENDERED_WITH);
        leptos::prelude::document().query_selector(&selector).ok().flatten().is_some()
    }

    /// Whether the plans are there, or can't be had.
    pub fn were_awaited() -> bool {
        WERE_ASKED_FOR.get()
    }

    /// Returns when the plans are there, or can't be had; then each number says so. Once they were waited for, whatever came of it, it returns at once:
    /// a page that is taken over must not wait.
    pub async fn ready() {
        if WERE_ASKED_FOR.get() {
            return;
        }
        // Only ever used on the one thread that a page has.
        if SendWrapper::new(load()).await.is_ok() {
            install(Reader { is_country: js_is_country, calling_code: js_calling_code, to_e164 });
        }
        WERE_ASKED_FOR.set(true);
    }

    fn to_e164(written: &str, default_country: Option<&str>) -> Result<String, PhoneProblem> {
        let answer = js_to_e164(written, default_country.map(str::to_owned));
        match PhoneProblem::of_word(&answer) {
            None => Ok(answer),
            Some(problem) => Err(problem),
        }
    }
}
