//! UTF-8 that arrives in pieces: what is wrong is found with the first byte that shows it.

/// The longest character, in bytes.
const LONGEST: usize = 4;

/// Judges a text piece by piece. Each byte is looked at once, but for those of a character that a
/// piece has cut, of which there are at most three.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Utf8 {
    /// The character that the last piece has cut.
    cut: [u8; LONGEST],
    length: usize,
}

impl Utf8 {
    /// Takes the next piece; whether the text so far can still become valid.
    #[must_use]
    pub(super) fn take(&mut self, mut piece: &[u8]) -> bool {
        while self.length > 0 {
            let Some((first, rest)) = piece.split_first() else {
                return true;
            };
            self.cut[self.length] = *first;
            self.length += 1;
            piece = rest;
            match std::str::from_utf8(&self.cut[..self.length]) {
                Ok(_) => self.length = 0,
                // A character of four bytes is whole or wrong: there is always room for the next one.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        let Err(error) = std::str::from_utf8(piece) else {
            return true;
        };
        if error.error_len().is_some() {
            return false;
        }
        let cut = &piece[error.valid_up_to()..];
        self.cut[..cut.len()].copy_from_slice(cut);
        self.length = cut.len();
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// Whether some text begins with these bytes.
    fn can_become_valid(bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
    }

    #[test]
    fn every_character_may_be_cut_anywhere() {
        for character in [
            'a', '\u{7f}', '\u{80}', 'é', '\u{7ff}', '\u{800}', '€', '\u{d7ff}',
        ]
        .into_iter()
        .chain(['\u{e000}', '\u{ffff}', '\u{10000}', '😀', '\u{10ffff}'])
        {
            let text = format!("{character}{character}");
            let mut one_by_one = Utf8::default();
            for byte in text.as_bytes() {
                assert!(one_by_one.take(&[]));
                assert!(one_by_one.take(&[*byte]), "{character:?}");
            }
            assert_eq!(one_by_one.length, 0);
            for cut in 0..=text.len() {
                let (a, b) = text.as_bytes().split_at(cut);
                let mut utf8 = Utf8::default();
                assert!(utf8.take(a) && utf8.take(b), "{character:?} cut at {cut}");
                assert_eq!(utf8.length, 0);
            }
        }
    }

    #[test]
    fn the_first_byte_that_cannot_be_right_is_refused() {
        for (fine, wrong) in [
            (&b""[..], 0x80),          // a continuation byte alone
            (b"", 0xC0),               // overlong
            (b"", 0xF5),               // beyond U+10FFFF
            (&[0xC3], b'a'),           // not continued
            (&[0xE0], 0x9F),           // overlong
            (&[0xED], 0xA0),           // a surrogate
            (&[0xE2, 0x82], 0xC3),     // not continued
            (&[0xF0], 0x8F),           // overlong
            (&[0xF4], 0x90),           // beyond U+10FFFF
            (&[0xF0, 0x9F, 0x98], 32), // not continued
        ] {
            for before in ["", "a", "é"] {
                let mut utf8 = Utf8::default();
                assert!(utf8.take(before.as_bytes()) && utf8.take(fine));
                assert!(!utf8.take(&[wrong]), "{fine:x?} {wrong:x}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_are_judged_as_the_whole_is(
            bytes in prop_oneof![
                vec(any::<u8>(), 0..12),
                vec(prop_oneof![
                    any::<char>().prop_map(|character| character.to_string().into_bytes()),
                    vec(prop::sample::select(vec![0x80, 0xBF, 0xC3, 0xE2, 0xED, 0xF0, 0xF4]), 0..2),
                ], 0..8).prop_map(|parts| parts.concat()),
            ],
            cuts in vec(any::<Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut utf8 = Utf8::default();
            let mut taken = 0;
            for cut in cuts.windows(2) {
                if !utf8.take(&bytes[cut[0]..cut[1]]) {
                    prop_assert!(!can_become_valid(&bytes[..cut[1]]));
                    return Ok(());
                }
                taken = cut[1];
                prop_assert!(can_become_valid(&bytes[..taken]));
            }
            prop_assert_eq!(taken, bytes.len());
            prop_assert_eq!(utf8.length == 0, std::str::from_utf8(&bytes).is_ok());
        }
    }
}
