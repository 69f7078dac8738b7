//! The value of a setting without its type: what code passes in, and what `config show` prints.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};

/// The value of a setting, as it is written in `larder.toml`.
///
/// It goes both ways: [`ConfigLoader::set`](crate::ConfigLoader::set) takes whatever converts
/// into it, and [`Setting::value`](crate::Setting) shows the value in effect. A value that is
/// shown has its secrets replaced; one that a caller made holds what the caller put in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SettingValue {
    /// The setting has no value.
    Unset,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// Text; also durations (`"5m"`), sizes (`"64MiB"`), URLs and paths.
    Text(String),
    /// A list, such as the hosts of a Redis cluster.
    List(Vec<SettingValue>),
}

impl SettingValue {
    /// What kind of value this is, for a message about a wrong type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            SettingValue::Unset => "nothing",
            SettingValue::Flag(_) => "true or false",
            SettingValue::Integer(_) => "a whole number",
            SettingValue::Number(_) => "a number with a fraction",
            SettingValue::Text(_) => "text",
            SettingValue::List(_) => "a list",
        }
    }
}

impl fmt::Display for SettingValue {
    /// Writes the value as a user reads it: text without quotes, `-` for no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Unset => f.write_str("-"),
            SettingValue::Flag(flag) => write!(f, "{flag}"),
            SettingValue::Integer(number) => write!(f, "{number}"),
            SettingValue::Number(number) => write!(f, "{number}"),
            SettingValue::Text(text) => f.write_str(text),
            SettingValue::List(items) if items.is_empty() => f.write_str("-"),
            SettingValue::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{item}")?;
                }
                Ok(())
            }
        }
    }
}

impl Serialize for SettingValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            SettingValue::Unset => serializer.serialize_none(),
            SettingValue::Flag(flag) => serializer.serialize_bool(*flag),
            SettingValue::Integer(number) => serializer.serialize_i64(*number),
            SettingValue::Number(number) => serializer.serialize_f64(*number),
            SettingValue::Text(text) => serializer.serialize_str(text),
            SettingValue::List(items) => items.serialize(serializer),
        }
    }
}

macro_rules! from_whole_number {
    ($($number:ty),*) => {$(
        impl From<$number> for SettingValue {
            /// A number that does not fit 64 bits with a sign becomes the largest that does:
            /// no setting allows as much, so it is reported as out of range.
            fn from(number: $number) -> Self {
                SettingValue::Integer(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
    )*};
}

from_whole_number!(i32, i64, u16, u32, u64, usize);

impl From<bool> for SettingValue {
    fn from(flag: bool) -> Self {
        SettingValue::Flag(flag)
    }
}

impl From<f64> for SettingValue {
    fn from(number: f64) -> Self {
        SettingValue::Number(number)
    }
}

impl From<&str> for SettingValue {
    fn from(text: &str) -> Self {
        SettingValue::Text(text.to_owned())
    }
}

impl From<String> for SettingValue {
    fn from(text: String) -> Self {
        SettingValue::Text(text)
    }
}

impl From<Duration> for SettingValue {
    fn from(duration: Duration) -> Self {
        SettingValue::Text(humantime::format_duration(duration).to_string())
    }
}

impl From<&Path> for SettingValue {
    fn from(path: &Path) -> Self {
        SettingValue::Text(path.display().to_string())
    }
}

impl From<PathBuf> for SettingValue {
    fn from(path: PathBuf) -> Self {
        path.as_path().into()
    }
}

impl<T: Into<SettingValue>> From<Option<T>> for SettingValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(SettingValue::Unset, Into::into)
    }
}

impl<T: Into<SettingValue>> From<Vec<T>> for SettingValue {
    fn from(items: Vec<T>) -> Self {
        SettingValue::List(items.into_iter().map(Into::into).collect())
    }
}
