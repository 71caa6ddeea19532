//! As much of RFC 6455 as both ends of a benchmark need: whole frames in a buffer, no fragments, no extensions.

/// A text frame's opcode (RFC 6455 §5.2).
pub(crate) const TEXT: u8 = 0x1;
/// A close frame's opcode.
pub(crate) const CLOSE: u8 = 0x8;
/// A ping frame's opcode.
pub(crate) const PING: u8 = 0x9;
/// A pong frame's opcode.
pub(crate) const PONG: u8 = 0xA;

/// The key that clients here mask with: the protocol wants one, the benchmark no randomness.
const MASK: [u8; 4] = [0x3d, 0xa1, 0x5c, 0x0f];

/// Where a frame lies in a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// The payload's place from the start of the buffer.
    pub(crate) payload: std::ops::Range<usize>,
}

/// The frame at the start of `bytes`; `None` when it is not whole yet.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Frame>, &'static str> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x80 == 0 || first & 0x70 != 0 {
        return Err("a fragment, or reserved bits");
    }
    let (length, mut at) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (
                usize::try_from(length).map_err(|_| "a frame without end")?,
                10,
            )
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (usize::from(short), 2),
    };
    let mask = if second & 0x80 == 0 {
        None
    } else {
        let Some([a, b, c, d]) = bytes.get(at..at + 4) else {
            return Ok(None);
        };
        at += 4;
        Some([*a, *b, *c, *d])
    };
    let payload = at..at.checked_add(length).ok_or("a frame without end")?;
    if bytes.len() < payload.end {
        return Ok(None);
    }
    Ok(Some(Frame {
        opcode: first & 0x0f,
        mask,
        payload,
    }))
}

/// Appends a server's frame, unmasked.
pub(crate) fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a client's frame, masked.
pub(crate) fn write_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_header(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// Takes the mask off a frame's payload.
pub(crate) fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

fn write_header(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    match length {
        0..=125 => out.push(masked | length as u8),
        126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what must hold")]
    use super::*;

    #[test]
    fn what_is_written_is_read_again_at_every_length_and_never_early() {
        for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000] {
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (mut plain, mut masked) = (Vec::new(), Vec::new());
            write(&mut plain, TEXT, &payload);
            write_masked(&mut masked, TEXT, &payload);
            for bytes in [&mut plain, &mut masked] {
                let frame = read(bytes).unwrap().unwrap();
                assert_eq!(frame.payload.end, bytes.len());
                for short in [0, 1, 2, 3, bytes.len() - 1] {
                    assert_eq!(read(&bytes[..short.min(bytes.len() - 1)]), Ok(None));
                }
                if let Some(mask) = frame.mask {
                    unmask(&mut bytes[frame.payload.clone()], mask);
                }
                assert_eq!(bytes[frame.payload], payload);
            }
        }
    }

    #[test]
    fn fragments_and_reserved_bits_are_refused() {
        assert!(read(&[0x01, 0x00]).is_err());
        assert!(read(&[0xc1, 0x00]).is_err());
    }
}
