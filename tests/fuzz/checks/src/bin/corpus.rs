//! The way between the corpora as they are committed and the folders of files that libFuzzer knows, and a check run on
//! one file; `cargo xtask fuzz` calls it.
#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::io;
use std::path::Path;

use forge_relay_fuzz::{CHECKS, corpus, seeds};

const USAGE: &str = "usage: corpus unpack CHECK FOLDER | pack CHECK FOLDER | run CHECK FILE";

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [word, name, path] = &arguments[..] else {
        return Err(io::Error::other(USAGE));
    };
    let check = CHECKS.iter().find(|(known, _)| known == name);
    let (_, check) = check.ok_or_else(|| io::Error::other(format!("there is no check {name}")))?;
    let path = Path::new(path);
    match word.as_str() {
        "unpack" => unpack(name, path),
        "pack" => pack(name, path),
        "run" => {
            check(&std::fs::read(path)?);
            println!("{name} holds for {}", path.display());
            Ok(())
        }
        _ => Err(io::Error::other(USAGE)),
    }
}

/// Adds seeds and corpus to a folder.
fn unpack(name: &str, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let inputs = seeds::seeds(name).into_iter().chain(corpus::read(name)?);
    for (number, input) in inputs.enumerate() {
        std::fs::write(folder.join(format!("committed-{number:03}")), input)?;
    }
    Ok(())
}

/// Makes a folder's files the corpus, but for the seeds.
fn pack(name: &str, folder: &Path) -> io::Result<()> {
    let mut inputs = Vec::new();
    for file in std::fs::read_dir(folder)? {
        inputs.push(std::fs::read(file?.path())?);
    }
    let seeds = seeds::seeds(name);
    inputs.retain(|input| !seeds.contains(input));
    corpus::write(name, inputs)
}
