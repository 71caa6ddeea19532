use forge_relay::fuzz::{self, Said};
use forge_relay_core::Code;
use forge_relay_core::message::{Handshake, Refresh};
use serde_json::value::RawValue;

use crate::json;

/// A packet is read as socket.io-parser, the library of the stock clients, writes and reads it; what was understood and
/// is written again is understood as the same; and the relay's answers in its namespace are of that namespace to a
/// stock client.
pub fn packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let said = fuzz::packet(text).ok();
    assert_eq!(said, expected(text), "{text:?}");
    let Some(said) = said else {
        return;
    };
    if said != Said::Nothing {
        assert_eq!(fuzz::packet(&written(&said)).as_ref(), Ok(&said));
    }
    match &said {
        Said::Connect(namespace, auth) => {
            for frame in fuzz::answers(namespace) {
                answers(namespace, &frame);
            }
            handshake(auth.as_deref());
        }
        Said::Disconnect(_) | Said::Nothing => {}
        Said::Event(_, _, data, _) => refresh(data.as_deref().unwrap_or_default()),
    }
}

/// The parts of a packet: type, namespace with its query, id, and the rest.
fn parts(text: &str) -> Option<(char, &str, &str, &str)> {
    let mut chars = text.chars();
    let (kind, rest) = (chars.next()?, chars.as_str());
    let (namespace, rest) = if rest.starts_with('/') {
        rest.split_once(',').unwrap_or((rest, ""))
    } else {
        ("/", rest)
    };
    let id = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, data) = rest.split_at(id);
    Some((kind, namespace, id, data))
}

fn expected(text: &str) -> Option<Said> {
    let (kind, namespace, id, data) = parts(text)?;
    let (namespace, _) = namespace.split_once('?').unwrap_or((namespace, ""));
    let namespace = namespace.to_owned();
    // An id that cannot be answered is none.
    let id = id.parse().ok().filter(|_| data.starts_with(['[', '{']));
    match kind {
        '0' => {
            let auth = (!data.is_empty()).then(|| data.to_owned());
            Some(Said::Connect(namespace, auth))
        }
        '1' => Some(Said::Disconnect(namespace)),
        '2' => {
            let arguments: Vec<&RawValue> = serde_json::from_str(data).ok()?;
            let name = json::string(arguments.first()?.get())?;
            let data = arguments.get(1).map(|data| data.get().to_owned());
            Some(Said::Event(namespace, name, data, id))
        }
        '3' => id.map(|_: i64| Said::Nothing),
        _ => None,
    }
}

fn written(said: &Said) -> String {
    let to = |namespace: &str| match namespace {
        "/" => String::new(),
        other => format!("{other},"),
    };
    match said {
        Said::Connect(namespace, auth) => {
            // `auth` may be any text, another namespace too.
            format!("0{namespace},{}", auth.as_deref().unwrap_or_default())
        }
        Said::Disconnect(namespace) => format!("1{}", to(namespace)),
        Said::Event(namespace, name, data, id) => {
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            let mut arguments = serde_json::to_string(name).unwrap();
            if let Some(data) = data {
                arguments = format!("{arguments}, {data}");
            }
            format!("2{}{id}[{arguments}]", to(namespace))
        }
        Said::Nothing => String::new(),
    }
}

/// An answer is one frame, of one Engine.IO message, of one packet of this namespace.
fn answers(namespace: &str, frame: &[u8]) {
    let text = crate::frame::text_of(frame);
    let (kind, to, id, data) = parts(text.strip_prefix('4').unwrap()).unwrap();
    assert_eq!((to, id), (namespace, ""), "{text}");
    match kind {
        '1' => assert_eq!(data, ""),
        _ => assert!(json::fields(data).is_some(), "{text}"),
    }
}

/// Both fields are strings, the cursor may be null, and of several of a name the last counts.
fn handshake(auth: Option<&str>) {
    let handshake = Handshake::parse(auth);
    let Some(auth) = auth else {
        assert_eq!(handshake, Ok(Handshake::default()));
        return;
    };
    match handshake {
        Err(error) => assert_eq!(error.code, Code::BadHandshake),
        Ok(handshake) => {
            let Some(fields) = json::fields(auth) else {
                // A name in it is half a character; else it is an object all the same.
                assert!(auth.contains("\\u"), "{auth}");
                return;
            };
            let last = |name| fields.iter().rev().find(|(field, _)| field == name);
            let sent =
                |name| last(name).and_then(|(_, raw)| Some(raw.get()).filter(|raw| *raw != "null"));
            for (got, sent) in [
                (handshake.token, sent("token")),
                (handshake.cursor, sent("cursor")),
            ] {
                assert_eq!(got.is_some(), sent.is_some(), "{auth}");
                if let Some(text) = sent.and_then(json::string) {
                    assert_eq!(got, Some(text), "{auth}");
                }
            }
        }
    }
}

fn refresh(data: &str) {
    match Refresh::parse(data) {
        Ok(refresh) => {
            let fields = json::fields(data);
            if let Some((_, token)) = fields
                .iter()
                .flatten()
                .rev()
                .find(|(name, _)| name == "token")
                && let Some(token) = json::string(token.get())
            {
                assert_eq!(refresh.token, token);
            }
        }
        Err(error) => assert!(matches!(error.code, Code::BadMessage | Code::TokenMissing)),
    }
}
