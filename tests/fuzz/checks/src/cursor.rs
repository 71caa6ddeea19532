use forge_relay_core::{Cursor, Epoch, MAX_SEQ};

/// There is exactly one text for each cursor, the one that [`Cursor::PATTERN`] describes; nothing else is one.
pub fn cursor(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        reads(text);
    }
    if let Some((bytes, _)) = data.split_first_chunk::<16>() {
        let (epoch, seq) = bytes.split_at(8);
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
        let cursor = Cursor {
            epoch: Epoch(number(epoch)),
            // Small ones too.
            seq: number(seq) >> (11 + epoch[0] % 53),
        };
        let text = cursor.to_string();
        assert_eq!(text, format!("{:016x}-{}", cursor.epoch.0, cursor.seq));
        assert_eq!(text.parse(), Ok(cursor));
        let json = serde_json::to_string(&cursor).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
    }
}

fn reads(text: &str) {
    let cursor = text.parse::<Cursor>().ok();
    assert_eq!(cursor, expected(text), "{text:?}");
    if let Some(cursor) = cursor {
        assert_eq!(cursor.to_string(), text);
    }
    let json = serde_json::to_string(text).unwrap();
    assert_eq!(serde_json::from_str(&json).ok(), cursor);
}

fn expected(text: &str) -> Option<Cursor> {
    let (epoch, seq) = text.split_once('-')?;
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let decimal = |b: u8| b.is_ascii_digit();
    let shape = epoch.len() == 16
        && epoch.bytes().all(hex)
        && (1..=16).contains(&seq.len())
        && seq.bytes().all(decimal)
        && (seq.len() == 1 || !seq.starts_with('0'));
    if !shape {
        return None;
    }
    let epoch = Epoch(u64::from_str_radix(epoch, 16).ok()?);
    let seq = seq.parse().ok().filter(|seq| *seq <= MAX_SEQ)?;
    Some(Cursor { epoch, seq })
}
