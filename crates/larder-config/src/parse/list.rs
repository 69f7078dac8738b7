//! Lists: of hosts, of names, of keys. From the environment they come with commas in between.

use super::text::{HostPort, text};
use super::threshold::OperationThreshold;
use super::{Parse, Problem, Reading};
use crate::encryption_key::EncryptionKey;
use crate::value::SettingValue;

impl Parse for Vec<HostPort> {
    const EXPECTED: &'static str = "a list of hosts";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let cure = match reading.textual {
            true => "write host:port,host:port,...",
            false => "write [\"host:port\", \"host:port\", ...]",
        };
        items(
            value,
            reading,
            Self::EXPECTED,
            "a host",
            cure,
            |number, host| {
                HostPort::parse(host).ok_or_else(|| {
                    let problem = format!("has no host, or no port, in entry {number}");
                    Problem::wrong_type(problem, cure)
                })
            },
        )
    }

    fn shown(&self) -> SettingValue {
        SettingValue::List(self.iter().map(|host| host.to_string().into()).collect())
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

impl Parse for Vec<String> {
    const EXPECTED: &'static str = "a list of names";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let cure = match reading.textual {
            true => "write name,name,...",
            false => "write [\"name\", \"name\", ...]",
        };
        items(
            value,
            reading,
            Self::EXPECTED,
            "a name",
            cure,
            |number, name| {
                String::parse(&name.into(), reading).map_err(|problem| {
                    let text = format!("{} in entry {number}", problem.problem);
                    Problem::wrong_type(text, cure)
                })
            },
        )
    }

    fn shown(&self) -> SettingValue {
        SettingValue::List(self.iter().map(|name| name.as_str().into()).collect())
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

impl Parse for Vec<OperationThreshold> {
    const EXPECTED: &'static str = "a list of thresholds";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let cure = match reading.textual {
            true => "write service.operation=200ms,service=5s,...",
            false => "write [\"service.operation=200ms\", \"service=5s\", ...]",
        };
        items(
            value,
            reading,
            Self::EXPECTED,
            "a threshold",
            cure,
            |number, threshold| {
                OperationThreshold::parse(threshold, reading).ok_or_else(|| {
                    let problem =
                        format!("is not an operation and a duration with a unit in entry {number}");
                    Problem::wrong_type(problem, cure)
                })
            },
        )
    }

    fn shown(&self) -> SettingValue {
        SettingValue::List(self.iter().map(|one| one.to_string().into()).collect())
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

impl Parse for Vec<EncryptionKey> {
    const EXPECTED: &'static str = "a list of keys";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let cure = match reading.textual {
            true => "write key,key,... as `openssl rand -base64 32` makes them",
            false => "write [\"key\", ...], each as `openssl rand -base64 32` makes it",
        };
        items(
            value,
            reading,
            Self::EXPECTED,
            "a key",
            cure,
            |number, key| {
                EncryptionKey::parse(key).ok_or_else(|| {
                    let problem = format!("is not the base64 of 32 bytes in entry {number}");
                    Problem::wrong_type(problem, cure)
                })
            },
        )
    }

    fn shown(&self) -> SettingValue {
        SettingValue::List(self.iter().map(|key| key.to_string().into()).collect())
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

/// Reads each item, which knows its number, from 1 on.
fn items<T>(
    value: &SettingValue,
    reading: &Reading<'_>,
    expected: &str,
    expected_item: &str,
    cure: &str,
    read: impl Fn(usize, &str) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    let written: Vec<&str> = match value {
        SettingValue::Unset => Vec::new(),
        SettingValue::Text(text) if reading.textual => text.split(',').collect(),
        SettingValue::List(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                text(item, expected_item, cure).map_err(|problem| Problem {
                    problem: format!("{} in entry {}", problem.problem, index + 1),
                    ..problem
                })
            })
            .collect::<Result<_, _>>()?,
        other => return Err(Problem::unexpected(other, expected, cure)),
    };
    let numbered = written.iter().enumerate();
    numbered
        .map(|(index, item)| read(index + 1, item.trim()))
        .collect()
}
