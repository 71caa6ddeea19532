//! Text with rules, as a type: one macro, so that the run-time check, serde and the JSON Schema of each share the same
//! constants.

use crate::{FieldCode, Violation};

/// Bounds of a text, shared by the check and the schema.
pub(crate) fn check_length(name: &str, text: &str, max: usize) -> Result<(), Violation> {
    // Every text with this bound is ASCII once it passes its format check, so bytes are characters; a text that is not
    // is refused either way.
    if text.is_empty() {
        return Err(Violation::new(
            FieldCode::Length,
            format!("{name} must not be empty: use 1 to {max} characters"),
        ));
    }
    if text.len() > max {
        let bytes = text.len();
        return Err(Violation::new(
            FieldCode::Length,
            format!("{name} has {bytes} bytes: use 1 to {max} characters"),
        ));
    }
    Ok(())
}

/// Defines a newtype over `Box<str>` that can only hold what `$check` allows.
macro_rules! checked_text {
    (
        $(#[$doc:meta])*
        $name:ident { max: $max:expr, describe: $describe:expr, pattern: $pattern:expr, not: $not:expr, check: $check:path }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most characters it may have; the least is one.
            pub const MAX_LENGTH: usize = $max;
            /// What it may look like, as a regular expression that ECMA 262, RE2 and Rust's `regex` read alike.
            pub const PATTERN: &'static str = $pattern;

            /// Checks a text.
            ///
            /// # Errors
            /// The first rule that it breaks, with the cure.
            pub fn parse(text: &str) -> Result<Self, $crate::Violation> {
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Violation;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = schemars::json_schema!({
                    "type": "string",
                    "description": $describe,
                    "minLength": 1,
                    "maxLength": Self::MAX_LENGTH,
                    "pattern": Self::PATTERN,
                });
                if let Some(not) = $not {
                    let not: &str = not;
                    schema.insert("not".into(), serde_json::json!({ "pattern": not }));
                }
                schema
            }
        }
    };
}
