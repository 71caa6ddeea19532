//! Against RFC 6455, rule by rule. Any stream, and tungstenite as the oracle: [`streams`].

#![allow(clippy::unwrap_used, clippy::panic)]

mod streams;

use std::io;

use tungstenite::protocol::{Role, WebSocketConfig};

use super::*;

const LIMIT: usize = 300;

/// What a receiver got, for keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

impl Got {
    fn of(incoming: &Incoming<'_>) -> Self {
        match incoming {
            Incoming::Text(text) => Self::Text((*text).to_owned()),
            Incoming::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Incoming::Ping(payload) => Self::Ping(payload.to_vec()),
            Incoming::Pong => Self::Pong,
            Incoming::Close(code) => Self::Close(*code),
        }
    }
}

fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

/// A frame as a client writes it. Every part can be wrong.
#[derive(Debug, Clone)]
struct Spec {
    /// FIN, the reserved bits and the opcode.
    first: u8,
    masked: bool,
    /// 0: as few bytes as the length needs; else 2 or 8 bytes, needed or not.
    length_bytes: u8,
    mask: [u8; 4],
    payload: Vec<u8>,
}

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

fn spec(first: u8, payload: &[u8]) -> Spec {
    Spec {
        first,
        masked: true,
        length_bytes: 0,
        mask: MASK,
        payload: payload.to_vec(),
    }
}

