//! Which web pages may connect: the patterns of `allowed_origins`.

use std::fmt;

/// One entry of `allowed_origins`: what the `Origin` header of a browser is held against.
///
/// | pattern | matches |
/// |---|---|
/// | `https://app.example.com` | this origin only; default ports may be written or left out |
/// | `https://*.cdn.prod.atlassian-dev.net` | exactly one label in place of `*`, never none and never two |
/// | `http://localhost:*` | every port, the default port too |
/// | `null` | the opaque origin of sandboxed frames and files |
/// | `*` | everything, `null` too |
///
/// ```
/// use forge_relay::OriginPattern;
///
/// let forge = OriginPattern::parse("https://*.cdn.prod.atlassian-dev.net")?;
/// assert!(forge.matches("https://3f2a.cdn.prod.atlassian-dev.net"));
/// assert!(!forge.matches("https://a.b.cdn.prod.atlassian-dev.net"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Pattern {
    Any,
    Null,
    Tuple {
        scheme: String,
        host: HostPattern,
        port: PortPattern,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum HostPattern {
    Exact(String),
    /// What follows the one label, with its leading dot: a suffix that starts with the dot cannot
    /// match in the middle of a name (`evil-example.com` is not under `.example.com`).
    OneLabelBefore(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PortPattern {
    /// `None` is a scheme without a known default and no port written.
    Exact(Option<u16>),
    Any,
}

impl OriginPattern {
    /// Reads one pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong and how to write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "*" => return Ok(Self(Pattern::Any)),
            "null" => return Ok(Self(Pattern::Null)),
            _ => {}
        }
        let (scheme, host, port) = split(text).ok_or_else(|| {
            format!("`{text}` is not an origin: write it as `https://host` or `https://host:port`")
        })?;
        if host.contains(['/', '?', '#']) || port.is_some_and(|p| p.contains('/')) {
            return Err(format!(
                "`{text}` has a path: an origin ends after the host and port"
            ));
        }
        if !is_scheme(scheme) {
            return Err(format!(
                "`{text}` has no valid scheme: start it with `https://`"
            ));
        }
        let scheme = scheme.to_ascii_lowercase();
        let host = parse_host(text, &host.to_ascii_lowercase())?;
        let port = match port {
            Some("*") => PortPattern::Any,
            Some(port) => PortPattern::Exact(Some(parse_port(port).ok_or_else(|| {
                format!("`{text}` has no valid port: write 1 to 65535, or `*` for every port")
            })?)),
            None => PortPattern::Exact(default_port(&scheme)),
        };
        Ok(Self(Pattern::Tuple { scheme, host, port }))
    }

    /// Whether a request with this `Origin` header may connect.
    #[must_use]
    pub fn matches(&self, origin: &str) -> bool {
        match &self.0 {
            Pattern::Any => true,
            Pattern::Null => origin == "null",
            Pattern::Tuple { scheme, host, port } => {
                let Some((their_scheme, their_host, their_port)) = split(origin) else {
                    return false;
                };
                let their_port = match their_port {
                    Some(text) => match parse_port(text) {
                        Some(port) => Some(port),
                        None => return false,
                    },
                    None => default_port(scheme),
                };
                scheme.eq_ignore_ascii_case(their_scheme)
                    && host.matches(their_host)
                    && match port {
                        PortPattern::Any => true,
                        PortPattern::Exact(port) => *port == their_port,
                    }
            }
        }
    }

    /// Whether this is `*` alone, which an operator may want to be warned about.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0 == Pattern::Any
    }
}

impl HostPattern {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name.eq_ignore_ascii_case(host),
            Self::OneLabelBefore(suffix) => {
                let Some(label_end) = host.len().checked_sub(suffix.len()) else {
                    return false;
                };
                // The header is bytes of a stranger: a cut inside a character is no match.
                let (Some(label), Some(rest)) = (host.get(..label_end), host.get(label_end..))
                else {
                    return false;
                };
                is_label(label) && rest.eq_ignore_ascii_case(suffix)
            }
        }
    }
}

/// As it is written in the configuration, in lower case, without default ports.
impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Any => f.write_str("*"),
            Pattern::Null => f.write_str("null"),
            Pattern::Tuple { scheme, host, port } => {
                write!(f, "{scheme}://")?;
                match host {
                    HostPattern::Exact(name) => f.write_str(name)?,
                    HostPattern::OneLabelBefore(suffix) => write!(f, "*{suffix}")?,
                }
                match port {
                    PortPattern::Any => f.write_str(":*"),
                    PortPattern::Exact(Some(port)) if Some(*port) != default_port(scheme) => {
                        write!(f, ":{port}")
                    }
                    PortPattern::Exact(_) => Ok(()),
                }
            }
        }
    }
}

/// Scheme, host and port, unchecked. The colon of a port is the one after an IPv6 literal's bracket.
fn split(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let (scheme, rest) = text.split_once("://")?;
    let after_literal = rest.find(']').map_or(0, |at| at + 1);
    let (host, port) = match rest[after_literal..].find(':') {
        Some(at) => (
            &rest[..after_literal + at],
            Some(&rest[after_literal + at + 1..]),
        ),
        None => (rest, None),
    };
    (!host.is_empty()).then_some((scheme, host, port))
}

