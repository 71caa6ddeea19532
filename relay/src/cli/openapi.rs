//! `forge-relay openapi`.

use super::exit::Exit;
use super::output::say;

pub(super) fn run() -> Exit {
    say(crate::http::openapi::document_json().trim_end());
    Exit::Done
}
