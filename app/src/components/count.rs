//! Numbers for people: grouped by thin spaces, never rounded where they must add up.

use leptos::prelude::*;
pub use model::count::grouped;

/// "1 row", "2 rows".
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{}\u{a0}{}", grouped(number), if number == 1 { one } else { many })
}

/// Bytes in the unit that fits.
pub fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number}\u{a0}B"),
        1_000..1_000_000 => format!("{}.{}\u{a0}kB", number / 1_000, number % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{}\u{a0}MB", number / 1_000_000, number % 1_000_000 / 100_000),
        _ => format!("{}.{}\u{a0}GB", number / 1_000_000_000, number % 1_000_000_000 / 100_000_000),
    }
}

/// A number in a table or sentence.
#[component]
pub fn Count(
    /// The number.
    number: u64,
    /// It is only near the truth.
    #[prop(optional)]
    estimate: bool,
) -> impl IntoView {
    view! {
        <span class="count">
            {estimate.then_some(view! { <span title="An estimate">"≈\u{a0}"</span> })} {grouped(number)}
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_from_the_right() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1\u{202f}000");
        assert_eq!(grouped(12_345_678), "12\u{202f}345\u{202f}678");
        assert_eq!(counted(1, "row", "rows"), "1\u{a0}row");
        assert_eq!(bytes(1_549), "1.5\u{a0}kB");
        assert_eq!(bytes(120_000_000), "120.0\u{a0}MB");
    }
}
