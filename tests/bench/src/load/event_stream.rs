//! A stream of server-sent events in an HTTP answer without an end: chunks, and in them messages.

use std::io;

use super::connection::{Heard, wrong};

/// What has come of it.
#[derive(Default)]
pub(super) struct EventStream {
    /// The answer's head was read.
    begun: bool,
    /// The beginning of a message whose end is in another chunk.
    unfinished: Vec<u8>,
}

impl EventStream {
    /// Tells what is whole in `bytes` and says how much that was.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        mut tell: impl FnMut(Heard<'_>),
    ) -> io::Result<usize> {
        let mut at = 0;
        if !self.begun {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
                return Ok(0);
            };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            if !head.starts_with("http/1.1 200 ") || !head.contains("transfer-encoding: chunked") {
                return Err(wrong(&format!(
                    "no stream, but: {}",
                    String::from_utf8_lossy(&bytes[..bytes.len().min(400)])
                )));
            }
            self.begun = true;
            at = end + 4;
        }
        while let Some((chunk, next)) = chunk(&bytes[at..])? {
            if chunk.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.text(chunk, &mut tell)?;
            at += next;
        }
        Ok(at)
    }

    fn text(&mut self, chunk: &[u8], tell: &mut impl FnMut(Heard<'_>)) -> io::Result<()> {
        let before = std::mem::take(&mut self.unfinished);
        let joined;
        let text = if before.is_empty() {
            chunk
        } else {
            joined = [&before, chunk].concat();
            &joined
        };
        let mut at = 0;
        while let Some(end) = memchr::memmem::find(&text[at..], b"\n\n") {
            message(&text[at..at + end], tell)?;
            at += end + 2;
        }
        self.unfinished = text[at..].to_vec();
        Ok(())
    }
}

/// The first chunk in `bytes` and where the next one begins; `None` when it is not whole yet.
fn chunk(bytes: &[u8]) -> io::Result<Option<(&[u8], usize)>> {
    let Some(line) = memchr::memmem::find(bytes, b"\r\n") else {
        return Ok(None);
    };
    let size = std::str::from_utf8(&bytes[..line])
        .ok()
        .and_then(|size| usize::from_str_radix(size, 16).ok())
        .ok_or_else(|| wrong("a chunk without a size"))?;
    let (start, end) = (line + 2, line + 2 + size);
    Ok((bytes.len() >= end + 2).then(|| (&bytes[start..end], end + 2)))
}

/// One message without its empty line. A comment says nothing.
fn message(text: &[u8], tell: &mut impl FnMut(Heard<'_>)) -> io::Result<()> {
    let (mut name, mut data) = (&b""[..], &b""[..]);
    for line in text.split(|byte| *byte == b'\n') {
        if let Some(value) = line.strip_prefix(b"event: ") {
            name = value;
        } else if let Some(value) = line.strip_prefix(b"data: ") {
            data = value;
        }
    }
    match name {
        b"event" => tell(Heard::Event(data)),
        b"relay:ready" => tell(Heard::Joined),
        b"relay:resync" => tell(Heard::Resync),
        b"" => {}
        // The end follows it.
        b"relay:bye" => return Err(io::ErrorKind::UnexpectedEof.into()),
        _ => {
            return Err(wrong(&format!(
                "unexpected: {}",
                String::from_utf8_lossy(text)
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what must hold")]
    use super::*;

    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// What is heard when the bytes come in pieces of this size.
    fn heard(bytes: &[u8], piece: usize) -> io::Result<Vec<String>> {
        let (mut stream, mut rest, mut all) = (EventStream::default(), Vec::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            rest.extend_from_slice(piece);
            let used = stream.read(&rest, |heard| {
                all.push(match heard {
                    Heard::Joined => "joined".to_owned(),
                    Heard::Event(data) => String::from_utf8_lossy(data).into_owned(),
                    Heard::Resync => "resync".to_owned(),
                });
            })?;
            rest.drain(..used);
        }
        Ok(all)
    }

    #[test]
    fn messages_are_found_however_chunks_and_reads_cut_them() {
        let text = "retry: 2000\nid: 1-0\nevent: relay:ready\ndata: {}\n\n:\n\n\
                    id: 1-1\nevent: event\ndata: {\"n\":1}\n\nevent: relay:resync\ndata: {}\n\n";
        for chunk in [1, 7, 1_000] {
            let mut bytes = HEAD.as_bytes().to_vec();
            for chunk in text.as_bytes().chunks(chunk) {
                bytes.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            for piece in [1, 5, 10_000] {
                let all = heard(&bytes, piece).unwrap();
                assert_eq!(all, ["joined", "{\"n\":1}", "resync"], "{chunk} {piece}");
            }
        }
    }

    #[test]
    fn an_end_and_another_answer_are_errors() {
        for bytes in [
            format!("{HEAD}0\r\n\r\n"),
            "HTTP/1.1 401 Unauthorized\r\n\r\n".to_owned(),
            format!("{HEAD}x\r\n"),
        ] {
            heard(bytes.as_bytes(), 1_000).unwrap_err();
        }
    }
}
