//! How many rows to return at most.

use crate::error::{Error, InvalidInput, Result};

/// The most rows that a list may return: 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(u16);

impl Limit {
    /// The largest limit: 1,000 rows.
    pub const MAX: Self = Self(1000);

    /// Takes a number of rows.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it is 0 or above 1,000.
    pub fn new(rows: u32) -> Result<Self> {
        rows.try_into()
    }

    /// The number of rows, as Diesel's `limit` takes it.
    #[must_use]
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

macro_rules! limit_from {
    ($($number:ty),+) => {$(
        impl TryFrom<$number> for Limit {
            type Error = Error;

            fn try_from(rows: $number) -> Result<Self> {
                match u16::try_from(rows) {
                    Ok(rows @ 1..=1000) => Ok(Self(rows)),
                    _ => Err(InvalidInput::new("limit", rows, "must be from 1 to 1000").into()),
                }
            }
        }
    )+};
}

// Signed ones too: a literal without a type is an i32.
limit_from!(u32, i32, u64, i64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_a_thousand() {
        assert_eq!(Limit::new(1).unwrap().get(), 1);
        assert_eq!(Limit::new(1000).unwrap(), Limit::MAX);
        for bad in [0, 1001, 65_537, u32::MAX] {
            assert!(Limit::new(bad).is_err(), "{bad}");
        }
        assert!(Limit::try_from(-1).is_err());
        assert_eq!(Limit::try_from(7_usize).unwrap().get(), 7);
    }
}
