//! The numbering plans of telephones for the browser, as a WASM module of their own: they are half as large as all the rest of the browser's half
//! together, and only the mapping's page reads numbers. It is `model::phone`, and nothing else; `app::phones` loads it.

use wasm_bindgen::prelude::wasm_bindgen;

/// See `model::phone::is_country`.
#[wasm_bindgen]
pub fn is_country(code: &str) -> bool {
    model::phone::is_country(code)
}

/// See `model::phone::calling_code`.
#[wasm_bindgen]
pub fn calling_code(country: &str) -> Option<i32> {
    model::phone::calling_code(country)
}

/// See `model::phone::to_e164`: the number, or a word for why there is none. The two can't be taken for one another: a number begins with a plus.
#[wasm_bindgen]
pub fn to_e164(written: &str, default_country: Option<String>) -> String {
    match model::phone::to_e164(written, default_country.as_deref()) {
        Ok(number) => number.into_owned(),
        Err(problem) => problem.word().to_owned(),
    }
}
