//! Answers that a page is made of: the server asks its functions while it renders the page, and writes the answers into it; the browser reads them there, and
//! asks again when what was asked for has changed.

use std::future::Future;

use leptos::{
    prelude::*,
    server::codee::{Decoder, Encoder},
};
use serde::{Serialize, de::DeserializeOwned};

/// An answer, as resources hold it.
pub type Answer<T> = Resource<T, Json>;

/// JSON that is read from bytes, like the answer to a call: reading it from text, as Leptos' own does, would be a second reader for each kind of answer, a
/// twentieth of the browser's half.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl<T: Serialize> Encoder<T> for Json {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, serde_json::Error> {
        serde_json::to_string(value)
    }
}

impl<T: DeserializeOwned> Decoder<T> for Json {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, serde_json::Error> {
        serde_json::from_slice(text.as_bytes())
    }
}

/// Asks for what `source` says, and again whenever that changes. Nothing of the page is sent before the answer is there.
#[track_caller]
pub fn ask<S, T, Fut>(
    source: impl Fn() -> S + Send + Sync + 'static,
    ask: impl Fn(S) -> Fut + Send + Sync + 'static,
) -> Answer<T>
where
    S: Clone + PartialEq + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    Resource::new_with_options(source, ask, true)
}
