//! Flags, whole numbers, numbers with a fraction, and sizes in bytes.

use bytesize::ByteSize;

use super::{Parse, Problem, Reading, bounds, in_range};
use crate::value::SettingValue;

impl Parse for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        const CURE: &str = "write true or false";
        match value {
            SettingValue::Flag(flag) => Ok(*flag),
            SettingValue::Text(text) if reading.textual => {
                match text.trim().to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" | "on" => Ok(true),
                    "false" | "0" | "no" | "off" => Ok(false),
                    _ => Err(Problem::wrong_type("is neither true nor false", CURE)),
                }
            }
            other => Err(Problem::unexpected(other, Self::EXPECTED, CURE)),
        }
    }

    fn shown(&self) -> SettingValue {
        (*self).into()
    }
}

impl Parse for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let written = |bound: f64| format!("{bound:.0}");
        let cure = || {
            let quotes = if reading.textual {
                ""
            } else {
                " without quotes"
            };
            format!(
                "write a whole number{quotes}, {}",
                bounds(reading.range, written)
            )
        };
        let number = match value {
            SettingValue::Integer(number) => *number,
            SettingValue::Text(text) if reading.textual => text
                .trim()
                .parse()
                .map_err(|_| Problem::wrong_type("is not a whole number", cure()))?,
            other => return Err(Problem::unexpected(other, Self::EXPECTED, cure())),
        };
        in_range(number as f64, reading.range, written)?;
        u32::try_from(number).map_err(|_| Problem::wrong_type("does not fit 32 bits", cure()))
    }

    fn shown(&self) -> SettingValue {
        (*self).into()
    }
}

impl Parse for f64 {
    const EXPECTED: &'static str = "a number";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let written = |bound: f64| bound.to_string();
        let cure = || format!("write a number, {}", bounds(reading.range, written));
        let number = match value {
            SettingValue::Integer(number) => *number as f64,
            SettingValue::Number(number) => *number,
            SettingValue::Text(text) if reading.textual => text
                .trim()
                .parse()
                .map_err(|_| Problem::wrong_type("is not a number", cure()))?,
            other => return Err(Problem::unexpected(other, Self::EXPECTED, cure())),
        };
        if !number.is_finite() {
            return Err(Problem::wrong_type("is not a finite number", cure()));
        }
        in_range(number, reading.range, written)?;
        Ok(number)
    }

    fn shown(&self) -> SettingValue {
        (*self).into()
    }
}

impl Parse for ByteSize {
    const EXPECTED: &'static str = "a size with a unit";

    fn parse(value: &SettingValue, reading: &Reading<'_>) -> Result<Self, Problem> {
        let cure = || {
            let bounds = bounds(reading.range, size_text);
            format!("write a size with a unit, such as \"64MiB\", {bounds}")
        };
        let text = match value {
            SettingValue::Text(text) => text.trim(),
            SettingValue::Integer(_) | SettingValue::Number(_) => {
                return Err(Problem::wrong_type("is a number without a unit", cure()));
            }
            other => return Err(Problem::unexpected(other, Self::EXPECTED, cure())),
        };
        if text.parse::<f64>().is_ok() {
            return Err(Problem::wrong_type("is a number without a unit", cure()));
        }
        let size: ByteSize = text
            .parse()
            .map_err(|_| Problem::wrong_type("is not a size", cure()))?;
        in_range(size.as_u64() as f64, reading.range, size_text)?;
        Ok(size)
    }

    fn shown(&self) -> SettingValue {
        SettingValue::Text(size_text(self.as_u64() as f64))
    }
}

/// A size in the largest binary unit that needs no fraction, so that it reads back the same.
fn size_text(bytes: f64) -> String {
    let bytes = bytes as u64;
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    match fitting {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}
