use crate::text::check_length;
use crate::{FieldCode, Violation};

checked_text! {
    /// The id of a session: 1 to 128 of `A-Z a-z 0-9 . _ : ~ -`.
    ///
    /// ```
    /// use forge_relay_core::SessionId;
    /// assert_eq!(SessionId::parse("abc-123").unwrap().as_str(), "abc-123");
    /// assert!(SessionId::parse("planning poker").is_err());
    /// ```
    SessionId { max: 128, describe: "The id of a session, of A-Z a-z 0-9 . _ : ~ -", pattern: "^[A-Za-z0-9._:~-]+$", not: None, check: check }
}

fn check(text: &str) -> Result<(), Violation> {
    check_length("sessionId", text, SessionId::MAX_LENGTH)?;
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'~' | b'-');
    if !text.bytes().all(allowed) {
        return Err(Violation::new(
            FieldCode::Format,
            "sessionId may only hold A-Z a-z 0-9 . _ : ~ -",
        ));
    }
    Ok(())
}
