//! The values of rows one behind the other, each after its length.
//!
//! A length is written as a number of one more, seven bits to a byte, the lowest first; 0
//! stands for NULL. A row without columns is one byte of 0, so that no few bytes can stand
//! for a great many rows.

use std::fmt;
use std::ops::Range;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The values of rows with equally many columns.
#[derive(Default)]
pub(super) struct Values {
    buffer: Vec<u8>,
    /// Where each value is; `None` is NULL. Those of one row follow each other.
    places: Vec<Option<Range<usize>>>,
    /// Where the rows end in the buffer.
    ends: Vec<usize>,
}

/// Bytes that are not the values of rows.
#[derive(Debug, thiserror::Error)]
#[error("read rows: {0}")]
pub(super) struct Malformed(&'static str);

impl Values {
    /// Appends a row.
    pub(super) fn push_row<'a>(&mut self, values: impl Iterator<Item = Option<&'a [u8]>>) {
        let before = self.buffer.len();
        for value in values {
            let place = match value {
                None => {
                    self.buffer.push(0);
                    None
                }
                Some(value) => {
                    write_number(&mut self.buffer, value.len() as u64 + 1);
                    let start = self.buffer.len();
                    self.buffer.extend_from_slice(value);
                    Some(start..self.buffer.len())
                }
            };
            self.places.push(place);
        }
        if self.buffer.len() == before {
            self.buffer.push(0);
        }
        self.ends.push(self.buffer.len());
    }

    /// Finds the rows in a buffer.
    ///
    /// # Errors
    ///
    /// If it does not hold whole rows of so many columns.
    pub(super) fn read(buffer: Vec<u8>, columns: usize) -> Result<Self, Malformed> {
        let mut places = Vec::new();
        let mut ends = Vec::new();
        let mut at = 0;
        while at < buffer.len() {
            if columns == 0 {
                if buffer[at] != 0 {
                    return Err(Malformed("a row without columns has values"));
                }
                at += 1;
            }
            for _ in 0..columns {
                let (place, end) = next_value(&buffer, at)?;
                places.push(place);
                at = end;
            }
            ends.push(at);
        }
        Ok(Self {
            buffer,
            places,
            ends,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// A value by its place among all of them.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let place = self.places[index].clone()?;
        Some(&self.buffer[place])
    }

    /// A row as it is written.
    pub(super) fn written(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.buffer[start..self.ends[row]]
    }

    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }
}

/// The place of the value that is written here, and where it ends.
fn next_value(buffer: &[u8], at: usize) -> Result<(Option<Range<usize>>, usize), Malformed> {
    let (number, start) = read_number(buffer, at)?;
    let Some(length) = number.checked_sub(1) else {
        return Ok((None, start));
    };
    let end = usize::try_from(length)
        .ok()
        .and_then(|length| start.checked_add(length))
        .filter(|end| *end <= buffer.len())
        .ok_or(Malformed("a value goes beyond their end"))?;
    Ok((Some(start..end), end))
}

fn write_number(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

/// The number that is written here, and where it ends.
fn read_number(buffer: &[u8], mut at: usize) -> Result<(u64, usize), Malformed> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *buffer.get(at).ok_or(Malformed("they end in a length"))?;
        at += 1;
        let bits = u64::from(byte & 0x7F);
        if bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte < 0x80 {
            // The digest needs one way to write each.
            if byte == 0 && shift > 0 {
                break;
            }
            return Ok((number, at));
        }
    }
    Err(Malformed("a length is not a number"))
}

/// Bytes, which serde would take for a list of numbers.
pub(super) struct Buffer<T>(pub(super) T);

impl Serialize for Buffer<&[u8]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de> Deserialize<'de> for Buffer<Vec<u8>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Bytes).map(Self)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    /// Formats of text write bytes like this.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element::<u8>()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}
