//! Sizes and durations as people write them: `64KiB`, `300s`.

use std::time::Duration;

const SIZES: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
/// In milliseconds.
const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Bytes of a size such as `500B`, `64KiB`, `1MiB`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    match unit {
        "" if is_number(number) => Err(format!(
            "{number} has no unit: write it with one, such as {number}KiB"
        )),
        // Half the world reads these as 1000, the other half as 1024.
        "k" | "K" | "KB" | "kB" | "kb" => Err(format!(
            "{unit} is ambiguous: write {number}KiB (1024 bytes)"
        )),
        "M" | "MB" | "mb" => Err(format!("{unit} is ambiguous: write {number}MiB (1024 KiB)")),
        "G" | "GB" | "gb" => Err(format!("{unit} is ambiguous: write {number}GiB (1024 MiB)")),
        _ => scale(text, number, unit, &SIZES).ok_or_else(|| {
            format!(
                "{text:?} is not a size: write a whole number and B, KiB, MiB or GiB, such as 64KiB"
            )
        })?,
    }
}

/// A duration such as `250ms`, `10s`, `5m`, `1h`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    if unit.is_empty() && is_number(number) {
        return Err(format!(
            "{number} has no unit: write it with one, such as {number}s"
        ));
    }
    scale(text, number, unit, &TIMES)
        .ok_or_else(|| {
            format!(
                "{text:?} is not a duration: write a whole number and ms, s, m or h, such as 10s"
            )
        })?
        .map(Duration::from_millis)
}

/// The shortest way to write a size exactly.
pub(super) fn size(bytes: u64) -> String {
    shortest(bytes, &SIZES)
}

/// The shortest way to write a duration exactly, in whole milliseconds.
pub(super) fn duration(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    shortest(millis, &TIMES)
}

fn shortest(value: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))
        .map_or_else(
            || format!("{value}{}", units[0].0),
            |(unit, factor)| format!("{}{unit}", value / factor),
        )
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `None`: not of this form. `Some(Err)`: of this form, but beyond all measure.
fn scale(
    text: &str,
    number: &str,
    unit: &str,
    units: &[(&str, u64)],
) -> Option<Result<u64, String>> {
    if !is_number(number) {
        return None;
    }
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    Some(
        number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(*factor))
            .ok_or_else(|| format!("{text} is too large")),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in [
            ("0B", 0),
            ("500B", 500),
            ("64KiB", 65_536),
            ("64 KiB", 65_536),
            (" 1MiB ", 1 << 20),
            ("2GiB", 2 << 30),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_refused_with_its_cure() {
        assert_eq!(
            parse_size("64").unwrap_err(),
            "64 has no unit: write it with one, such as 64KiB"
        );
        assert_eq!(
            parse_duration("300").unwrap_err(),
            "300 has no unit: write it with one, such as 300s"
        );
    }

    #[test]
    fn decimal_units_are_ambiguous_and_say_what_to_write() {
        assert_eq!(
            parse_size("64KB").unwrap_err(),
            "KB is ambiguous: write 64KiB (1024 bytes)"
        );
        assert_eq!(
            parse_size("2M").unwrap_err(),
            "M is ambiguous: write 2MiB (1024 KiB)"
        );
    }

    #[test]
    fn what_is_no_size_or_duration_is_refused() {
        for text in [
            "", "KiB", "-1KiB", "1.5MiB", "64kib", "0x10B", "1KiB1", "٣B",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "10sec", "1h30m", "10 S", "+1s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(
            parse_size("99999999999TiB")
                .unwrap_err()
                .contains("too large")
        );
        assert!(
            parse_duration("99999999999999999999h")
                .unwrap_err()
                .contains("too large")
        );
    }

    #[test]
    fn durations_have_units_from_milliseconds_to_hours() {
        for (text, millis) in [
            ("250ms", 250),
            ("300s", 300_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in 0..u64::MAX / 2) {
            prop_assert_eq!(parse_size(&size(value)), Ok(value));
            let time = Duration::from_millis(value);
            prop_assert_eq!(parse_duration(&duration(time)), Ok(time));
        }

        #[test]
        fn no_text_is_a_panic(text in ".*") {
            let _ = parse_size(&text);
            let _ = parse_duration(&text);
        }
    }
}
