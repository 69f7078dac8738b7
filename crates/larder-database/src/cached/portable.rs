//! Values of keys as bytes that are the same in every process.

use std::hash::{Hash, Hasher};

/// What a value feeds to a hasher, with all numbers in one byte order.
pub(super) fn portable_bytes<H: Hash + ?Sized>(value: &H) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    value.hash(&mut bytes);
    bytes.0
}

/// Collects what it is fed instead of hashing it.
struct Bytes(Vec<u8>);

/// Writes numbers as they are fed, whatever machine this is.
macro_rules! numbers {
    ($($method:ident: $number:ty),*) => {
        $(fn $method(&mut self, number: $number) {
            self.0.extend_from_slice(&number.to_le_bytes());
        })*
    };
}

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    numbers!(write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128);
    numbers!(write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_i128: i128);

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_i64(number as i64);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart_and_written_the_same_everywhere() {
        assert_eq!(portable_bytes(&258_i32), [2, 1, 0, 0]);
        assert_eq!(portable_bytes(&258_usize), [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(portable_bytes("ab"), [b'a', b'b', 0xff]);
        assert_ne!(portable_bytes(&("a", "bc")), portable_bytes(&("ab", "c")));
        assert_ne!(portable_bytes(&Some(0_u8)), portable_bytes(&None::<u8>));
    }
}
