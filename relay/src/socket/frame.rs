//! WebSocket frames: RFC 6455 §5.
//!
//! ```text
//!  0               1               2               3
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| length (7)  | length (16 or 64, if 126/127) |
//! |I|S|S|S|  (4)  |A|             |                               |
//! |N|V|V|V|       |S|             | masking key (32, if M)        |
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! ```
//!
//! The reader is strict: what the RFC forbids ends the connection with the close code it names, and
//! no byte of a message that is too large is kept. Text that cannot become UTF-8 any more is refused
//! with the byte that shows it, whether its frame, and its message, are there whole or not.

mod utf8;

use self::utf8::Utf8;

/// The close codes that the relay sends: RFC 6455 §7.4.1.
pub(crate) mod close {
    /// The purpose is fulfilled.
    pub(crate) const NORMAL: u16 = 1000;
    /// The peer broke the protocol.
    pub(crate) const PROTOCOL: u16 = 1002;
    /// Text that is not UTF-8.
    pub(crate) const INVALID_DATA: u16 = 1007;
    /// The peer broke a rule of the relay.
    pub(crate) const POLICY: u16 = 1008;
    /// A message that is too large.
    pub(crate) const TOO_BIG: u16 = 1009;
}

/// What a frame carries: RFC 6455 §5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The peer broke the protocol: the code to close with, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: u16,
    pub(crate) why: &'static str,
}

impl Fault {
    const NO_TEXT: Self = Self {
        code: close::INVALID_DATA,
        why: "text must be UTF-8",
    };

    const fn protocol(why: &'static str) -> Self {
        Self {
            code: close::PROTOCOL,
            why,
        }
    }
}

/// A frame whose header is there.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    fin: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Where its payload is, when it is there.
    payload: std::ops::Range<usize>,
}

/// Reads the header at the beginning of `bytes`, from a client; `None` where it is not there whole.
/// `room` is how many bytes a data frame may carry.
fn head(bytes: &[u8], room: usize) -> Result<Option<Head>, Fault> {
    let &[first, second, ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(Fault::protocol(
            "a reserved bit is set, no extension was negotiated",
        ));
    }
    let Some(opcode) = Opcode::of(first & 0x0F) else {
        return Err(Fault::protocol("unknown opcode"));
    };
    let fin = first & 0x80 != 0;
    if second & 0x80 == 0 {
        return Err(Fault::protocol("frames from a client must be masked"));
    }
    let short = second & 0x7F;
    if opcode.is_control() && !fin {
        return Err(Fault::protocol("control frames come in one piece"));
    }
    if opcode.is_control() && short > 125 {
        return Err(Fault::protocol("control frames carry at most 125 bytes"));
    }
    let (length, header) = match short {
        126 => {
            let Some(field) = bytes.get(2..4) else {
                return Ok(None);
            };
            let length = field
                .iter()
                .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            (length, 4)
        }
        127 => {
            let Some(field) = bytes.get(2..10) else {
                return Ok(None);
            };
            let length = field
                .iter()
                .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            (length, 10)
        }
        short => (u64::from(short), 2),
    };
    let minimal = match header {
        4 => length > 125,
        10 => length > 0xFFFF && length >> 63 == 0,
        _ => true,
    };
    if !minimal {
        return Err(Fault::protocol(
            "a length must be written in as few bytes as it needs",
        ));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if !opcode.is_control() && length > room {
        return Err(Fault {
            code: close::TOO_BIG,
            why: "the message is too large",
        });
    }
    let start = header + 4;
    let Some(&[a, b, c, d]) = bytes.get(header..start) else {
        return Ok(None);
    };
    Ok(Some(Head {
        fin,
        opcode,
        mask: [a, b, c, d],
        payload: start..start + length,
    }))
}

/// Takes the mask off: RFC 6455 §5.3.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// What a client sent, whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    /// The close code it gave, if any.
    Close(Option<u16>),
}

/// A message that fragments have begun: RFC 6455 §5.4.
#[derive(Debug)]
struct Begun {
    opcode: Opcode,
    bytes: Vec<u8>,
}

/// What of a text message has been judged before it is whole.
#[derive(Debug, Default, Clone, Copy)]
struct Judged {
    utf8: Utf8,
    /// How much of the payload of the frame that is not whole, at the beginning of what is kept.
    of_frame: usize,
}

impl Judged {
    /// Judges more of the text.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.of_frame += bytes.len();
        if self.utf8.take(bytes) {
            Ok(())
        } else {
            Err(Fault::NO_TEXT)
        }
    }

    /// Judges what there is of the payload of a frame that is not whole, still masked.
    fn take_part(&mut self, masked: &[u8], mask: [u8; 4]) -> Result<(), Fault> {
        let mut part = [0; 256];
        while let Some(more) = masked.get(self.of_frame..).filter(|more| !more.is_empty()) {
            let part = &mut part[..more.len().min(256)];
            part.copy_from_slice(&more[..part.len()]);
            let mut mask = mask;
            mask.rotate_left(self.of_frame % 4);
            unmask(part, mask);
            self.take(part)?;
        }
        Ok(())
    }
}

/// A part of a frame, or of a fragmented message, that waits for the rest. An idle connection has none.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Bytes after the last whole frame.
    bytes: Vec<u8>,
    begun: Option<Begun>,
    judged: Judged,
    /// Whether `bytes` may hold whole frames.
    unread: bool,
}

/// Reads what clients send. Owns nothing between messages.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    rest: Option<Box<Rest>>,
}

/// What the receiver of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Go on with the next one.
    Next,
    /// Keep what follows for later.
    Pause,
    /// What follows does not matter any more.
    Stop,
}

impl FrameReader {
    /// A reader that finds `early` before all else.
    pub(crate) fn starting_with(early: &[u8]) -> Self {
        let rest = || {
            Box::new(Rest {
                bytes: early.to_vec(),
                unread: true,
                ..Rest::default()
            })
        };
        Self {
            rest: (!early.is_empty()).then(rest),
        }
    }

    /// Whether whole frames may wait for a later [`read`](Self::read), after a pause.
    pub(crate) fn holds_unread(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.unread)
    }

    /// How many bytes wait for the rest of their frame, or message.
    #[cfg(feature = "fuzz")]
    pub(crate) fn kept(&self) -> usize {
        let begun = |rest: &Rest| rest.begun.as_ref().map_or(0, |begun| begun.bytes.len());
        self.rest
            .as_ref()
            .map_or(0, |rest| rest.bytes.len() + begun(rest))
    }

    /// Reads all whole frames of what was kept and of `chunk`, and hands each message to `receive`.
    /// A message carries at most `limit` bytes, however many frames it comes in.
    ///
    /// # Errors
    /// The peer broke the protocol; nothing more is to be read.
    pub(crate) fn read(
        &mut self,
        chunk: &mut [u8],
        limit: usize,
        mut receive: impl FnMut(Incoming<'_>) -> Flow,
    ) -> Result<Flow, Fault> {
        let mut rest = self.rest.take();
        let mut begun = rest.as_mut().and_then(|rest| rest.begun.take());
        let mut judged = rest.as_ref().map(|rest| rest.judged).unwrap_or_default();
        let mut kept = rest
            .as_mut()
            .map(|rest| std::mem::take(&mut rest.bytes))
            .unwrap_or_default();
        let from_kept = !kept.is_empty();
        let bytes = if from_kept {
            kept.extend_from_slice(chunk);
            kept.as_mut_slice()
        } else {
            chunk
        };
        let mut at = 0;
        let mut flow = Flow::Next;
        while flow == Flow::Next {
            let part = begun.as_ref().map_or(0, |begun| begun.bytes.len());
            let room = limit.saturating_sub(part);
            let Some(head) = head(&bytes[at..], room)? else {
                break;
            };
            let rest = &mut bytes[at..];
            if rest.len() < head.payload.end {
                if head.is_text(begun.as_ref()) {
                    judged.take_part(&rest[head.payload.start..], head.mask)?;
                }
                break;
            }
            at += head.payload.end;
            let payload = &mut rest[head.payload.clone()];
            unmask(payload, head.mask);
            flow = receive_frame(&head, payload, &mut begun, &mut judged, &mut receive)?;
        }
        if flow != Flow::Stop && (at < bytes.len() || begun.is_some()) {
            if from_kept {
                kept.drain(..at);
            } else {
                kept = bytes[at..].to_vec();
            }
            let mut rest = rest.unwrap_or_default();
            let unread = flow == Flow::Pause && !kept.is_empty();
            *rest = Rest {
                bytes: kept,
                begun,
                judged,
                unread,
            };
            self.rest = Some(rest);
        }
        Ok(flow)
    }
}

impl Head {
    /// Whether its payload is text, after the message that was begun.
    fn is_text(&self, begun: Option<&Begun>) -> bool {
        match begun {
            Some(begun) => self.opcode == Opcode::Continuation && begun.opcode == Opcode::Text,
            None => self.opcode == Opcode::Text,
        }
    }
}

/// Understands a frame that is there whole.
fn receive_frame(
    head: &Head,
    payload: &mut [u8],
    begun: &mut Option<Begun>,
    judged: &mut Judged,
    receive: &mut impl FnMut(Incoming<'_>) -> Flow,
) -> Result<Flow, Fault> {
    let opcode = head.opcode;
    match opcode {
        Opcode::Ping => return Ok(receive(Incoming::Ping(payload))),
        Opcode::Pong => return Ok(receive(Incoming::Pong)),
        Opcode::Close => return Ok(receive(Incoming::Close(close_code(payload)?))),
        Opcode::Text | Opcode::Binary if begun.is_some() => {
            let why = "a new message began before the last one ended";
            return Err(Fault::protocol(why));
        }
        Opcode::Continuation if begun.is_none() => {
            return Err(Fault::protocol("there is no message to continue"));
        }
        Opcode::Text | Opcode::Binary | Opcode::Continuation => {}
    }
    if head.fin {
        *judged = Judged::default();
        return match begun.take() {
            None => message(opcode, payload, receive),
            Some(mut begun) => {
                begun.bytes.extend_from_slice(payload);
                message(begun.opcode, &begun.bytes, receive)
            }
        };
    }
    if head.is_text(begun.as_ref()) {
        judged.take(&payload[judged.of_frame..])?;
        judged.of_frame = 0;
    }
    begun
        .get_or_insert_with(|| Begun {
            opcode,
            bytes: Vec::new(),
        })
        .bytes
        .extend_from_slice(payload);
    Ok(Flow::Next)
}

fn message(
    opcode: Opcode,
    payload: &[u8],
    receive: &mut impl FnMut(Incoming<'_>) -> Flow,
) -> Result<Flow, Fault> {
    if opcode == Opcode::Binary {
        return Ok(receive(Incoming::Binary(payload)));
    }
    let text = std::str::from_utf8(payload).map_err(|_| Fault::NO_TEXT)?;
    Ok(receive(Incoming::Text(text)))
}

/// The code of a close frame: RFC 6455 §5.5.1, §7.4, and the IANA registry of close codes.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(Fault::protocol("a close code has two bytes")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Fault::protocol("this close code must not be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Fault {
            code: close::INVALID_DATA,
            why: "a close reason must be UTF-8",
        });
    }
    Ok(Some(code))
}

/// The longest header that the relay writes.
pub(crate) const MAX_HEADER: usize = 10;

/// Writes the header of an unmasked, unfragmented frame and answers its length.
pub(crate) fn write_header(opcode: Opcode, length: usize, header: &mut [u8; MAX_HEADER]) -> usize {
    header[0] = 0x80 | opcode.bits();
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        header[1] = short;
        2
    } else if let Ok(medium) = u16::try_from(length) {
        header[1] = 126;
        header[2..4].copy_from_slice(&medium.to_be_bytes());
        4
    } else {
        header[1] = 127;
        header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
        10
    }
}

/// Where the payload of a frame begins that the relay wrote.
pub(crate) fn header_length(frame: &[u8]) -> usize {
    match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    }
}

/// What a frame carries that the relay wrote.
pub(crate) fn opcode(frame: &[u8]) -> Option<Opcode> {
    frame.first().and_then(|first| Opcode::of(first & 0x0F))
}

/// A whole frame.
pub(crate) fn whole(opcode: Opcode, payload: &[u8]) -> std::sync::Arc<[u8]> {
    let mut header = [0; MAX_HEADER];
    let length = write_header(opcode, payload.len(), &mut header);
    let mut bytes = Vec::with_capacity(length + payload.len());
    bytes.extend_from_slice(&header[..length]);
    bytes.extend_from_slice(payload);
    bytes.into()
}

/// A close frame: RFC 6455 §5.5.1.
pub(crate) fn close_frame(code: u16, why: &str) -> std::sync::Arc<[u8]> {
    let mut payload = code.to_be_bytes().to_vec();
    // 125 bytes at the most, and no character cut: the peer would have to refuse it.
    payload.extend_from_slice(&why.as_bytes()[..why.floor_char_boundary(120)]);
    whole(Opcode::Close, &payload)
}

#[cfg(test)]
mod tests;
