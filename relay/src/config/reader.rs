//! Gives settings their meaning, and collects everything that is wrong instead of stopping at the first.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::Problem;
use super::setting::{Setting, Settings, Value};
use super::unit;

pub(super) struct Reader<'s> {
    pub(super) settings: &'s Settings,
    pub(super) problems: Vec<Problem>,
    /// Keys whose value has no meaning: rules between keys are silent about them, their cause is told already.
    bad: BTreeSet<String>,
    /// Every key that was asked for; a test holds it against the default.
    pub(super) asked: BTreeSet<String>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(settings: &'s Settings) -> Self {
        Reader {
            settings,
            problems: Vec::new(),
            bad: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }

    /// A key read by `meaning`; `None` where that fails, or nobody said anything.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        meaning: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        self.asked.insert(key.to_owned());
        let setting = self.settings.get(key)?;
        match meaning(&setting.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(key, message);
                None
            }
        }
    }

    /// A key that is one text, read by `meaning`.
    pub(super) fn text<T, E: Display>(
        &mut self,
        key: &str,
        meaning: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.read(key, |value| match value {
            Value::Text(text) => meaning(text.trim()).map_err(|e| e.to_string()),
            Value::Bare(bare) => Err(format!("put the value in quotes: \"{bare}\"")),
            Value::List(_) => Err("one value is needed, not a list".to_owned()),
        })
    }

    /// A key that is a list, each element read by `meaning`; the wrong ones are told one by one.
    pub(super) fn list<T, E: Display>(
        &mut self,
        key: &str,
        meaning: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let items = self
            .read(key, |value| match value {
                Value::List(items) => Ok(items.clone()),
                Value::Text(text) => Ok(split_list(text).map(str::to_owned).collect()),
                Value::Bare(_) => Err("write a list of texts, such as [\"…\"]".to_owned()),
            })
            .unwrap_or_default();
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            match meaning(item.trim()) {
                Ok(value) => read.push(value),
                Err(message) => self.refuse(key, message.to_string()),
            }
        }
        read
    }

    /// A key that is `true` or `false`.
    pub(super) fn truth(&mut self, key: &str) -> bool {
        self.read(key, |value| match value {
            Value::Bare(text) | Value::Text(text) => match text.trim() {
                "true" => Ok(true),
                "false" => Ok(false),
                other => Err(format!("{other:?} is neither true nor false")),
            },
            Value::List(_) => Err("write true or false".to_owned()),
        })
        .unwrap_or_default()
    }

    /// A size in bytes within a range.
    pub(super) fn size(&mut self, key: &str, range: RangeInclusive<u64>) -> usize {
        let bytes = self.number(key, range, unit::parse_size, unit::size);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// A duration within a range.
    pub(super) fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Duration {
        self.number(key, range, unit::parse_duration, unit::duration)
    }

    /// A duration that the contract counts in whole seconds.
    pub(super) fn seconds(&mut self, key: &str, range: RangeInclusive<Duration>) -> Duration {
        let time = self.duration(key, range);
        if time.subsec_nanos() != 0 {
            self.refuse(key, "write whole seconds, such as 10s");
        }
        time
    }

    /// A count within a range.
    pub(super) fn count(&mut self, key: &str, range: RangeInclusive<u32>) -> u32 {
        self.number(key, range, parse_count, |count| count.to_string())
    }

    /// A value that the relay derives itself when it is `auto`.
    pub(super) fn unless_auto<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        self.asked.insert(key.to_owned());
        let auto =
            |setting: &Setting| matches!(&setting.value, Value::Text(t) if t.trim() == "auto");
        (!self.settings.get(key).is_some_and(auto)).then(|| read(self))
    }

    fn number<T: PartialOrd + Copy>(
        &mut self,
        key: &str,
        range: RangeInclusive<T>,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(T) -> String,
    ) -> T {
        let (least, most) = (*range.start(), *range.end());
        self.read(key, |value| {
            let (Value::Text(text) | Value::Bare(text)) = value else {
                return Err("one value is needed, not a list".to_owned());
            };
            let number = parse(text)?;
            if range.contains(&number) {
                return Ok(number);
            }
            let side = if number < least { "small" } else { "large" };
            Err(format!(
                "{} is too {side}: it may be {} to {}",
                show(number),
                show(least),
                show(most)
            ))
        })
        .unwrap_or(least)
    }

    /// A rule between two keys: the first must be at least the second, or what `rule` makes of it in words.
    pub(super) fn at_least<T: PartialOrd>(
        &mut self,
        (key, value): (&str, T),
        (other, least): (&str, T),
        rule: &str,
    ) {
        if value >= least || self.bad.contains(key) || self.bad.contains(other) {
            return;
        }
        let (Some(a), Some(b)) = (self.settings.get(key), self.settings.get(other)) else {
            return;
        };
        // It is told where the operator said something: of the two, the later layer.
        let (told, message) = if b.source.rank() > a.source.rank() {
            let (a, b, source) = (shown(a), shown(b), &a.source);
            let message =
                format!("{b} is too large: {key} is {a} ({source}) and must be at least {rule}");
            (other, message)
        } else {
            let (a, b, source) = (shown(a), shown(b), &b.source);
            let message = format!(
                "{a} is too small: it must be at least {rule}, and {other} is {b} ({source})"
            );
            (key, message)
        };
        self.problem(told, message);
    }

    /// Whether a key has no meaning.
    pub(super) fn is_bad(&self, key: &str) -> bool {
        self.bad.contains(key)
    }

    /// A key whose value cannot be used.
    pub(super) fn refuse(&mut self, key: &str, message: impl Into<String>) {
        self.bad.insert(key.to_owned());
        self.problem(key, message);
    }

    /// Something wrong about a key.
    pub(super) fn problem(&mut self, key: &str, message: impl Into<String>) {
        let source = self.settings.get(key).map(|setting| setting.source.clone());
        self.problems.push(Problem {
            source,
            key: key.to_owned(),
            message: message.into(),
        });
    }
}

fn shown(setting: &Setting) -> String {
    match &setting.value {
        Value::Text(text) | Value::Bare(text) => text.trim().to_owned(),
        Value::List(items) => items.join(", "),
    }
}

/// The elements of a list in a variable.
pub(super) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|item| !item.is_empty())
}

fn parse_count(text: &str) -> Result<u32, String> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{text:?} is not a whole number"));
    }
    text.parse().map_err(|_| format!("{text} is too large"))
}
