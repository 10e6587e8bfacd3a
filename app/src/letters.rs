//! What Unicode says of letters, asked of the browser: its tables would be a tenth of the program.

use std::cell::OnceCell;

use model::letter::{Reader, install};

thread_local! {
    static MARK: OnceCell<js_sys::RegExp> = const { OnceCell::new() };
}

/// From now on `model::letter` asks the browser.
pub fn ask_the_browser() {
    install(Reader { taken_apart, is_mark });
}

fn taken_apart(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFKD").into()
}

fn is_mark(character: char) -> bool {
    let mut bytes = [0; 4];
    MARK.with(|mark| mark.get_or_init(|| js_sys::RegExp::new(r"^\p{M}$", "u")).test(character.encode_utf8(&mut bytes)))
}
