//! `forge-relay openapi`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::output::{complain, say};

#[derive(Args)]
pub(super) struct Openapi {
    /// Write every generated document (OpenAPI, AsyncAPI, JSON Schemas) into this folder instead of
    /// printing the OpenAPI one
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Openapi {
    pub(super) fn run(self) -> Exit {
        let Some(dir) = self.dir else {
            say(format!("{:#}", crate::http::openapi::document()));
            return Exit::Done;
        };
        for (path, content) in crate::generated_files() {
            if let Err(error) = write(&dir.join(&path), &content) {
                complain(format_args!(
                    "{} cannot be written: {error}",
                    dir.join(path).display()
                ));
                return Exit::Failed;
            }
        }
        Exit::Done
    }
}

fn write(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content)
}
