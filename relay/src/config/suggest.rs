//! Did you mean …?

/// The known name that a mistyped one most likely stands for.
///
/// Names are paths whose parts are split by `separator`: one in the wrong place (`payload` for `limits.payload`)
/// is as likely a mistake as a wrong letter.
pub(crate) fn suggest<'k>(
    unknown: &str,
    known: impl IntoIterator<Item = &'k str>,
    separator: char,
) -> Option<&'k str> {
    let last = |name: &str| name.rsplit(separator).next().unwrap_or(name).to_owned();
    known
        .into_iter()
        .filter_map(|name| {
            let distance = strsim::damerau_levenshtein(unknown, name);
            let misplaced = separator == '.' && last(unknown) == last(name);
            let near = distance <= 1.max(unknown.len().min(name.len()) / 4);
            let score = if misplaced { 0 } else { distance };
            (misplaced || near).then_some((score, distance, name))
        })
        .min()
        .map(|(_, _, name)| name)
}

/// `: did you mean limits.payload?`, or nothing.
pub(super) fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(": did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = [
        "bind",
        "log",
        "log_format",
        "limits.payload",
        "limits.ping_timeout",
    ];

    #[test]
    fn a_wrong_letter_and_a_wrong_place_are_understood() {
        for (typed, meant) in [
            ("bnid", "bind"),
            ("log-format", "log_format"),
            ("limits.paylaod", "limits.payload"),
            ("limit.payload", "limits.payload"),
            ("payload", "limits.payload"),
            ("limits.bind", "bind"),
            ("limits.ping_time_out", "limits.ping_timeout"),
        ] {
            assert_eq!(suggest(typed, KEYS, '.'), Some(meant), "{typed}");
        }
    }

    #[test]
    fn nothing_is_suggested_for_what_resembles_nothing() {
        assert_eq!(suggest("colour", KEYS, '.'), None);
        assert_eq!(
            suggest("RELAY_PORT_8080_TCP", ["RELAY_BIND", "RELAY_LOG"], '_'),
            None
        );
    }
}
