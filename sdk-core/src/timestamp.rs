use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{FieldCode, Violation};

/// An RFC 3339 timestamp with offset, kept as the text that was sent.
///
/// ```
/// use forge_relay_core::Timestamp;
/// let timestamp = Timestamp::parse("2024-05-01T12:00:00.5+02:00")?;
/// assert_eq!(timestamp.as_str(), "2024-05-01T12:00:00.5+02:00");
/// assert_eq!(timestamp.unix_seconds(), 1_714_557_600);
/// # Ok::<(), forge_relay_core::Violation>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timestamp {
    text: Box<str>,
    unix_seconds: i64,
}

impl Timestamp {
    /// The most characters: enough for any fraction of a second that means something.
    pub const MAX_LENGTH: usize = 64;
    /// The shape; that the day exists is checked too.
    pub const PATTERN: &'static str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";

    /// Checks a text.
    ///
    /// # Errors
    /// `length` or `format`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        crate::text::check_length("timestamp", text, Self::MAX_LENGTH)?;
        let unix_seconds = unix_seconds(text).ok_or_else(|| {
            let message = "timestamp must be RFC 3339 with an offset, as in 2024-05-01T10:00:00Z";
            Violation::new(FieldCode::Format, message)
        })?;
        Ok(Self {
            text: text.into(),
            unix_seconds,
        })
    }

    /// The timestamp of a moment, in UTC, to the millisecond.
    ///
    /// # Errors
    /// `range` outside of the years 0 to 9999.
    ///
    /// ```
    /// let timestamp = forge_relay_core::Timestamp::from_unix_millis(1_714_557_600_250)?;
    /// assert_eq!(timestamp.as_str(), "2024-05-01T10:00:00.25Z");
    /// # Ok::<(), forge_relay_core::Violation>(())
    /// ```
    pub fn from_unix_millis(millis: i64) -> Result<Self, Violation> {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .ok_or_else(|| {
                Violation::new(
                    FieldCode::Range,
                    "the time must be within the years 0 to 9999",
                )
            })?;
        Ok(Self {
            text: text.into(),
            unix_seconds: millis.div_euclid(1000),
        })
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Unix seconds, rounded down.
    pub fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }

    /// Checks the distance from the relay's clock.
    pub(crate) fn check_skew(&self, now: i64, allowed: u64) -> Result<(), Violation> {
        let skew = self.unix_seconds.abs_diff(now);
        if skew <= allowed {
            return Ok(());
        }
        let side = if self.unix_seconds < now {
            "behind"
        } else {
            "ahead of"
        };
        let message = format!(
            "timestamp is {skew} s {side} the relay's clock and at most {allowed} s are allowed: stamp the event when you \
             send it, and check the publisher's clock"
        );
        Err(Violation::new(FieldCode::ClockSkew, message))
    }
}

fn unix_seconds(text: &str) -> Option<i64> {
    // `time` reads any separator between date and time; RFC 3339's grammar has only T.
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(OffsetDateTime::unix_timestamp)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "maxLength": Self::MAX_LENGTH,
            "pattern": Self::PATTERN,
            "description": "RFC 3339 with offset; of a publish, within ±300 s (by default) of the relay's clock",
        })
    }
}
