//! Where the fuzzers begin: the golden vectors, and what a stock client says.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

const EVENTS: &str = include_str!("../../../../sdk-core/vectors/events.json");
const CURSORS: &str = include_str!("../../../../sdk-core/vectors/cursors.json");
const TOKENS: &str = include_str!("../../../../sdk-core/vectors/tokens.json");
const SIGNATURES: &str = include_str!("../../../../sdk-core/vectors/signatures.json");

/// The seeds of a check; none of them is longer than [`crate::MAX_INPUT`].
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut seeds = match name {
        "frame" => frames(),
        "payload" => texts(&PAYLOADS),
        "packet" => texts(&PACKETS),
        "event" => events(),
        "cursor" => cursors(),
        "token" => tokens(),
        "signature" => signatures(),
        _ => Vec::new(),
    };
    seeds.retain(|seed| seed.len() <= crate::MAX_INPUT);
    seeds.sort();
    seeds.dedup();
    seeds
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const PAYLOADS: [&str; 9] = [
    r#"40{"token":"a.b.c","cursor":"0000000000000abc-7"}"#,
    "3\x1e42[\"relay:refresh\",{\"token\":\"t\"}]",
    "2\x1e2probe\x1e3\x1e3probe\x1e5\x1e6",
    "1",
    "4\u{e9}\u{1F600}\x1e4",
    "bAQIDBA==",
    "bAQIDBA",
    "\x1e4a\x1e\x1e",
    "0{}",
];

const PACKETS: [&str; 16] = [
    "0",
    r#"0{"token":"a.b.c","cursor":"0000000000000abc-7"}"#,
    r#"0{"token":"\ud800","cursor":null}"#,
    "0/admin,",
    r#"0/admin?a=b,{"token":"t"}"#,
    "1",
    "1/admin,",
    r#"2["relay:refresh",{"token":"a.b.c"}]"#,
    r#"212["relay:refresh", {"token":"a.b.c"} ]"#,
    r#"2/admin,7["\u0061",null,3]"#,
    r#"299999999999999999999["a"]"#,
    r#"31["a"]"#,
    r#"4{"message":"m"}"#,
    r#"51-["a",{"_placeholder":true,"num":0}]"#,
    r#"61-/admin,7[{"_placeholder":true,"num":0}]"#,
    "7",
];

/// Of RFC 6455 §5.7 and of what it forbids; five bytes of the check's own before each.
fn frames() -> Vec<Vec<u8>> {
    let frame = |first: u8, payload: &[u8]| {
        let mask = [0x37, 0xFA, 0x21, 0x3D];
        let mut bytes = vec![first];
        match u8::try_from(payload.len()) {
            Ok(length @ 0..=125) => bytes.push(0x80 | length),
            _ => {
                bytes.push(0x80 | 126);
                bytes.extend(
                    u16::try_from(payload.len())
                        .unwrap_or(u16::MAX)
                        .to_be_bytes(),
                );
            }
        }
        bytes.extend(mask);
        bytes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    };
    let streams = [
        frame(0x81, "H\u{e9}llo \u{1F600}".as_bytes()),
        [frame(0x01, b"Hel"), frame(0x89, b"p"), frame(0x80, b"lo")].concat(),
        [
            frame(0x02, &[0xFF; 200]),
            frame(0x00, b""),
            frame(0x80, &[1; 100]),
        ]
        .concat(),
        [
            frame(0x8A, b""),
            frame(0x88, b"\x03\xE8bye"),
            frame(0x81, b"late"),
        ]
        .concat(),
        frame(0x82, &[7; 300]),
        frame(0x82, &[7; 301]),
        frame(0x88, b""),
        frame(0x88, b"\x03\xF6"),
        frame(0x88, b"\x03\xED"),
        frame(0x89, &[1; 125]),
        frame(0x09, b""),
        frame(0xC1, b""),
        frame(0x83, b""),
        frame(0x80, b""),
        frame(0x81, b"\xE2\x82"),
        [frame(0x01, b"\xE2\x82"), frame(0x80, b"\xAC")].concat(),
        vec![0x81, 0x05, b'H', b'e', b'l', b'l', b'o'],
        vec![0x81, 0xFE, 0, 1, 0, 0, 0, 0, b'a'],
        vec![0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    ];
    let prefixed = |(at, stream): (u8, &Vec<u8>)| [&[at, at << 4, 0, 0, 0], &stream[..]].concat();
    (0..).zip(&streams).map(prefixed).collect()
}

fn read(vectors: &str) -> Value {
    serde_json::from_str(vectors).expect("vectors are JSON")
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn events() -> Vec<Vec<u8>> {
    let vectors = read(EVENTS);
    let batch = &vectors["batch"];
    let lists = ["accept", "reject", "badJson"].map(|name| &vectors[name]);
    let cases = lists
        .into_iter()
        .chain([&batch["accept"], &batch["reject"]]);
    let body = |case: &Value| {
        if let Some(bytes) = case["bodyBase64"].as_str() {
            return BASE64_STANDARD.decode(bytes).expect("base64");
        }
        let body = case["body"].as_str().unwrap_or_default();
        let fill = &case["fill"];
        let times = fill["times"]
            .as_u64()
            .and_then(|times| usize::try_from(times).ok());
        let text = fill["text"].as_str().unwrap_or_default();
        let text = text.repeat(times.unwrap_or_default());
        body.replace("%FILL%", &text).into_bytes()
    };
    cases.flat_map(each).map(body).collect()
}

fn cursors() -> Vec<Vec<u8>> {
    let vectors = read(CURSORS);
    let valid = each(&vectors["valid"]).map(|case| &case["text"]);
    let texts = valid
        .chain(each(&vectors["invalid"]))
        .filter_map(Value::as_str);
    texts.map(|text| text.as_bytes().to_vec()).collect()
}

/// Each as it is, and as header and claims that the check signs.
fn tokens() -> Vec<Vec<u8>> {
    let vectors = read(TOKENS);
    let lists = ["verify", "mint", "signature", "jws"].map(|name| &vectors[name]);
    let cases = lists.into_iter().flat_map(each);
    let texts = cases.filter_map(|case| case["token"].as_str().or(case["text"].as_str()));
    let mut seeds = Vec::new();
    for text in texts {
        seeds.push(text.as_bytes().to_vec());
        let mut parts = text
            .split('.')
            .map(|part| BASE64_URL_SAFE_NO_PAD.decode(part));
        if let (Some(Ok(header)), Some(Ok(claims))) = (parts.next(), parts.next()) {
            seeds.push([&header[..], b"\n", &claims[..]].concat());
        }
    }
    seeds
}

fn signatures() -> Vec<Vec<u8>> {
    let vectors = read(SIGNATURES);
    let verify = each(&vectors["verify"]).map(|case| (&case["headers"], case));
    let sign = each(&vectors["sign"]).map(|case| (case, case));
    let seed = |(headers, case): (&Value, &Value)| {
        let line = |name: &str| match &headers[name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let body = case["body"].as_str().unwrap_or_default();
        [
            line("id"),
            line("timestamp"),
            line("signature"),
            body.to_owned(),
        ]
        .join("\n")
        .into_bytes()
    };
    verify.chain(sign).map(seed).collect()
}
