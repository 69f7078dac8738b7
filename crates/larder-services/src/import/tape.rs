//! The raw bytes of the record that is being read.
//!
//! The CSV parser counts the line break of `\r\n`, and empty lines, to the record after them, and
//! says nothing of a quote that is still open where the file ends. The bytes tell both. They also
//! bound how much memory one record can take.

use std::collections::VecDeque;
use std::io::{self, Read};

/// A reader that keeps the bytes it has handed out until they are released. It leaves a UTF-8
/// byte order mark out.
#[derive(Debug)]
pub(super) struct Tape<R> {
    inner: R,
    /// The bytes from `start` on that were handed out.
    kept: VecDeque<u8>,
    /// How many bytes were released.
    start: u64,
    /// Bytes read ahead at the beginning of the file that are still to be handed out.
    ahead: VecDeque<u8>,
    begun: bool,
    max_kept: usize,
}

/// The error inside the [`io::Error`] where more bytes than allowed would be kept.
#[derive(Debug, thiserror::Error)]
#[error("the record is too long")]
pub(super) struct RecordTooLong;

/// What the bytes of one record tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordShape {
    /// Line breaks before its first byte.
    pub(super) breaks_before: u64,
    /// Line breaks in it, the one at its end not counted.
    pub(super) breaks_inside: u64,
    /// Whether its quotes come in pairs, as they do where every opened one is closed.
    pub(super) quotes_paired: bool,
}

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl<R: Read> Tape<R> {
    /// A tape that fails where more than `max_kept` bytes would be kept.
    pub(super) fn new(inner: R, max_kept: usize) -> Self {
        let (kept, ahead) = (VecDeque::new(), VecDeque::new());
        Self {
            inner,
            kept,
            start: 0,
            ahead,
            begun: false,
            max_kept,
        }
    }

    /// The inner reader may hand out the mark in parts, so the first three bytes are collected.
    fn begin(&mut self) -> io::Result<()> {
        let mut first = [0; BYTE_ORDER_MARK.len()];
        while self.ahead.len() < first.len() {
            let wanted = first.len() - self.ahead.len();
            match self.inner.read(&mut first[..wanted]) {
                Ok(0) => break,
                Ok(count) => self.ahead.extend(&first[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.ahead == BYTE_ORDER_MARK {
            self.ahead.clear();
        }
        self.begun = true;
        Ok(())
    }
}

impl<R> Tape<R> {
    /// Looks at the record that ends before the byte `end` and begins with the first byte kept,
    /// and releases it.
    pub(super) fn take_record(&mut self, end: u64) -> RecordShape {
        let length = usize::try_from(end.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let record = self.kept.drain(..length.min(self.kept.len()));
        let mut shape = RecordShape {
            breaks_before: 0,
            breaks_inside: 0,
            quotes_paired: true,
        };
        let mut begun = false;
        let mut breaks_at_end = 0;
        for byte in record {
            match byte {
                b'\n' if begun => breaks_at_end += 1,
                b'\n' => shape.breaks_before += 1,
                b'\r' => {}
                _ => {
                    begun = true;
                    shape.breaks_inside += std::mem::take(&mut breaks_at_end);
                    shape.quotes_paired ^= byte == b'"';
                }
            }
        }
        self.start = end;
        shape
    }
}

impl<R: Read> Read for Tape<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        if self.kept.len() > self.max_kept {
            return Err(io::Error::other(RecordTooLong));
        }
        let count = if self.ahead.is_empty() {
            loop {
                match self.inner.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result?,
                }
            }
        } else {
            self.ahead.read(buffer)?
        };
        self.kept.extend(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(tape: &mut Tape<&[u8]>) -> String {
        let mut text = String::new();
        tape.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_byte_order_mark_is_left_out_and_only_at_the_beginning() {
        for (bytes, text) in [
            ("\u{feff}a\u{feff}", "a\u{feff}"),
            ("ab", "ab"),
            ("", ""),
            ("\u{feff}", ""),
        ] {
            assert_eq!(read_all(&mut Tape::new(bytes.as_bytes(), 100)), text);
        }
    }

    #[test]
    fn a_record_is_looked_at_and_released() {
        let mut tape = Tape::new(&b"\r\n\n1,\"a\n\"\"b\"\r\n2,\"x\n"[..], 100);
        read_all(&mut tape);
        let shape = RecordShape {
            breaks_before: 2,
            breaks_inside: 1,
            quotes_paired: true,
        };
        assert_eq!(tape.take_record(13), shape);
        let shape = RecordShape {
            breaks_before: 1,
            breaks_inside: 0,
            quotes_paired: false,
        };
        assert_eq!(tape.take_record(19), shape);
        assert!(tape.kept.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut tape = Tape::new(io::repeat(b'x'), 1000);
        let error = tape.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(
            error
                .get_ref()
                .is_some_and(|inner| inner.is::<RecordTooLong>())
        );
    }
}
