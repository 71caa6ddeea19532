//! Reading `text/event-stream`, as far as a relay writes it.

use std::io::{self, BufRead};

/// More than any event: whoever sends a longer line is no relay.
const LONGEST_LINE: u64 = 8 << 20;

/// One message of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Where one is who has this message.
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) data: String,
}

/// The next message; `None` at the end of the stream. One that is cut off is none.
pub(super) fn next(stream: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut message = Message::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        io::Read::take(&mut *stream, LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let text = String::from_utf8_lossy(&line);
        if text.is_empty() {
            if !message.data.is_empty() {
                return Ok(Some(message));
            }
            message = Message::default();
            continue;
        }
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => message.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut message.name),
            "data" => message.data.push_str(value), // the relay's is one line
            _ => {}                                 // comments, `retry:` and what is to come
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn messages_are_read_and_one_that_is_cut_off_is_none() {
        let text = "retry: 2000\nid: a-1\nevent: relay:ready\ndata: {}\n\n:\n\n\
                    id:a-2\r\nevent:event\r\ndata:{\"x\": \"y: z\"}\r\n\r\nid: a-3\ndata: {}\n";
        let mut stream = text.as_bytes();
        let ready = next(&mut stream).unwrap().unwrap();
        assert_eq!(
            (ready.id.as_deref(), &*ready.name, &*ready.data),
            (Some("a-1"), "relay:ready", "{}")
        );
        let event = next(&mut stream).unwrap().unwrap();
        assert_eq!(
            (event.id.as_deref(), &*event.name, &*event.data),
            (Some("a-2"), "event", r#"{"x": "y: z"}"#)
        );
        assert_eq!(next(&mut stream).unwrap(), None);
    }
}
