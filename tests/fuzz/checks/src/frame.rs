use std::io;

use forge_relay::fuzz::{self, Fault, Read};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// As large as a message may be.
const LIMIT: usize = 300;
/// The most bytes that a control frame carries: RFC 6455 §5.5.
const CONTROL: usize = 125;
/// The longest header of a client's frame: RFC 6455 §5.2.
const HEADER: usize = 14;

/// Five bytes say in what pieces the rest arrives, and where the receiver pauses; then what a client sends.
///
/// However it arrives, the same is read, and no more is kept than one message and one frame; tungstenite reads the same,
/// and refuses what is refused; and what was read and is written again, by the relay and with a mask, is read as the
/// same, by a client and by the relay.
pub fn frame(data: &[u8]) {
    let Some((&[size, pauses @ ..], stream)) = data.split_first_chunk::<5>() else {
        return;
    };
    let pauses = u64::from(u32::from_le_bytes(pauses)) * 0x1_0000_0001;
    let pieces = || stream.chunks(usize::from(size).max(1));
    let whole = fuzz::frames([stream], LIMIT, 0);
    let in_pieces = fuzz::frames(pieces(), LIMIT, 0);
    let with_pauses = fuzz::frames(pieces(), LIMIT, pauses);
    let by_bytes = fuzz::frames(stream.chunks(1), LIMIT, 0);
    for other in [&in_pieces, &with_pauses, &by_bytes] {
        assert_eq!((&other.read, other.fault), (&whole.read, whole.fault));
    }
    // What a receiver that pauses has not read yet is kept too.
    for other in [&whole, &in_pieces, &by_bytes] {
        assert!(other.kept < LIMIT + HEADER + LIMIT, "{}", other.kept);
    }

    for read in &whole.read {
        match read {
            Read::Text(text) => written(true, text.as_bytes()),
            Read::Binary(bytes) => written(false, bytes),
            Read::Ping(payload) => assert!(payload.len() <= CONTROL),
            Read::Pong | Read::Close(_) => {}
        }
    }
    agrees_with_tungstenite(stream, &whole.read, whole.fault);
}

/// What ours refuses and tungstenite does not.
fn stricter(fault: Fault) -> bool {
    [
        "a length must be written in as few bytes as it needs",
        // It measures the length, ours looks at how it is written.
        "control frames carry at most 125 bytes",
    ]
    .contains(&fault.why)
}

fn agrees_with_tungstenite(stream: &[u8], ours: &[Read], fault: Option<Fault>) {
    let (theirs, refusal) = oracle(stream);
    match (fault, refusal) {
        (Some(fault), refusal) if stricter(fault) => {
            let earlier = matches!(refusal, Some(Error::Utf8(_))) && ours.starts_with(&theirs);
            assert!(earlier || theirs.starts_with(ours), "{fault:?}");
        }
        (None, None) | (Some(_), Some(_)) => assert_eq!(ours, theirs, "{fault:?}"),
        // It takes 1014, which was assigned later, for unassigned.
        (None, Some(Error::AttackAttempt)) => {
            assert_eq!(ours.last(), Some(&Read::Close(Some(1014))));
        }
        (None, Some(refusal)) => panic!("only tungstenite refuses: {refusal}"),
        (Some(fault), None) => {
            // Ours needs no more than the byte that is wrong, tungstenite the whole frame: let it have that. Zeros
            // are no frames, so it refuses then at the latest; what counts is what it reads before.
            let (theirs, refusal) = oracle(&[stream, &[0; LIMIT + 20]].concat());
            assert!(refusal.is_some(), "only ours refuses: {fault:?}");
            assert_eq!(ours, theirs, "{fault:?}");
        }
    }
}

/// What tungstenite reads, and the error with which it refuses the rest.
fn oracle(stream: &[u8]) -> (Vec<Read>, Option<Error>) {
    let mut socket = tungstenite(Role::Server, stream);
    let mut read = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => read.push(Read::Text(text.as_str().to_owned())),
            Ok(Message::Binary(bytes)) => read.push(Read::Binary(bytes.to_vec())),
            Ok(Message::Ping(payload)) => read.push(Read::Ping(payload.to_vec())),
            Ok(Message::Pong(_)) => read.push(Read::Pong),
            // Its way to refuse a close code.
            Ok(Message::Close(Some(told))) if told.reason == "Protocol violation" => {
                return (read, Some(Error::AttackAttempt));
            }
            Ok(Message::Close(told)) => {
                read.push(Read::Close(told.map(|told| told.code.into())));
                return (read, None);
            }
            Ok(Message::Frame(_)) => unreachable!("it reads messages"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return (read, None);
            }
            Err(error) => return (read, Some(error)),
        }
    }
}

/// What the relay writes, a client reads; and a client's frame of the same is read by the relay.
fn written(is_text: bool, payload: &[u8]) {
    let frame = fuzz::frame(is_text, payload);
    let expected = if is_text {
        Read::Text(String::from_utf8(payload.to_vec()).unwrap())
    } else {
        Read::Binary(payload.to_vec())
    };
    let message = tungstenite(Role::Client, &frame).read().unwrap();
    assert_eq!(
        (message.is_text(), &message.into_data()[..]),
        (is_text, payload)
    );

    let header = frame.len() - payload.len();
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut masked = frame[..header].to_vec();
    masked[1] |= 0x80;
    masked.extend(mask);
    masked.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    let again = fuzz::frames([&masked[..]], LIMIT, 0);
    assert_eq!((again.read, again.fault), (vec![expected], None));
}

/// The text of one frame of the relay's, as a client reads it.
pub(crate) fn text_of(frame: &[u8]) -> String {
    let mut client = tungstenite(Role::Client, frame);
    let text = client.read().unwrap().into_text().unwrap();
    assert!(client.read().is_err(), "one frame");
    text.as_str().to_owned()
}

fn tungstenite(role: Role, stream: &[u8]) -> WebSocket<Wire<'_>> {
    let limit = Some(if role == Role::Server { LIMIT } else { 1 << 20 });
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .max_frame_size(limit)
        .max_message_size(limit);
    WebSocket::from_raw_socket(Wire(stream), role, Some(config))
}

/// A stream that does not end, but pauses; what is written to it does not matter.
struct Wire<'a>(&'a [u8]);

impl io::Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl io::Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
