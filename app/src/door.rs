//! The way to the sign-in page, and back to where one came from.

use leptos_router::location::Url;

use crate::components::search_box::escaped;

/// In the sign-in page's address: where to go afterwards.
pub const NEXT: &str = "next";
/// In the sign-in page's address: one was signed in until just now.
pub const SIGNED_OUT: &str = "signed_out";

/// The sign-in page's address, for somebody who asked for `next`.
pub fn sign_in_path(next: &str, was_signed_in: bool) -> String {
    let next = local_path(next).filter(|next| *next != "/").map(|next| format!("{NEXT}={}", escaped(next)));
    let said = was_signed_in.then(|| format!("{SIGNED_OUT}=yes"));
    let query: Vec<String> = next.into_iter().chain(said).collect();
    if query.is_empty() { "/sign-in".to_owned() } else { format!("/sign-in?{}", query.join("&")) }
}

/// Where to go afterwards, from the query of the sign-in page's address. The router's own map decodes values twice, which an address in an address
/// does not survive.
pub fn next_of(query: &str) -> Option<String> {
    let values = query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
    let next = values.filter(|(name, _)| *name == NEXT).map(|(_, value)| Url::unescape(value)).next()?;
    local_path(&next).map(str::to_owned)
}

/// `next`, when it is one of our own pages: an address in a mail must not lead from our door to somebody else's.
pub fn local_path(next: &str) -> Option<&str> {
    let rest = next.strip_prefix('/')?;
    // Browsers take `//host` and `/\host` for another site's address, and leave control characters out before they look.
    let is_local = !rest.starts_with(['/', '\\']) && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_door =
        ["/sign-in", "/sign-up", "/sign-out", "/invitation", "/api/"].iter().any(|door| next.starts_with(door));
    (is_local && !is_door).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_back_to() {
        assert_eq!(local_path("/runs?state=failed"), Some("/runs?state=failed"));
        assert_eq!(local_path("/"), Some("/"));
        let elsewhere = [
            "",
            "runs",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/a\\b",
            "https://evil.example",
            "/sign-in",
            "/sign-out",
            "/api/cancel_run",
            "/naïve",
            "javascript:alert(1)",
        ];
        for next in elsewhere {
            assert_eq!(local_path(next), None, "{next:?}");
        }
    }

    #[test]
    fn the_way_back_is_in_the_address() {
        assert_eq!(sign_in_path("/runs?q=a b&page=2", false), "/sign-in", "what can't be gone back to is left out");
        assert_eq!(sign_in_path("/runs?q=a%20b", true), "/sign-in?next=%2Fruns%3Fq%3Da%2520b&signed_out=yes");
        assert_eq!(next_of("?a=b&next=%2Fruns%3Fq%3Da%2520b&signed_out=yes").as_deref(), Some("/runs?q=a%20b"));
        assert_eq!(next_of("next=%2F%2Fevil.example"), None);
        assert_eq!(sign_in_path("/", false), "/sign-in");
        assert_eq!(sign_in_path("/", true), "/sign-in?signed_out=yes");
    }
}