impl Spec {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header(self.payload.len() as u64);
        if self.masked {
            bytes.extend_from_slice(&self.mask);
        }
        let masks = self.mask.iter().cycle();
        let payload = self.payload.iter().zip(masks);
        bytes.extend(payload.map(|(byte, mask)| if self.masked { byte ^ mask } else { *byte }));
        bytes
    }

    /// What comes before the mask.
    fn header(&self, length: u64) -> Vec<u8> {
        let bit = if self.masked { 0x80 } else { 0 };
        let needed = match length {
            0..=125 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        let mut bytes = vec![self.first];
        match self.length_bytes.max(needed) {
            0 => bytes.push(bit | u8::try_from(length).unwrap()),
            2 => {
                bytes.push(bit | 126);
                bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(bit | 127);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        bytes
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    spec(first, payload).bytes()
}

type Outcome = (Vec<Got>, Option<Fault>);

/// Reads a stream that arrives in the given pieces, up to the first close frame, as connections do.
fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Outcome {
    let mut reader = FrameReader::default();
    let mut got = Vec::new();
    for piece in pieces {
        let flow = reader.read(&mut piece.to_vec(), limit, |incoming| {
            got.push(Got::of(&incoming));
            match incoming {
                Incoming::Close(_) => Flow::Stop,
                _ => Flow::Next,
            }
        });
        match flow {
            Ok(Flow::Stop) => break,
            Ok(_) => {}
            Err(fault) => return (got, Some(fault)),
        }
    }
    (got, None)
}

fn read(stream: &[u8]) -> Outcome {
    read_pieces([stream], LIMIT)
}

/// The code with which the stream is refused, where no message of it is received.
fn refused(stream: &[u8]) -> Option<u16> {
    let (got, fault) = read(stream);
    assert_eq!(got, [], "nothing of {stream:x?} may be received");
    fault.map(|fault| fault.code)
}

// ---- the rules, one by one ----

#[test]
fn the_rfcs_own_examples_are_read() {
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(read(&hello), (vec![text("Hello")], None));
    let pong = [
        0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(read(&pong), (vec![Got::Pong], None));
    let fragments = [frame(0x01, b"Hel"), frame(0x80, b"lo")].concat();
    assert_eq!(read(&fragments), (vec![text("Hello")], None));
    let ping = frame(0x89, b"Hello");
    assert_eq!(read(&ping), (vec![Got::Ping(b"Hello".to_vec())], None));
}

#[test]
fn a_reserved_bit_is_refused() {
    for bit in [0x40, 0x20, 0x10] {
        for opcode in [0x81, 0x82, 0x88, 0x89, 0x8A] {
            assert_eq!(refused(&frame(opcode | bit, b"")), Some(close::PROTOCOL));
        }
    }
}

#[test]
fn an_unknown_opcode_is_refused() {
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        assert_eq!(refused(&frame(0x80 | opcode, b"")), Some(close::PROTOCOL));
        assert_eq!(refused(&frame(opcode, b"")), Some(close::PROTOCOL));
    }
}

#[test]
fn a_frame_without_a_mask_is_refused() {
    for opcode in [0x80, 0x81, 0x82, 0x88, 0x89, 0x8A] {
        let bare = Spec {
            masked: false,
            ..spec(opcode, b"")
        };
        assert_eq!(refused(&bare.bytes()), Some(close::PROTOCOL), "{opcode:x}");
    }
}

#[test]
fn every_byte_of_the_mask_counts_and_payloads_of_any_length_are_unmasked() {
    for length in 0..40_u8 {
        let payload: Vec<u8> = (0..length).collect();
        for mask in [[0; 4], [1, 0, 0, 0], [0, 0, 0, 1], [0xFF, 0x80, 0x7F, 0x01]] {
            let stream = Spec {
                mask,
                ..spec(0x82, &payload)
            };
            let expected = vec![Got::Binary(payload.clone())];
            assert_eq!(read(&stream.bytes()), (expected, None));
        }
    }
}

#[test]
fn a_control_frame_is_one_piece_of_at_most_125_bytes() {
    for opcode in [0x8, 0x9, 0xA] {
        assert_eq!(refused(&frame(opcode, b"")), Some(close::PROTOCOL));
        let long = frame(0x80 | opcode, &[b'a'; 126]);
        assert_eq!(refused(&long), Some(close::PROTOCOL));
        let eight = spec(0x80 | opcode, b"").header(1 << 20);
        assert_eq!(refused(&eight), Some(close::PROTOCOL));
    }
    let longest = vec![b'a'; 125];
    let (got, fault) = read(&frame(0x89, &longest));
    assert_eq!((got, fault), (vec![Got::Ping(longest)], None));
}

#[test]
fn a_control_frame_needs_no_room_in_the_limit_of_messages() {
    let pieces = [
        frame(0x01, b"ab"),
        frame(0x89, &[7; 125]),
        frame(0x80, b"cd"),
    ];
    let (got, fault) = read_pieces([&pieces.concat()[..]], 4);
    assert_eq!(got, [Got::Ping(vec![7; 125]), text("abcd")]);
    assert_eq!(fault, None);
}

#[test]
fn a_length_is_written_in_as_few_bytes_as_it_needs() {
    let large = 1 << 20;
    for length in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000] {
        let payload = vec![b'a'; length];
        let (got, fault) = read_pieces([&frame(0x82, &payload)[..]], large);
        assert_eq!((got, fault), (vec![Got::Binary(payload)], None), "{length}");
    }
    for (length, length_bytes) in [(0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (0xFFFF, 8)] {
        let wasteful = Spec {
            length_bytes,
            ..spec(0x82, &vec![0; length])
        };
        let (got, fault) = read_pieces([&wasteful.bytes()[..]], large);
        assert_eq!(got, []);
        assert_eq!(fault.unwrap().code, close::PROTOCOL, "{length}");
    }
}

#[test]
fn a_length_of_64_bits_overflows_nothing() {
    for length in [u64::MAX, 1 << 63] {
        let header = spec(0x82, b"").header(length);
        assert_eq!(refused(&header), Some(close::PROTOCOL));
    }
    for length in [(1 << 63) - 1, u64::from(u32::MAX) + 1] {
        let header = spec(0x82, b"").header(length);
        assert_eq!(refused(&header), Some(close::TOO_BIG));
    }
}

#[test]
fn a_close_frame_has_no_payload_or_a_code_that_may_be_sent() {
    assert_eq!(read(&frame(0x88, b"")), (vec![Got::Close(None)], None));
    assert_eq!(refused(&frame(0x88, &[3])), Some(close::PROTOCOL));
    for code in 0..=u16::MAX {
        let stream = frame(0x88, &code.to_be_bytes());
        // RFC 6455 §7.4 and IANA: 1004 is reserved, 1005, 1006 and 1015 are never sent.
        let assigned = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
        ];
        if assigned.contains(&code) || (3000..5000).contains(&code) {
            assert_eq!(read(&stream), (vec![Got::Close(Some(code))], None));
        } else {
            assert_eq!(refused(&stream), Some(close::PROTOCOL), "{code}");
        }
    }
}

#[test]
fn the_reason_of_a_close_frame_is_utf8() {
    let with = |reason: &[u8]| frame(0x88, &[&[0x03, 0xE8], reason].concat());
    let fine = with("gehört".as_bytes());
    assert_eq!(read(&fine), (vec![Got::Close(Some(1000))], None));
    for broken in [&[0xFF][..], &[0xC3], "é".as_bytes().split_at(1).1] {
        assert_eq!(refused(&with(broken)), Some(close::INVALID_DATA));
    }
    let both = frame(0x88, &[0, 0, 0xFF]);
    assert_eq!(refused(&both), Some(close::PROTOCOL));
}

const BROKEN_UTF8: [&[u8]; 9] = [
    &[0x80],                   // a continuation byte alone
    &[0xC3],                   // cut
    &[0xE2, 0x82],             // cut
    &[0xF0, 0x9F, 0x98],       // cut
    &[0xC0, 0xAF],             // overlong
    &[0xE0, 0x80, 0xAF],       // overlong
    &[0xED, 0xA0, 0x80],       // a surrogate
    &[0xF4, 0x90, 0x80, 0x80], // beyond U+10FFFF
    &[b'a', 0xFE, b'b'],       // no such byte
];

#[test]
fn text_is_utf8_and_binary_need_not_be() {
    for broken in BROKEN_UTF8 {
        assert_eq!(refused(&frame(0x81, broken)), Some(close::INVALID_DATA));
        let binary = vec![Got::Binary(broken.to_vec())];
        assert_eq!(read(&frame(0x82, broken)), (binary, None));
        for cut in 0..=broken.len() {
            let (a, b) = broken.split_at(cut);
            let fragments = [frame(0x01, a), frame(0x80, b)].concat();
            assert_eq!(refused(&fragments), Some(close::INVALID_DATA));
        }
    }
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    let word = "a😀é";
    for cut in 0..=word.len() {
        let (a, b) = word.as_bytes().split_at(cut);
        let fragments = [frame(0x01, a), frame(0x00, b), frame(0x80, b"")].concat();
        assert_eq!(read(&fragments), (vec![text(word)], None));
    }
}

#[test]
fn text_that_cannot_become_utf8_is_refused_with_the_byte_that_shows_it() {
    let (fine, wrong) = ("κόσμε".as_bytes(), 0xF4_u8);
    let text = [fine, &[wrong, 0x90], b"the rest"].concat();
    let shown = fine.len() + 2;
    // In one frame, of which a byte comes at a time, and behind a fragment that has cut a character.
    for cut in [0, 1, 3, fine.len(), fine.len() + 1] {
        let (first, second) = text.split_at(cut);
        let (first, second) = match cut {
            0 => (Vec::new(), frame(0x81, second)),
            _ => (frame(0x01, first), frame(0x80, second)),
        };
        let mut reader = FrameReader::default();
        let begun = reader.read(&mut first.clone(), LIMIT, |_| Flow::Next);
        assert_eq!(begun, Ok(Flow::Next));
        for (index, byte) in second.iter().enumerate() {
            let read = reader.read(&mut [*byte], LIMIT, |_| Flow::Next);
            // Two bytes of header and four of mask come first.
            if index < 6 + shown - cut - 1 {
                assert_eq!(read, Ok(Flow::Next), "cut at {cut}, byte {index}");
                continue;
            }
            assert_eq!(read, Err(Fault::NO_TEXT));
            assert_eq!(index, 6 + shown - cut - 1);
            assert!(reader.rest.is_none(), "nothing of it is kept");
            break;
        }
    }
}

#[test]
fn a_fragment_that_is_wrong_is_refused_before_the_message_ends() {
    let stream = [
        frame(0x01, b"a\xE2"),
        frame(0x89, b"p"),
        frame(0x00, b"\x82"),
    ];
    let ping = vec![Got::Ping(b"p".to_vec())];
    assert_eq!(read(&stream.concat()), (ping.clone(), None));
    let wrong = [
        &stream.concat()[..],
        &frame(0x00, b"\xE2"),
        &frame(0x89, b""),
    ]
    .concat();
    assert_eq!(read(&wrong), (ping, Some(Fault::NO_TEXT)));
}

#[test]
fn what_is_judged_of_a_text_is_not_carried_into_the_next_message() {
    let cut = frame(0x81, "a😀".as_bytes());
    for at in 0..=cut.len() {
        for next in [frame(0x81, "é".as_bytes()), frame(0x82, &[0xFF])] {
            let stream = [&cut[at..], &next].concat();
            let (got, fault) = read_pieces([&cut[..at], &stream[..]], LIMIT);
            assert_eq!((got.len(), fault), (2, None), "cut at {at}");
        }
    }
    let fragments = [
        frame(0x01, "😀".as_bytes().split_at(2).0),
        frame(0x80, "😀".as_bytes().split_at(2).1),
        frame(0x01, b"b"),
        frame(0x00, b""),
        frame(0x80, "é".as_bytes()),
    ];
    assert_eq!(
        read(&fragments.concat()),
        (vec![text("😀"), text("bé")], None)
    );
}

#[test]
fn control_frames_come_between_fragments() {
    let stream = [
        frame(0x02, b"a"),
        frame(0x89, b"p"),
        frame(0x00, b""),
        frame(0x8A, b""),
        frame(0x80, b"b"),
        frame(0x81, b"c"),
    ];
    let expected = vec![
        Got::Ping(b"p".to_vec()),
        Got::Pong,
        Got::Binary(b"ab".to_vec()),
        text("c"),
    ];
    assert_eq!(read(&stream.concat()), (expected, None));
}

#[test]
fn a_message_does_not_begin_inside_another() {
    for opcode in [0x01, 0x02, 0x81, 0x82] {
        let stream = [frame(0x01, b"a"), frame(opcode, b"b")].concat();
        assert_eq!(refused(&stream), Some(close::PROTOCOL));
    }
}

#[test]
fn there_is_nothing_to_continue_before_and_after_a_message() {
    for first in [0x00, 0x80] {
        assert_eq!(refused(&frame(first, b"")), Some(close::PROTOCOL));
        let after_whole = [frame(0x81, b"a"), frame(first, b"")].concat();
        let (got, fault) = read(&after_whole);
        assert_eq!((got, fault.unwrap().code), (vec![text("a")], 1002));
        let after_last = [frame(0x01, b"a"), frame(0x80, b"b"), frame(first, b"")].concat();
        let (got, fault) = read(&after_last);
        assert_eq!((got, fault.unwrap().code), (vec![text("ab")], 1002));
    }
}

#[test]
fn a_message_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let (most, more) = (vec![b'a'; LIMIT], vec![b'a'; LIMIT + 1]);
    assert_eq!(read(&frame(0x82, &most)).0, [Got::Binary(most.clone())]);
    assert_eq!(refused(&frame(0x82, &more)), Some(close::TOO_BIG));
    for cut in [0, 1, LIMIT - 1, LIMIT] {
        let cut_at = |bytes: &[u8]| [frame(0x02, &bytes[..cut]), frame(0x80, &bytes[cut..])];
        let whole = read(&cut_at(&most).concat());
        assert_eq!(whole, (vec![Got::Binary(most.clone())], None));
        assert_eq!(refused(&cut_at(&more).concat()), Some(close::TOO_BIG));
    }
}

#[test]
fn a_header_that_announces_too_much_is_refused_before_its_payload_arrives() {
    let announced = spec(0x82, b"").header(LIMIT as u64 + 1);
    let mut reader = FrameReader::default();
    for byte in &announced[..announced.len() - 1] {
        let flow = reader.read(&mut [*byte], LIMIT, |_| Flow::Next);
        assert_eq!(flow, Ok(Flow::Next));
    }
    let last = reader.read(&mut announced[3..].to_vec(), LIMIT, |_| Flow::Next);
    assert_eq!(last.unwrap_err().code, close::TOO_BIG);
    assert!(reader.rest.is_none(), "nothing of it is kept");

    let mut reader = FrameReader::default();
    let begun = reader.read(&mut frame(0x02, &[0; LIMIT - 10]), LIMIT, |_| Flow::Next);
    assert_eq!(begun, Ok(Flow::Next));
    let mut next = spec(0x00, b"").header(11);
    let next = reader.read(&mut next, LIMIT, |_| Flow::Next);
    assert_eq!(next.unwrap_err().code, close::TOO_BIG);
}

#[test]
fn what_is_forbidden_is_refused_by_the_header_alone() {
    for header in [
        &[0xC1, 0x80][..],
        &[0x83, 0x80],
        &[0x81, 0x00],
        &[0x09, 0x80],
        &[0x89, 0xFE],
        &[0x82, 0xFE, 0, 125],
    ] {
        assert_eq!(refused(header), Some(close::PROTOCOL), "{header:x?}");
    }
}

// ---- what is kept, and for how long ----

#[test]
fn an_idle_reader_owns_nothing() {
    assert_eq!(size_of::<FrameReader>(), size_of::<usize>());
    let mut reader = FrameReader::default();
    let stream = [
        frame(0x01, b"a"),
        frame(0x89, b"p"),
        frame(0x80, b"b"),
        frame(0x81, b"c"),
    ];
    for byte in stream.concat() {
        reader
            .read(&mut [byte], LIMIT, |_| Flow::Next)
            .map(|flow| assert_eq!(flow, Flow::Next))
            .unwrap();
        assert!(!reader.holds_unread(), "a part is not unread");
    }
    assert!(reader.rest.is_none());
    assert!(FrameReader::starting_with(b"").rest.is_none());
}

#[test]
fn what_came_early_is_read_first() {
    let stream = [frame(0x81, b"early"), frame(0x81, b"late")].concat();
    for cut in 0..=stream.len() {
        let mut reader = FrameReader::starting_with(&stream[..cut]);
        assert_eq!(reader.holds_unread(), cut > 0);
        let mut got = Vec::new();
        for mut chunk in [Vec::new(), stream[cut..].to_vec()] {
            let mut receive = |incoming: Incoming<'_>| {
                got.push(Got::of(&incoming));
                Flow::Next
            };
            reader.read(&mut chunk, LIMIT, &mut receive).unwrap();
        }
        assert_eq!(got, [text("early"), text("late")]);
        assert!(reader.rest.is_none());
    }
}

