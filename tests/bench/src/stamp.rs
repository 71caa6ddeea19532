//! The mark in every payload by which the load generator knows it again, whichever server carried it.

use std::fmt::Write as _;

/// The key under which a payload carries its stamp.
const NEEDLE: &[u8] = b"\"bench\":\"";
/// `SSSS.PPP.NNNNNNNN.TTTTTTTTTTTT`, all decimal, so that it sits still and reads fast.
const LENGTH: usize = 30;

/// Who published what, and when. `number` counts 1, 2, 3… for each pair of session and publisher: publishers run side
/// by side, so a count of the session could not tell their race from a server's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) session: u16,
    pub(crate) publisher: u16,
    pub(crate) number: u32,
    /// When it was due to be sent, in microseconds of the load generator's clock.
    pub(crate) sent_micros: u64,
}

impl Stamp {
    /// Writes the payload: the brief's example, and the stamp.
    pub(crate) fn write_payload(&self, out: &mut String) {
        // Writing to a String does not fail.
        let _ = write!(
            out,
            r#"{{"issueKey":"SCRUM-1","value":"5","participantId":"acct-123","bench":"{:04}.{:03}.{:08}.{:012}"}}"#,
            self.session, self.publisher, self.number, self.sent_micros
        );
    }
}

/// Finds stamps in messages. Remembers where the last one was: messages of one server look alike.
pub(crate) struct Finder {
    search: memchr::memmem::Finder<'static>,
    last: usize,
}

impl Finder {
    pub(crate) fn new() -> Self {
        Self {
            search: memchr::memmem::Finder::new(NEEDLE),
            last: 0,
        }
    }

    pub(crate) fn find(&mut self, message: &[u8]) -> Option<Stamp> {
        let hit = message
            .get(self.last..)
            .is_some_and(|rest| rest.starts_with(NEEDLE));
        if !hit {
            self.last = self.search.find(message)?;
        }
        let start = self.last + NEEDLE.len();
        parse(message.get(start..start + LENGTH)?)
    }
}

fn parse(text: &[u8]) -> Option<Stamp> {
    Some(Stamp {
        session: digits(&text[0..4])? as u16,
        publisher: digits(&text[5..8])? as u16,
        number: digits(&text[9..17])? as u32,
        sent_micros: digits(&text[18..30])?,
    })
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_again_wherever_it_stands() {
        let mut finder = Finder::new();
        for (number, prefix) in [(1, "42[\"event\",{"), (2, ""), (99_999_999, "xxxxxxxxx")] {
            let stamp = Stamp {
                session: 7,
                publisher: 31,
                number,
                sent_micros: 123_456_789,
            };
            let mut message = prefix.to_owned();
            stamp.write_payload(&mut message);
            assert_eq!(finder.find(message.as_bytes()), Some(stamp));
        }
        assert_eq!(finder.find(b"42[\"event\",{}]"), None);
        assert_eq!(finder.find(b"{\"bench\":\"0001.0"), None);
    }
}
