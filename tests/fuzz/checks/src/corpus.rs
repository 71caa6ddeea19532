//! What the fuzzers found interesting, as text: a file for each check, a line for each input, in which everything
//! but visible ASCII is escaped.

use std::io;
use std::path::{Path, PathBuf};

/// The most inputs that are kept for a check.
pub const MAX_INPUTS: usize = 1000;

/// Where a check's inputs are.
pub fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    folder.join(format!("{name}.txt"))
}

/// The inputs of a check; none where it has no file yet.
///
/// # Errors
/// The file cannot be read, or a line of it is not what [`write`] writes.
pub fn read(name: &str) -> io::Result<Vec<Vec<u8>>> {
    let text = match std::fs::read_to_string(path(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let wrong = |line| io::Error::other(format!("{name}.txt: not an input: {line}"));
    text.lines()
        .map(|line| parse(line).ok_or_else(|| wrong(line)))
        .collect()
}

/// Replaces a check's inputs with the smallest of these, at most [`MAX_INPUTS`].
///
/// # Errors
/// The file cannot be written.
pub fn write(name: &str, mut inputs: Vec<Vec<u8>>) -> io::Result<()> {
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    inputs.truncate(MAX_INPUTS);
    let mut text = String::new();
    for input in inputs {
        text.push_str(&format!("{}\n", input.escape_ascii()));
    }
    std::fs::write(path(name), text)
}

/// The way back of [`slice::escape_ascii`].
fn parse(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b't' => b'\t',
            b'r' => b'\r',
            b'n' => b'\n',
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            quoted @ (b'\\' | b'\'' | b'"') => quoted,
            _ => return None,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_read_as_they_were_written() {
        let all: Vec<u8> = (0..=255).collect();
        let line = all.escape_ascii().to_string();
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        assert_eq!(parse(&line), Some(all));
        for broken in ["\\", "\\x1", "\\xzz", "\\a"] {
            assert_eq!(parse(broken), None);
        }
    }
}
