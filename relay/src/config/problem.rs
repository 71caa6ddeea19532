//! What is wrong with a configuration, and where.

use std::fmt;

use super::setting::Source;

/// One thing that is wrong, or odd where it is a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said; `None` where it is missing.
    pub source: Option<Source>,
    /// The key, such as `limits.payload`; empty where it is about the whole.
    pub key: String,
    /// What is wrong and what to do. Never a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}: ")?;
        }
        // The name of a variable or flag says the key already.
        let named = matches!(self.source, Some(Source::Variable(_) | Source::Flag(_)));
        if !self.key.is_empty() && !named {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// All that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// In the order of the sources.
    pub problems: Vec<Problem>,
    /// What is odd beside; a typing error in a variable's name may be the cause of a problem.
    pub warnings: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("the configuration has a problem:")?,
            n => write!(f, "the configuration has {n} problems:")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        for warning in &self.warnings {
            write!(f, "\n  warning: {warning}")?;
        }
        Ok(())
    }
}
