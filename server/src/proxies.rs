//! Where a request comes from when proxies stand before Usher. Only what a trusted proxy has added counts: anybody can send the header.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use app::address::ClientAddress;
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use ipnet::IpNet;

/// To which each proxy adds, at the right, from where it was asked (MDN, X-Forwarded-For).
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Puts the client's address beside each request.
pub(crate) async fn note_client(State(trusted): State<Arc<[IpNet]>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let client = peer.and_then(|peer| client_of(peer, request.headers(), &trusted));
    request.extensions_mut().insert(ClientAddress(client));
    next.run(request).await
}

/// The nearest address that is not a trusted proxy's; none when the proxies do not say it.
fn client_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let said: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("").split(','))
        .map(str::trim)
        .collect();
    for address in said.into_iter().rev() {
        let address = address_of(address)?;
        if !is_trusted(&address) {
            return Some(address);
        }
    }
    None
}

/// An address; some proxies add the port.
fn address_of(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().expect("is a header's value"));
        }
        let trusted = ["127.0.0.1/32", "10.0.0.0/8"].map(|network| network.parse().expect("is a network"));
        client_of(peer.parse().expect("is an address"), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn who_is_no_trusted_proxy_speaks_for_nobody() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn what_the_nearest_trusted_proxies_have_added_counts_and_nothing_before_it() {
        assert_eq!(client("127.0.0.1", &["203.0.113.5"]).as_deref(), Some("203.0.113.5"));
        assert_eq!(client("127.0.0.1", &["1.1.1.1, 203.0.113.5, 10.2.3.4"]).as_deref(), Some("203.0.113.5"));
        assert_eq!(client("::ffff:127.0.0.1", &["1.1.1.1", "203.0.113.5:4711"]).as_deref(), Some("203.0.113.5"));
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:4711"]).as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn a_proxy_that_does_not_say_it_leaves_the_client_unknown() {
        assert_eq!(client("127.0.0.1", &[]), None);
        assert_eq!(client("127.0.0.1", &["10.0.0.2"]), None);
        assert_eq!(client("127.0.0.1", &["203.0.113.5, unknown"]), None);
    }
}