#[test]
fn nothing_is_received_after_a_stop_and_nothing_is_kept() {
    let mut stream = [frame(0x81, b"a"), frame(0x81, b"b"), vec![0x81]].concat();
    let mut reader = FrameReader::default();
    let mut count = 0;
    let flow = reader.read(&mut stream, LIMIT, |_| {
        count += 1;
        Flow::Stop
    });
    assert_eq!((flow, count), (Ok(Flow::Stop), 1));
    assert!(reader.rest.is_none());
}

#[test]
fn a_pause_keeps_what_follows_and_says_so() {
    let mut stream = [frame(0x81, b"a"), frame(0x81, b"b"), frame(0x81, b"c")].concat();
    let mut reader = FrameReader::default();
    let mut got = Vec::new();
    let mut pause = |incoming: Incoming<'_>| {
        got.push(Got::of(&incoming));
        Flow::Pause
    };
    assert_eq!(reader.read(&mut stream, LIMIT, &mut pause), Ok(Flow::Pause));
    assert!(reader.holds_unread());
    assert_eq!(reader.read(&mut [], LIMIT, &mut pause), Ok(Flow::Pause));
    assert!(reader.holds_unread());
    assert_eq!(reader.read(&mut [], LIMIT, &mut pause), Ok(Flow::Pause));
    assert!(!reader.holds_unread() && reader.rest.is_none());
    assert_eq!(got, [text("a"), text("b"), text("c")]);
}

