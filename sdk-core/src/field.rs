//! What is wrong with one field: the words that `errors[]` of a problem is made of.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of rule that a field broke; stable, for programs. The message beside it is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FieldCode {
    /// A required field is not there.
    Missing,
    /// The field is not one that this request knows.
    Unknown,
    /// The field is there more than once.
    Duplicate,
    /// The value has another JSON type than it must have.
    WrongType,
    /// Too short or too long, too few or too many.
    Length,
    /// Characters, or an order of them, that the field may not have.
    Format,
    /// A number outside of its range.
    Range,
    /// A name that the relay keeps for itself.
    Reserved,
    /// More bytes than are allowed.
    TooLarge,
    /// Arrays and objects nested deeper than is allowed.
    TooDeep,
    /// A time too far from the relay's clock.
    ClockSkew,
    /// A nonce that was used with another event.
    NonceConflict,
}

/// One rule broken by one value, before it is known where the value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub code: FieldCode,
    /// What to do about it, as a sentence without a full stop.
    pub message: Cow<'static, str>,
}

impl Violation {
    /// A violation with a message that says the cure.
    pub fn new(code: FieldCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Puts the violation at a field, given as a JSON Pointer.
    ///
    /// ```
    /// let violation = forge_relay_core::SessionId::parse("").unwrap_err();
    /// assert_eq!(violation.at("/sessionId").field, "/sessionId");
    /// ```
    pub fn at(self, field: impl Into<String>) -> FieldError {
        FieldError {
            index: None,
            field: field.into(),
            code: self.code,
            message: self.message.into_owned(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Violation {}

/// One entry of a problem's `errors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FieldError {
    /// Which event of a batch, from 0; absent where there is no batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "usize"))]
    pub index: Option<usize>,
    /// A JSON Pointer (RFC 6901) to the field, from the event (of a batch: from the event at `index`); empty for the
    /// whole.
    pub field: String,
    /// The rule that is broken.
    pub code: FieldCode,
    /// What to do about it.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "event {index}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}
