//! Who is at the other end, where proxies stand in between.
//!
//! ```text
//!  browser ── proxy A ── proxy B ── relay        X-Forwarded-For: (whatever the browser wrote), browser, A
//! ```
//! The list grows at its right end, so it is read from there: as long as the address at hand is a trusted
//! proxy's, the next one to the left is what that proxy saw. The first address that is not trusted is the
//! client's; everything left of it is the client's own word, and is not looked at.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What the accept loop knows of a connection; it puts one into the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The other end of the TCP connection.
    pub(crate) address: SocketAddr,
    /// Whether the relay itself ended TLS on it.
    pub(crate) tls: bool,
}

/// The client behind the trusted proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address; IPv4 addresses are never in their IPv6-mapped form.
    pub(crate) address: IpAddr,
    /// Whether it came by https.
    pub(crate) https: bool,
}

impl Client {
    /// Reads the forwarding headers as far as the `trusted` networks vouch for them.
    pub(crate) fn behind(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let mut address = peer.address.ip().to_canonical();
        let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        if trusted.is_empty() || !is_trusted(&address) {
            return Self {
                address,
                https: peer.tls,
            };
        }
        let mut hops: usize = 0;
        for entry in list(headers, &FORWARDED_FOR).rev() {
            if !is_trusted(&address) {
                break;
            }
            let Some(next) = parse_address(entry) else {
                break;
            };
            address = next;
            hops += 1;
        }
        Self {
            address,
            https: scheme(headers, hops.max(1)).unwrap_or(peer.tls),
        }
    }
}

/// The scheme at the far side of the outermost trusted proxy. Proxies either append to the header, as they do
/// with the addresses, or replace it; a list shorter than the way is of the second kind.
fn scheme(headers: &HeaderMap, hops: usize) -> Option<bool> {
    let mut entries = list(headers, &FORWARDED_PROTO).rev();
    let mut outermost = entries.next()?;
    for entry in entries.take(hops - 1) {
        outermost = entry;
    }
    Some(outermost.eq_ignore_ascii_case("https"))
}

/// A list header's entries in order, over all its lines.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or("").split(','))
        .map(str::trim)
}

/// An address as proxies write it: bare, bracketed, or with a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()))
        .or_else(|_| {
            text.trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
        })
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn resolve(peer: &str, forwarded_for: &[&str], proto: &[&str], trusted: &[&str]) -> Client {
        let mut headers = HeaderMap::new();
        for value in forwarded_for {
            headers.append(&FORWARDED_FOR, value.parse().unwrap());
        }
        for value in proto {
            headers.append(&FORWARDED_PROTO, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let peer = Peer {
            address: SocketAddr::new(peer.parse().unwrap(), 1),
            tls: false,
        };
        Client::behind(peer, &headers, &trusted)
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_reach() {
        let ten: &[&str] = &["10.0.0.0/8"];
        let cases: &[(&str, &[&str], &[&str], &str)] = &[
            ("203.0.113.9", &["198.51.100.1"], ten, "203.0.113.9"),
            ("10.0.0.1", &[], ten, "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], ten, "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], ten, "198.51.100.1"),
            (
                "10.0.0.1",
                &["1.1.1.1, 198.51.100.1, 10.0.0.2"],
                ten,
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &["1.1.1.1", "198.51.100.1,10.0.0.2"],
                ten,
                "198.51.100.1",
            ),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], ten, "10.0.0.3"),
            (
                "10.0.0.1",
                &["198.51.100.1, unknown, 10.0.0.2"],
                ten,
                "10.0.0.2",
            ),
            ("10.0.0.1", &["198.51.100.1:4711"], ten, "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], ten, "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], ten, "2001:db8::1"),
            (
                "::ffff:10.0.0.1",
                &["::ffff:198.51.100.1"],
                ten,
                "198.51.100.1",
            ),
            ("10.0.0.1", &["198.51.100.1"], &[], "10.0.0.1"),
            ("fd00::1", &["2001:db8::5"], &["fd00::/8"], "2001:db8::5"),
        ];
        for (peer, forwarded, trusted, expected) in cases {
            let client = resolve(peer, forwarded, &[], trusted);
            assert_eq!(
                client.address.to_string(),
                *expected,
                "{peer} {forwarded:?} {trusted:?}"
            );
        }
    }

    #[test]
    fn the_scheme_is_the_outermost_trusted_proxys() {
        let ten: &[&str] = &["10.0.0.0/8"];
        let cases: &[(&str, &[&str], &[&str], bool)] = &[
            ("203.0.113.9", &[], &["https"], false),
            ("10.0.0.1", &[], &["https"], true),
            ("10.0.0.1", &["1.1.1.1"], &["HTTPS"], true),
            ("10.0.0.1", &["1.1.1.1"], &["http"], false),
            ("10.0.0.1", &["1.1.1.1"], &[], false),
            ("10.0.0.1", &["1.1.1.1"], &["https, http"], false),
            ("10.0.0.1", &["1.1.1.1, 10.0.0.2"], &["https, http"], true),
            ("10.0.0.1", &["1.1.1.1, 10.0.0.2"], &["https"], true),
            (
                "10.0.0.1",
                &["1.1.1.1, 10.0.0.2"],
                &["https, http, http"],
                false,
            ),
        ];
        for (peer, forwarded, proto, https) in cases {
            let client = resolve(peer, forwarded, proto, ten);
            assert_eq!(client.https, *https, "{peer} {forwarded:?} {proto:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics_and_no_stranger_is_believed(lines in proptest::collection::vec("[ -~]{0,40}", 0..4)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let client = resolve("203.0.113.9", &lines, &lines, &["10.0.0.0/8"]);
            prop_assert_eq!(client.address.to_string(), "203.0.113.9");
            prop_assert!(!client.https);
            let _ = resolve("10.0.0.1", &lines, &lines, &["10.0.0.0/8"]);
        }

        #[test]
        fn what_a_client_writes_never_moves_its_address(
            forged in "[ -~]{0,60}", a in any::<[u8; 4]>(),
        ) {
            let real = IpAddr::from(a);
            prop_assume!(a[0] != 10);
            let client = resolve("10.0.0.1", &[&format!("{forged},{real}")], &[], &["10.0.0.0/8"]);
            prop_assert_eq!(client.address, real);
        }
    }
}
