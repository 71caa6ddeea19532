use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engineioxide_core::Packet;
use forge_relay::fuzz;

/// As large as a payload may be.
const LIMIT: u64 = 1024;

/// A payload is read as <https://socket.io/docs/v4/engine-io-protocol/#packet-encoding> says, and a packet that is
/// written again is read as the same.
pub fn payload(data: &[u8]) {
    let (packets, whole) = fuzz::payload(data, LIMIT);
    assert!(packets.len() <= data.len());
    if data.len() as u64 > LIMIT {
        assert!(!whole && packets.is_empty());
        return;
    }
    let (expected, all) = expected(data);
    assert_eq!((&packets, whole), (&expected, all));

    for packet in packets {
        let text = String::from(packet.clone());
        if text.len() as u64 <= LIMIT {
            assert_eq!(fuzz::payload(text.as_bytes(), LIMIT), (vec![packet], true));
        }
    }
}

fn expected(data: &[u8]) -> (Vec<Packet>, bool) {
    let mut parts: Vec<&[u8]> = data.split(|byte| *byte == 0x1e).collect();
    // What follows the last separator is a packet only if there is something.
    if parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    let mut packets = Vec::new();
    for part in parts {
        let Some(packet) = std::str::from_utf8(part).ok().and_then(packet) else {
            return (packets, false);
        };
        packets.push(packet);
    }
    (packets, true)
}

fn packet(text: &str) -> Option<Packet> {
    let mut chars = text.chars();
    let (kind, data) = (chars.next()?, chars.as_str());
    Some(match (kind, data) {
        ('1', _) => Packet::Close,
        ('2', "probe") => Packet::PingUpgrade,
        ('2', _) => Packet::Ping,
        ('3', "probe") => Packet::PongUpgrade,
        ('3', _) => Packet::Pong,
        ('4', message) => Packet::Message(message.to_owned().into()),
        ('5', _) => Packet::Upgrade,
        ('6', _) => Packet::Noop,
        ('b', encoded) => Packet::Binary(BASE64_STANDARD.decode(encoded).ok()?.into()),
        _ => return None,
    })
}
