//! The address guard: an endpoint's URL is somebody's input, so Usher only connects to public addresses over TLS, unless the installation allows
//! a private network. Both names and literal addresses pass here, and names are checked after they were resolved, for each connection. Redirects
//! are followed nowhere, so that none leads past it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Why an address is not one that Usher may connect to, and what can be done about it. The texts complete the sentence "Beacon Mail: ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is private.
    #[error("its address is not public, and this installation does not allow that network (USHER_ALLOW_NETWORKS)")]
    Private,
    /// It is public, and the connection would not be encrypted.
    #[error(
        "its address begins with http://, and without encryption Usher calls only networks that the installation allows; use https://, or have its \
         operator set USHER_ALLOW_HTTP or USHER_ALLOW_NETWORKS"
    )]
    Plain,
}

/// Decides which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct AddressGuard {
    allowed: Arc<Vec<IpNet>>,
    /// Public addresses may be connected to without TLS.
    plain_anywhere: bool,
    /// The connections that it is asked for have no TLS.
    is_plain: bool,
}

impl AddressGuard {
    /// Public addresses over TLS, and these networks.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed: Arc::new(allowed), plain_anywhere: false, is_plain: false }
    }

    /// The same, which lets connections without TLS lead anywhere, if so.
    pub fn with_plain(self, plain_anywhere: bool) -> Self {
        Self { plain_anywhere, ..self }
    }

    /// For connections without TLS.
    pub(super) fn for_plain(&self) -> Self {
        Self { is_plain: true, ..self.clone() }
    }

    /// Whether this address may be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), NotAllowed> {
        let address = address.to_canonical();
        match () {
            () if self.allowed.iter().any(|network| network.contains(&address)) => Ok(()),
            () if !is_public(address) => Err(NotAllowed::Private),
            () if self.is_plain && !self.plain_anywhere => Err(NotAllowed::Plain),
            () => Ok(()),
        }
    }

    /// Checks a URL whose host is a literal address; the resolver checks names.
    pub fn check_literal(&self, url: &Url) -> Result<(), NotAllowed> {
        let guard = if url.scheme() == "https" { self.clone() } else { self.for_plain() };
        match url.host() {
            Some(Host::Ipv4(address)) => guard.check(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => guard.check(IpAddr::V6(address)),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(NotAllowed::Private),
        }
    }
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (mut allowed, mut refused) = (Vec::<SocketAddr>::new(), NotAllowed::Private);
            for address in found {
                match guard.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(why) => refused = why,
                }
            }
            if allowed.is_empty() {
                return Err(refused.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Not one of the special-purpose blocks (RFC 6890 and the IANA registry).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

/// Global unicast (2000::/3) without documentation, Teredo, 6to4 and the like, which can lead to a private address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global_unicast = (0x2000..=0x3fff).contains(&first);
    global_unicast
        && first != 0x2002
        && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_allowed() {
        let guard = AddressGuard::default();
        for public in [
            "8.8.8.8",
            "93.184.216.34",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:2800:220:1::1",
            "2a00:1450::1",
        ] {
            assert_eq!(guard.check(public.parse().expect("an address")), Ok(()), "{public}");
        }
        let private = [
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "2001:db8::1",
            "64:ff9b::7f00:1",
        ];
        for private in private {
            let found = guard.check(private.parse().expect("an address"));
            assert_eq!(found, Err(NotAllowed::Private), "{private}");
        }
    }

    #[test]
    fn a_network_can_be_allowed() {
        let guard = AddressGuard::new(vec![
            "10.1.0.0/16".parse().expect("a network"),
            "127.0.0.1/32".parse().expect("a network"),
        ]);
        assert_eq!(guard.check("10.1.2.3".parse().expect("an address")), Ok(()));
        assert_eq!(guard.check("::ffff:127.0.0.1".parse().expect("an address")), Ok(()));
        assert_eq!(guard.check("10.2.0.1".parse().expect("an address")), Err(NotAllowed::Private));
        let check = |url: &str| guard.check_literal(&url.parse().expect("a URL"));
        assert_eq!(check("http://127.0.0.1:80/"), Ok(()));
        assert_eq!(check("http://2130706434/"), Err(NotAllowed::Private), "127.0.0.2 written as a number");
        assert_eq!(check("http://[::1]/"), Err(NotAllowed::Private));
    }

    #[test]
    fn without_encryption_only_own_networks_are_called_unless_all_are() {
        let guard = AddressGuard::new(vec!["10.1.0.0/16".parse().expect("a network")]);
        let check = |guard: &AddressGuard, url: &str| guard.check_literal(&url.parse().expect("a URL"));
        assert_eq!(check(&guard, "https://93.184.216.34/"), Ok(()));
        assert_eq!(check(&guard, "http://93.184.216.34/"), Err(NotAllowed::Plain));
        assert_eq!(check(&guard, "http://10.1.2.3/"), Ok(()));
        assert_eq!(check(&guard, "http://10.2.2.3/"), Err(NotAllowed::Private));
        let open = guard.with_plain(true);
        assert_eq!(check(&open, "http://93.184.216.34/"), Ok(()));
        assert_eq!(check(&open, "http://10.2.2.3/"), Err(NotAllowed::Private));
    }

    #[tokio::test]
    async fn names_are_checked_after_they_were_resolved() {
        let resolved = |guard: AddressGuard| async move {
            guard.resolve("localhost".parse().expect("a name")).await.map(|all| all.count())
        };
        assert!(resolved(AddressGuard::default()).await.is_err_and(|error| error.is::<NotAllowed>()));
        let loopback = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
        assert!(resolved(AddressGuard::new(loopback.to_vec())).await.is_ok_and(|many| many > 0));
    }
}
