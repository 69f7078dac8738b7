//! Numbers as people read them: sizes, counts, shares, times.

use std::time::Duration;

/// Bytes, such as `1.5 GiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes.max(0.0);
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    match (unit, amount) {
        (0, _) => format!("{amount:.0} B"),
        (_, 100.0..) => format!("{amount:.0} {}", UNITS[unit]),
        _ => format!("{amount:.1} {}", UNITS[unit]),
    }
}

/// A count with its thousands apart.
pub(crate) fn count(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < -0.5 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share from 0 to 1 in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Seconds, in the unit that suits.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        86_400.0.. => format!("{:.1} days", seconds / 86_400.0),
        3_600.0.. => format!("{:.1} h", seconds / 3_600.0),
        60.0.. => format!("{:.1} min", seconds / 60.0),
        _ => format!("{seconds:.1} s"),
    }
}

/// The same of a [`Duration`].
pub(crate) fn duration(duration: Duration) -> String {
    seconds(duration.as_secs_f64())
}

/// Milliseconds.
pub(crate) fn milliseconds(milliseconds: f64) -> String {
    match milliseconds {
        10_000.0.. => seconds(milliseconds / 1e3),
        10.0.. => format!("{milliseconds:.0} ms"),
        _ => format!("{milliseconds:.2} ms"),
    }
}

/// How long reading or writing that many bytes takes, roughly: a class, no promise.
pub(crate) fn time_class(bytes: f64) -> &'static str {
    const MIB: f64 = 1_048_576.0;
    match bytes / MIB {
        ..100.0 => "seconds",
        100.0..5_000.0 => "minutes",
        5_000.0..100_000.0 => "up to an hour",
        _ => "hours",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_units_that_suit() {
        assert_eq!(bytes(0.0), "0 B");
        assert_eq!(bytes(1536.0), "1.5 KiB");
        assert_eq!(bytes(300.0 * 1024.0 * 1024.0), "300 MiB");
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(-1_000.0), "-1,000");
        assert_eq!(count(999.0), "999");
        assert_eq!(percent(0.123), "12.3 %");
        assert_eq!(seconds(172_800.0), "2.0 days");
        assert_eq!(milliseconds(0.5), "0.50 ms");
        assert_eq!(time_class(1e9), "minutes");
    }
}
