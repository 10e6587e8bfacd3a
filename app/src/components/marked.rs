//! A text with the words of a search marked in it.

use leptos::prelude::*;
use model::catalogue::Stretch;

/// The text, with its stretches marked.
pub fn marked(text: &str, stretches: &[Stretch]) -> Vec<AnyView> {
    let mut parts: Vec<AnyView> = Vec::with_capacity(stretches.len() * 2 + 1);
    let mut behind = 0;
    for (from, to) in stretches.iter().map(|(from, to)| (*from as usize, *to as usize)) {
        // A stretch that is none of this text's is passed over.
        let (Some(before), Some(inside)) = (text.get(behind..from), text.get(from..to)) else { continue };
        if !before.is_empty() {
            parts.push(before.to_owned().into_any());
        }
        parts.push(view! { <mark>{inside.to_owned()}</mark> }.into_any());
        behind = to;
    }
    if let Some(rest) = text.get(behind..).filter(|rest| !rest.is_empty()) {
        parts.push(rest.to_owned().into_any());
    }
    parts
}
