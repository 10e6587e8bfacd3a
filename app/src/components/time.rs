//! Times: how long ago, with the exact time on hover: in UTC, and in the browser's zone once the program runs.

use leptos::prelude::*;

/// A point in time, given in RFC 3339.
#[component]
pub fn Time(
    /// RFC 3339, UTC.
    #[prop(into)]
    at: String,
) -> impl IntoView {
    // Said by the server as the browser will say it, so that nothing moves when the page is taken over.
    let text = seconds_since(&at).map_or_else(|| exact(&at), ago);
    let (title, set_title) = signal(exact(&at));
    let instant = at.clone();
    // The browser's zone is not the server's: only after the page was taken over.
    Effect::new(move |_| {
        if let Some(local) = local(&instant) {
            set_title.set(local);
        }
    });
    view! {
        <time datetime=at title=title>
            {text}
        </time>
    }
}

/// `2026-11-23T14:05:09.123Z` as `2026-11-23 14:05:09 UTC`.
fn exact(at: &str) -> String {
    let text = at.split('.').next().unwrap_or(at).trim_end_matches('Z').replace('T', " ");
    format!("{text} UTC")
}

/// The clock time, for timelines.
pub fn clock_time(at: &str) -> String {
    let time = at.split_once('T').map_or(at, |(_, time)| time);
    time.split('.').next().unwrap_or(time).trim_end_matches('Z').to_owned()
}

/// The exact time in the browser's zone.
#[cfg(feature = "hydrate")]
fn local(at: &str) -> Option<String> {
    let then = js_sys::Date::new(&wasm_bindgen::JsValue::from_str(at));
    then.get_time().is_finite().then(|| String::from(then.to_locale_string("en-GB", &wasm_bindgen::JsValue::UNDEFINED)))
}

#[cfg(not(feature = "hydrate"))]
fn local(_: &str) -> Option<String> {
    None
}

/// How long ago it was; less than nothing when it is still to come.
#[cfg(feature = "hydrate")]
fn seconds_since(at: &str) -> Option<f64> {
    let then = js_sys::Date::new(&wasm_bindgen::JsValue::from_str(at));
    Some((js_sys::Date::now() - then.get_time()) / 1000.0).filter(|seconds| seconds.is_finite())
}

#[cfg(not(feature = "hydrate"))]
fn seconds_since(at: &str) -> Option<f64> {
    let then = chrono::DateTime::parse_from_rfc3339(at).ok()?.to_utc();
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    Some((now - then).as_seconds_f64())
}

/// "5 minutes ago".
fn ago(seconds: f64) -> String {
    let (size, unit) = match seconds.abs() {
        s if s < 45.0 => return "just now".to_owned(),
        s if s < 3_600.0 => (s / 60.0, "minute"),
        s if s < 86_400.0 => (s / 3_600.0, "hour"),
        s if s < 30.0 * 86_400.0 => (s / 86_400.0, "day"),
        s if s < 365.0 * 86_400.0 => (s / (30.4 * 86_400.0), "month"),
        s => (s / (365.25 * 86_400.0), "year"),
    };
    // As a whole number also by its type: the browser's half would carry all that writes fractions.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and said in whole numbers"
    )]
    let number = (size.round() as u64).max(1);
    let plural = if number == 1 { "" } else { "s" };
    if seconds >= 0.0 { format!("{number} {unit}{plural} ago") } else { format!("in {number} {unit}{plural}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(ago(3.0), "just now");
        assert_eq!(ago(61.0), "1 minute ago");
        assert_eq!(ago(7_300.0), "2 hours ago");
        assert_eq!(ago(-90_000.0), "in 1 day");
        assert_eq!(exact("2026-11-23T14:05:09.123Z"), "2026-11-23 14:05:09 UTC");
        assert_eq!(clock_time("2026-11-23T14:05:09.123Z"), "14:05:09");
    }
}
