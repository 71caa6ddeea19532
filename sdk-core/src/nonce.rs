use crate::text::check_length;
use crate::{FieldCode, Violation};

checked_text! {
    /// The idempotency key of a publish: 1 to 64 visible ASCII characters, unique per app. A UUID is a good one.
    ///
    /// ```
    /// use forge_relay_core::Nonce;
    /// assert!(Nonce::parse("7c1de0a2-5d1b-4b41-9f53-0cf3a6c7ce1c").is_ok());
    /// assert!(Nonce::parse("two words").is_err());
    /// ```
    Nonce { max: 64, describe: "The idempotency key, visible ASCII, unique per app: a UUID is a good one", pattern: "^[!-~]+$", not: None, check: check }
}

fn check(text: &str) -> Result<(), Violation> {
    check_length("nonce", text, Nonce::MAX_LENGTH)?;
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        let message =
            "nonce may only hold visible ASCII characters, without spaces: a UUID is a good one";
        return Err(Violation::new(FieldCode::Format, message));
    }
    Ok(())
}
