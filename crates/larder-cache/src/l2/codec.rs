//! An entry as bytes.
//!
//! ```text
//! magic (1)  format version (1)  flags (1)  guard  header  value
//! ```
//!
//! The guard makes sure that the bytes are those that were written, and under this key. It is a
//! checksum (8 bytes of xxh3 over everything and the key), or, when entries are sealed, the
//! number of the secret and a nonce, with a tag at the end.
//!
//! # Why LZ4
//!
//! A value is written once and read often, and unpacking is what a reader waits for. Rows of
//! restaurants of 1, 16 and 256 KiB are unpacked by `lz4_flex` in 0.2, 6 and 67 µs, and by zstd at
//! its level 1 (contexts used again) in 2.0, 14 and 147 µs; packing takes 1, 22 and 312 µs against
//! 5, 32 and 503 µs. zstd makes them smaller, 60, 41 and 36 % of what they were where LZ4 leaves
//! 70, 50 and 46 %: less than Redis has to be saved, and it would bring a library in C.

use std::fmt;

use xxhash_rust::xxh3::Xxh3Default;

use super::header::Header;
use super::seal::Seal;

const MAGIC: u8 = 0xAC;
const FORMAT: u8 = 1;

const COMPRESSED: u8 = 1;
const SEALED: u8 = 2;

const PREFIX: usize = 3;
const CHECKSUM: usize = 8;

/// The largest value that is read, in bytes before compression.
const LARGEST_PAYLOAD: usize = 64 << 20;

/// LZ4 cannot make less than one byte of this many: what claims to be more is not unpacked.
const LARGEST_RATIO: usize = 255;

/// How entries are written and read.
///
/// ```
/// use std::time::Duration;
///
/// use larder_cache::l2::{Codec, Header, UndecodableKind, fingerprint_of};
///
/// let codec = Codec::default();
/// let header = Header {
///     fingerprint: fingerprint_of::<Vec<String>>(),
///     stored_at_ms: 1_700_000_000_000,
///     ttl: Duration::from_secs(60),
///     stale_for: Duration::ZERO,
///     stale_if_error: Duration::ZERO,
///     load_time: Duration::from_millis(3),
///     snapshot: "10:20:10,14".parse()?,
///     dependencies: vec![],
///     name: "restaurants:by_city".to_owned(),
/// };
/// let bytes = codec.encode("app:1", &header, b"the value");
///
/// let (read, value) = codec.decode("app:1", &bytes, header.fingerprint)?;
/// assert_eq!((read, &value[..]), (header, &b"the value"[..]));
/// // The same bytes under another key, or for another type, are refused.
/// let under_another = codec.decode("app:2", &bytes, fingerprint_of::<Vec<String>>());
/// assert_eq!(under_another.unwrap_err().kind, UndecodableKind::Checksum);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Codec {
    /// Values of more bytes than this are compressed, and kept so if that made them smaller.
    pub compress_above: usize,
    /// Entries are encrypted with this; others are then refused. Without it, sealed ones are.
    pub seal: Option<Seal>,
}

impl Default for Codec {
    /// Compresses above 1 KiB, seals nothing.
    fn default() -> Self {
        Self {
            compress_above: 1 << 10,
            seal: None,
        }
    }
}

/// Bytes that are not an entry as this process would write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read an entry of Redis: {kind}")]
#[non_exhaustive]
pub struct Undecodable {
    /// What is wrong with them.
    pub kind: UndecodableKind,
}

/// What is wrong with bytes that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UndecodableKind {
    /// They do not begin like an entry.
    NotOurs,
    /// They are of a format that this version does not know.
    Version,
    /// Their checksum is not right: they were changed, cut, or stand under another key.
    Checksum,
    /// They are of a value of another shape.
    Fingerprint,
    /// They are sealed and no secret opens them, were changed, or stand under another key; or
    /// they are not sealed although entries should be, or the other way round.
    Sealed,
    /// Their header says what no header can.
    Header,
    /// Their value cannot be unpacked, is not as long as the header says, or is larger than
    /// 64 MiB.
    Payload,
}

impl UndecodableKind {
    /// Its name, as a label of metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotOurs => "not_ours",
            Self::Version => "version",
            Self::Checksum => "checksum",
            Self::Fingerprint => "fingerprint",
            Self::Sealed => "sealed",
            Self::Header => "header",
            Self::Payload => "payload",
        }
    }
}

impl fmt::Display for UndecodableKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotOurs => "it does not begin like one",
            Self::Version => "it is of a format that this version does not know",
            Self::Checksum => "its checksum is not right",
            Self::Fingerprint => "its value is of another shape",
            Self::Sealed => "it cannot be unsealed",
            Self::Header => "its header is damaged",
            Self::Payload => "its value is damaged",
        })
    }
}

impl From<UndecodableKind> for Undecodable {
    fn from(kind: UndecodableKind) -> Self {
        Self { kind }
    }
}

