//! `forge-relay openapi`.

use super::exit::Exit;
use super::output::{complain, say};

pub(super) fn run() -> Exit {
    let files = crate::generated_files();
    let Some((_, document)) = files.iter().find(|(path, _)| path == "openapi.json") else {
        complain("this build has no OpenAPI document");
        return Exit::Failed;
    };
    say(document.trim_end());
    Exit::Done
}
