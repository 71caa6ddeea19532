//! Standard output for what was asked for, standard error for everything else.
//!
//! A reader that went away (`| head`) is no reason to panic, as `println!` would.

use std::fmt::Display;
use std::io::Write as _;

/// A line of what was asked for.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line beside it, for people.
pub(super) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// What went wrong.
pub(super) fn complain(line: impl Display) {
    note(format_args!("forge-relay: {line}"));
}