impl Codec {
    /// The entry as bytes that can be read under this key only.
    #[must_use]
    pub fn encode(&self, key: &str, header: &Header, payload: &[u8]) -> Vec<u8> {
        let packed = (payload.len() > self.compress_above)
            .then(|| lz4_flex::block::compress(payload))
            .filter(|packed| packed.len() < payload.len());
        let mut flags = 0;
        if packed.is_some() {
            flags |= COMPRESSED;
        }
        if self.seal.is_some() {
            flags |= SEALED;
        }
        let prefix = [MAGIC, FORMAT, flags];
        let value = packed.as_deref().unwrap_or(payload);
        match &self.seal {
            Some(seal) => {
                let body = body(
                    Vec::with_capacity(value.len() + 256),
                    header,
                    payload,
                    value,
                );
                seal.seal(prefix, key, body)
            }
            None => {
                let mut bytes = Vec::with_capacity(value.len() + 256);
                bytes.extend_from_slice(&prefix);
                bytes.extend_from_slice(&[0; CHECKSUM]);
                let mut bytes = body(bytes, header, payload, value);
                if let Some((_, body)) = bytes.split_at_checked(PREFIX + CHECKSUM) {
                    let sum = checksum(&prefix, key, body).to_le_bytes();
                    bytes[PREFIX..PREFIX + CHECKSUM].copy_from_slice(&sum);
                }
                bytes
            }
        }
    }

    /// The header and the value of an entry that was written under this key, for a type of this
    /// fingerprint.
    ///
    /// # Errors
    ///
    /// [`Undecodable`] for whatever else the bytes are. It takes no more memory than the bytes
    /// and the value that they really hold, of at most 64 MiB.
    pub fn decode(
        &self,
        key: &str,
        bytes: &[u8],
        fingerprint: u128,
    ) -> Result<(Header, Vec<u8>), Undecodable> {
        let (prefix, rest) = bytes
            .split_first_chunk::<PREFIX>()
            .filter(|(prefix, _)| prefix[0] == MAGIC)
            .ok_or(UndecodableKind::NotOurs)?;
        let [_, format, flags] = *prefix;
        if format != FORMAT || flags & !(COMPRESSED | SEALED) != 0 {
            return Err(UndecodableKind::Version.into());
        }
        let compressed = flags & COMPRESSED != 0;
        match (&self.seal, flags & SEALED != 0) {
            (None, false) => {
                let body = checked(prefix, key, rest).ok_or(UndecodableKind::Checksum)?;
                read(body, compressed, fingerprint)
            }
            (Some(seal), true) => {
                let body = seal
                    .open(*prefix, key, rest)
                    .ok_or(UndecodableKind::Sealed)?;
                read(&body, compressed, fingerprint)
            }
            _ => Err(UndecodableKind::Sealed.into()),
        }
    }
}

/// Appends header and value to `bytes`.
fn body(bytes: Vec<u8>, header: &Header, payload: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = header.write(payload.len(), bytes);
    bytes.extend_from_slice(value);
    bytes
}

fn checksum(prefix: &[u8; PREFIX], key: &str, body: &[u8]) -> u64 {
    let mut sum = Xxh3Default::new();
    sum.update(prefix);
    // So that no part of the key can be taken for one of the body.
    sum.update(&(key.len() as u64).to_le_bytes());
    sum.update(key.as_bytes());
    sum.update(body);
    sum.digest()
}

/// The body, if its checksum is right.
fn checked<'a>(prefix: &[u8; PREFIX], key: &str, rest: &'a [u8]) -> Option<&'a [u8]> {
    let (sum, body) = rest.split_first_chunk::<CHECKSUM>()?;
    (u64::from_le_bytes(*sum) == checksum(prefix, key, body)).then_some(body)
}

/// Header and value of a body of which it is known that it was written like this.
fn read(
    body: &[u8],
    compressed: bool,
    fingerprint: u128,
) -> Result<(Header, Vec<u8>), Undecodable> {
    let (header, length, value) = Header::read(body).ok_or(UndecodableKind::Header)?;
    if header.fingerprint != fingerprint {
        return Err(UndecodableKind::Fingerprint.into());
    }
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= LARGEST_PAYLOAD)
        .ok_or(UndecodableKind::Payload)?;
    let payload = if compressed {
        unpacked(value, length).ok_or(UndecodableKind::Payload)?
    } else {
        value.to_vec()
    };
    if payload.len() != length {
        return Err(UndecodableKind::Payload.into());
    }
    Ok((header, payload))
}

fn unpacked(value: &[u8], length: usize) -> Option<Vec<u8>> {
    // Before memory is taken for it.
    if length > value.len().saturating_mul(LARGEST_RATIO) {
        return None;
    }
    lz4_flex::block::decompress(value, length).ok()
}