fn parse_host(text: &str, host: &str) -> Result<HostPattern, String> {
    if let Some(literal) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return match literal.parse::<std::net::Ipv6Addr>() {
            // Browsers send the shortest form, so that is what the comparison needs.
            Ok(address) => Ok(HostPattern::Exact(format!("[{address}]"))),
            Err(_) => Err(format!(
                "`{text}` has no valid IPv6 address between its brackets"
            )),
        };
    }
    let (name, wildcard) = match host.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (host, false),
    };
    if name.contains('*') {
        return Err(format!(
            "`{text}`: a `*` in the host stands for one whole label at its start, as in \
             `https://*.example.com`; `*` alone allows every origin"
        ));
    }
    if !name.is_ascii() {
        return Err(format!(
            "`{text}`: write the host as browsers send it, in punycode (`xn--…`)"
        ));
    }
    if !name.split('.').all(is_label) {
        return Err(format!(
            "`{text}` has no valid host: write it as `https://host`"
        ));
    }
    Ok(if wildcard {
        HostPattern::OneLabelBefore(format!(".{name}"))
    } else {
        HostPattern::Exact(name.to_owned())
    })
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|port| *port != 0)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const FORGE: &str = "https://*.cdn.prod.atlassian-dev.net";

    #[test]
    fn patterns_match_what_they_say_and_nothing_else() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                FORGE,
                &[
                    "https://abc.cdn.prod.atlassian-dev.net",
                    "https://ABC.CDN.prod.atlassian-dev.net",
                    "https://abc.cdn.prod.atlassian-dev.net:443",
                    "HTTPS://a_b-1.cdn.prod.atlassian-dev.net",
                ],
                &[
                    "https://cdn.prod.atlassian-dev.net",
                    "https://.cdn.prod.atlassian-dev.net",
                    "https://a.b.cdn.prod.atlassian-dev.net",
                    "http://abc.cdn.prod.atlassian-dev.net",
                    "https://abc.cdn.prod.atlassian-dev.net:8443",
                    "https://abc.cdn.prod.atlassian-dev.net.evil.com",
                    "https://abccdn.prod.atlassian-dev.net",
                    "https://evil.com/.cdn.prod.atlassian-dev.net",
                    "https://evil.com#.cdn.prod.atlassian-dev.net",
                    "https://user@.cdn.prod.atlassian-dev.net",
                    "null",
                    "",
                    "*",
                ],
            ),
            (
                "https://app.example.com",
                &["https://app.example.com", "https://app.example.com:443"],
                &[
                    "https://app.example.com:444",
                    "https://app.example.com.",
                    "https://app.example.com/",
                    "https://app.example.com:",
                    "https://app.example.com:0443x",
                    "https://example.com",
                    "app.example.com",
                ],
            ),
            (
                "https://Example.com:443",
                &["https://example.com"],
                &["http://example.com:443"],
            ),
            (
                "http://localhost:*",
                &[
                    "http://localhost",
                    "http://localhost:3000",
                    "http://LOCALHOST:65535",
                ],
                &[
                    "https://localhost:3000",
                    "http://localhost:x",
                    "http://localhost:70000",
                ],
            ),
            (
                "http://[::1]:*",
                &["http://[::1]:3000", "http://[::1]"],
                &["http://[::2]:3000"],
            ),
            ("http://[0:0::1]", &["http://[::1]"], &["http://[::1]:81"]),
            (
                "chrome-extension://abcdef",
                &["chrome-extension://abcdef"],
                &["https://abcdef"],
            ),
            ("null", &["null"], &["NULL", "https://null", ""]),
            ("*", &["null", "https://anything.example", "nonsense"], &[]),
        ];
        for (pattern, yes, no) in cases {
            let parsed = OriginPattern::parse(pattern).unwrap();
            for origin in *yes {
                assert!(parsed.matches(origin), "{pattern} must match {origin}");
            }
            for origin in *no {
                assert!(!parsed.matches(origin), "{pattern} must not match {origin}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_a_cure() {
        let cases = [
            ("", "not an origin"),
            ("app.example.com", "https://host"),
            ("https://", "not an origin"),
            ("https://example.com/", "has a path"),
            ("https://example.com:443/x", "has a path"),
            ("https://*", "one whole label"),
            ("https://a*.example.com", "one whole label"),
            ("https://*.*.example.com", "one whole label"),
            ("https://example.*", "one whole label"),
            ("https://example..com", "no valid host"),
            ("https://user@example.com", "no valid host"),
            ("https://example.com:0", "no valid port"),
            ("https://example.com:port", "no valid port"),
            ("https://example.com:", "no valid port"),
            ("https://bücher.example", "punycode"),
            ("https://[::g]", "IPv6"),
            ("1https://example.com", "no valid scheme"),
            ("*://example.com", "no valid scheme"),
        ];
        for (text, cure) in cases {
            let error = OriginPattern::parse(text).unwrap_err();
            assert!(error.contains(cure), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(pattern in ".*", origin in ".*") {
            if let Ok(pattern) = OriginPattern::parse(&pattern) {
                let _ = pattern.matches(&origin);
            }
            let _ = OriginPattern::parse(FORGE).unwrap().matches(&origin);
        }

        #[test]
        fn an_origin_matches_itself_and_its_display_is_the_same_pattern(
            scheme in "https?", host in "[a-zA-Z0-9-]{1,9}(\\.[a-z0-9-]{1,9}){0,3}", port in proptest::option::of(1u16..),
        ) {
            let port = port.map(|p| format!(":{p}")).unwrap_or_default();
            let origin = format!("{scheme}://{host}{port}");
            let pattern = OriginPattern::parse(&origin).unwrap();
            prop_assert!(pattern.matches(&origin));
            prop_assert_eq!(OriginPattern::parse(&pattern.to_string()).unwrap(), pattern);
        }

        #[test]
        fn a_wildcard_is_exactly_one_label(labels in proptest::collection::vec("[a-z0-9-]{1,8}", 0..4)) {
            let mut host = labels.join(".");
            if !host.is_empty() { host.push('.'); }
            let origin = format!("https://{host}cdn.prod.atlassian-dev.net");
            prop_assert_eq!(OriginPattern::parse(FORGE).unwrap().matches(&origin), labels.len() == 1);
        }
    }
}
