use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use forge_relay_core::token::{
    Issuer, NewToken, TokenError, TokenRules, looks_like_jws, mint, peek_issuer, verify,
};
use forge_relay_core::{Claims, Code, KeyRing, SessionId};
use serde_json::Value;

use crate::{NOW, SECRETS, hmac, json, keys};

const RULES: TokenRules<'_> = TokenRules {
    max_life: 300,
    leeway: 10,
    issuer: Issuer::Optional("app"),
};

/// A token; or, if it begins with `{`, the header and, after a line's end, the claims of one that is signed here.
///
/// A token that is taken has a good header, a signature by one of the keys, and claims that keep the contract's rules,
/// written down once more here. One that is signed here, with a plain header, gets exactly the code of these rules.
/// None is taken with one character changed, and what is minted is taken.
pub fn token(data: &[u8]) {
    let ring = KeyRing::parse(SECRETS).expect("the vectors' secrets");
    if !data.starts_with(b"{") {
        if let Ok(text) = std::str::from_utf8(data) {
            let _ = judge(&ring, text);
            minted(&ring, text);
        }
        return;
    }
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (parts.next().unwrap(), parts.next().unwrap_or_default());
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", encode(header), encode(claims));
    let key = &keys()[claims.len() % 2];
    let token = format!("{text}.{}", encode(&hmac(key, text.as_bytes())));
    let verdict = judge(&ring, &token);
    if is_plain(header)
        && token.len() <= 8 * 1024
        && let Ok(claims) = std::str::from_utf8(claims)
    {
        let verdict = verdict.map(|_| ()).map_err(|error| error.code());
        assert_eq!(verdict, expected(claims), "{claims}");
    }
    changed(&ring, &token);
}

/// What holds for every token, whoever made it.
fn judge(ring: &KeyRing, token: &str) -> Result<Claims, TokenError> {
    let verdict = verify(ring, token, &RULES, NOW);
    let issuer = peek_issuer(token);
    let Ok(claims) = &verdict else {
        return verdict;
    };
    assert!(looks_like_jws(token));
    assert_eq!(issuer.as_ref(), Ok(&claims.iss));
    let [header, sent, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("not three parts");
    };
    let decode = |part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!(
        (&header["alg"], &header["crit"]),
        (&"HS256".into(), &Value::Null)
    );
    let (signed, _) = token.rsplit_once('.').unwrap();
    let by = |key: Vec<u8>| hmac(&key, signed.as_bytes()).to_vec() == decode(signature);
    assert!(keys().into_iter().any(by), "nobody signed it");
    if let Ok(sent) = String::from_utf8(decode(sent)) {
        assert_eq!(expected(&sent), Ok(()), "{sent}");
    }
    verdict
}

/// A header that any library writes.
fn is_plain(header: &[u8]) -> bool {
    let Some(fields) = std::str::from_utf8(header).ok().and_then(json::fields) else {
        return false;
    };
    let string = |name: &str| json::once(&fields, name).and_then(json::string);
    let plain =
        |name: &str| name == "alg" || string(name).is_some() && ["typ", "kid"].contains(&name);
    string("alg").as_deref() == Some("HS256") && fields.iter().all(|(name, _)| plain(name))
}

const KNOWN: [&str; 8] = [
    "sub",
    "sessionId",
    "scope",
    "exp",
    "iat",
    "jti",
    "nbf",
    "iss",
];

/// The contract's rules for claims; where several are broken, what no waiting cures comes first.
fn expected(claims: &str) -> Result<(), Code> {
    let invalid = || Code::TokenInvalid;
    let fields = json::fields(claims).ok_or_else(invalid)?;
    // A claim that is null is none.
    let claim = |name: &str| json::once(&fields, name).filter(|value| *value != "null");
    let sent = |name: &str| fields.iter().filter(|(field, _)| field == name).count();
    let text = |name: &str, max: usize| {
        let text = claim(name).and_then(json::string);
        text.filter(|text| (1..=max).contains(&text.chars().count()))
    };
    let time = |name: &str| {
        let time = claim(name).and_then(|text| text.parse::<i64>().ok().filter(|_| text != "-0"));
        time.filter(|time| (0..=(1 << 53) - 1).contains(time))
    };
    let session = text("sessionId", 128).filter(|text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._:~-".contains(c);
        text.chars().all(allowed)
    });
    let issuer = claim("iss").map(json::string);
    let good = KNOWN.iter().all(|name| sent(name) <= 1)
        && text("sub", 256).is_some()
        && text("jti", 128).is_some()
        && session.is_some()
        && (claim("nbf").is_none() || time("nbf").is_some())
        && issuer != Some(None);
    let (Some(exp), Some(iat), true) = (time("exp"), time("iat"), good) else {
        return Err(Code::TokenInvalid);
    };
    let scope = claim("scope").map(serde_json::from_str::<Vec<String>>);
    match (scope, issuer) {
        _ if exp <= iat => Err(Code::TokenInvalid),
        (Some(Err(_)), _) => Err(Code::TokenInvalid),
        (None, _) => Err(Code::ScopeMissing),
        (_, Some(Some(issuer))) if issuer != "app" => Err(Code::TokenInvalid),
        (Some(Ok(scope)), _) if !scope.iter().any(|scope| scope == "subscribe") => {
            Err(Code::ScopeMissing)
        }
        _ if exp - iat > 300 => Err(Code::TokenTooLongLived),
        _ if iat.max(time("nbf").unwrap_or(0)) > NOW + 10 => Err(Code::TokenNotYetValid),
        _ if exp + 10 < NOW => Err(Code::TokenExpired),
        _ => Ok(()),
    }
}

/// One character of the token is another: nobody signed that.
fn changed(ring: &KeyRing, token: &str) {
    let at = hmac(b"where", token.as_bytes());
    let at = usize::from(u16::from_le_bytes([at[0], at[1]])) % token.len();
    let mut other = token.as_bytes().to_vec();
    other[at] = if other[at] == b'A' { b'B' } else { b'A' };
    let other = String::from_utf8(other).unwrap();
    assert!(verify(ring, &other, &RULES, NOW).is_err(), "{other}");
}

/// What is minted for a text, as account and as session, is taken, and says that.
fn minted(ring: &KeyRing, text: &str) {
    let session = SessionId::parse(text);
    let plain = SessionId::parse("s").unwrap();
    let new = NewToken {
        account_id: text,
        session_id: session.as_ref().unwrap_or(&plain),
        expires_in: 1 + u32::try_from(text.len()).unwrap() % 300,
        issuer: Some("app"),
    };
    if let Ok(minted) = mint(ring, &new, NOW, "jti-1") {
        let claims = judge(ring, &minted.token).expect("it was minted here");
        assert_eq!(
            (claims.sub.as_str(), &claims.session_id),
            (text, new.session_id)
        );
        assert_eq!((claims.exp, claims.iat), (minted.expires_at, NOW));
        changed(ring, &minted.token);
    } else {
        assert!(text.is_empty() || text.chars().count() > 256);
    }
}