#[test]
fn a_pause_with_nothing_after_it_leaves_nothing_unread() {
    let mut stream = [frame(0x01, b"a"), frame(0x89, b"")].concat();
    let mut reader = FrameReader::default();
    let flow = reader.read(&mut stream, LIMIT, |_| Flow::Pause);
    assert_eq!((flow, reader.holds_unread()), (Ok(Flow::Pause), false));
}

// ---- what the relay writes ----

/// A client's reader for what the relay writes, and a server's for what clients write.
fn tungstenite(role: Role, stream: Vec<u8>, limit: usize) -> tungstenite::WebSocket<Wire> {
    let config = WebSocketConfig::default()
        .max_frame_size(Some(limit))
        .max_message_size(Some(limit));
    tungstenite::WebSocket::from_raw_socket(Wire(io::Cursor::new(stream)), role, Some(config))
}

/// A stream that does not end, but pauses; what is written to it does not matter.
struct Wire(io::Cursor<Vec<u8>>);

impl io::Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_client_reads_what_the_relay_writes() {
    for length in [0, 1, 125, 126, 0xFFFF, 0x1_0000, 0x1_0001] {
        let payload = "x".repeat(length);
        let frame = whole(Opcode::Text, payload.as_bytes());
        let mut client = tungstenite(Role::Client, frame.to_vec(), 1 << 20);
        assert_eq!(client.read().unwrap().into_text().unwrap(), payload);
        assert!(client.read().is_err(), "one frame is one message");

        // With the mask bit set and a mask of zeros it is a client's frame: our own reader's minimal
        // lengths are its own writer's.
        let header = frame.len() - length;
        assert_eq!(
            (header_length(&frame), opcode(&frame)),
            (header, Some(Opcode::Text))
        );
        let mut masked = [&frame[..header], &[0; 4], &frame[header..]].concat();
        masked[1] |= 0x80;
        let (got, fault) = read_pieces([&masked[..]], 1 << 20);
        assert_eq!((got, fault), (vec![Got::Text(payload)], None));
    }
}

#[test]
fn a_close_frame_is_valid_whatever_its_reason() {
    for reason in [
        "",
        "token_expired",
        &"é".repeat(100),
        &format!("x{}", "é".repeat(100)),
    ] {
        let frame = close_frame(close::POLICY, reason);
        let mut client = tungstenite(Role::Client, frame.to_vec(), 1 << 10);
        let tungstenite::Message::Close(Some(told)) = client.read().unwrap() else {
            panic!("a close frame with a code")
        };
        assert_eq!(u16::from(told.code), close::POLICY);
        assert!(reason.starts_with(told.reason.as_str()));
        assert!(
            told.reason.len() >= reason.len().min(117),
            "cut no more than needed"
        );
    }
}

#[test]
fn a_byte_is_unmasked_wherever_it_is() {
    let payload: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let mut masked: Vec<u8> = payload.clone();
    unmask(&mut masked, MASK);
    for (index, (masked, byte)) in masked.iter().zip(&payload).enumerate() {
        assert_eq!(*masked, byte ^ MASK[index % 4]);
    }
}
