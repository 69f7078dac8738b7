//! Keys: 128 bits over everything that decides a result.

use std::any::TypeId;
use std::fmt;
use std::hash::{Hash, Hasher};

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What a result is kept under: a 128-bit hash of all that decides it.
///
/// Made by a [`KeyBuilder`]. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u128);

impl Key {
    /// The 128 bits.
    #[must_use]
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Makes a [`Key`] of parts.
///
/// Each part is written with its kind and its length, so two different sequences of parts
/// never give the same bytes: `"ab"` and `"c"` differ from `"a"` and `"bc"`, a missing value
/// differs from an empty one, a text from the same bytes. Only the hash of the bytes, 128
/// bits of XXH3, could bring two of them together.
///
/// XXH3 is no cryptographic hash. Whoever knows the seed and may choose a part could look for
/// two parts with one hash; the seed therefore should hold something that outsiders do not
/// know (see [`KeyContext`](crate::KeyContext)).
///
/// ```
/// use larder_cache::KeyBuilder;
///
/// let mut key = KeyBuilder::new();
/// key.text("select * from restaurants where city = $1").bytes(b"Miami").u32(25);
/// let mut other = KeyBuilder::new();
/// other.text("select * from restaurants where city = $1").bytes(b"Miami").u32(1043);
/// assert_ne!(key.finish(), other.finish());
/// ```
#[derive(Clone)]
pub struct KeyBuilder {
    /// Long enough for a usual statement's hash with its binds: nothing is allocated then.
    buffer: SmallVec<[u8; 256]>,
    seed: u64,
}

/// The kind of a part, its first byte.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Part {
    Seed = 1,
    Bytes,
    Null,
    Text,
    U32,
    U64,
    Type,
    Hashed,
}

impl KeyBuilder {
    /// A builder without parts.
    #[must_use]
    #[inline]
    pub fn new() -> Self {
        Self {
            buffer: SmallVec::new(),
            seed: 0,
        }
    }

    /// A builder whose first part is another key; usually that of a
    /// [`KeyContext`](crate::KeyContext). It seeds the hash too.
    #[must_use]
    #[inline]
    pub fn with_seed(seed: Key) -> Self {
        let mut builder = Self::new();
        builder.push(Part::Seed, &seed.0.to_le_bytes());
        builder.seed = (seed.0 >> 64) as u64;
        builder
    }

    /// Adds bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.push_sized(Part::Bytes, bytes);
        self
    }

    /// Adds bytes that may be missing, such as a bind that may be NULL. Missing and empty
    /// bytes give different keys; bytes that are there give the key that [`KeyBuilder::bytes`]
    /// gives.
    #[inline]
    pub fn optional_bytes(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.push_sized(Part::Bytes, bytes),
            None => self.push(Part::Null, &[]),
        }
        self
    }

    /// Adds a number of 32 bits, such as an object id.
    #[inline]
    pub fn u32(&mut self, number: u32) -> &mut Self {
        let [a, b, c, d] = number.to_le_bytes();
        self.buffer
            .extend_from_slice(&[Part::U32 as u8, a, b, c, d]);
        self
    }

    /// Adds a number of 64 bits.
    #[inline]
    pub fn u64(&mut self, number: u64) -> &mut Self {
        self.push(Part::U64, &number.to_le_bytes());
        self
    }

    /// Adds a text.
    #[inline]
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.push_sized(Part::Text, text.as_bytes());
        self
    }

    /// Adds a Rust type. Ids of types change from build to build: a key with one is good
    /// within this process only.
    #[inline]
    pub fn type_id(&mut self, id: TypeId) -> &mut Self {
        self.push_hash(Part::Type, &id);
        self
    }

    /// Adds all that `value` feeds to a [`Hasher`].
    ///
    /// Values of different types may feed the same bytes: add the [`TypeId`] before where the
    /// type is not given by the other parts.
    #[inline]
    pub fn hash<H: Hash + ?Sized>(&mut self, value: &H) -> &mut Self {
        self.push_hash(Part::Hashed, value);
        self
    }

    /// The key of the parts.
    #[must_use]
    #[inline]
    pub fn finish(&self) -> Key {
        Key(xxh3_128_with_seed(&self.buffer, self.seed))
    }

    /// Writes a part whose kind says how long it is.
    #[inline]
    fn push(&mut self, part: Part, bytes: &[u8]) {
        self.buffer.push(part as u8);
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes a part of any length: one byte of length, or 255 and eight bytes.
    #[inline]
    fn push_sized(&mut self, part: Part, bytes: &[u8]) {
        self.buffer.push(part as u8);
        match u8::try_from(bytes.len()) {
            Ok(length) if length < u8::MAX => self.buffer.push(length),
            _ => {
                self.buffer.push(u8::MAX);
                self.buffer
                    .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes what `value` feeds; its length is known only afterwards and put in front then.
    #[inline]
    fn push_hash<H: Hash + ?Sized>(&mut self, part: Part, value: &H) {
        self.push(part, &[0; size_of::<u64>()]);
        let start = self.buffer.len();
        value.hash(&mut Feed(&mut self.buffer));
        let length = (self.buffer.len() - start) as u64;
        self.buffer[start - size_of::<u64>()..start].copy_from_slice(&length.to_le_bytes());
    }
}

impl Default for KeyBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyBuilder {
    /// Shows no part: they hold values of users.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBuilder").finish_non_exhaustive()
    }
}

/// A hasher that keeps what it is fed instead of hashing it.
struct Feed<'a>(&'a mut SmallVec<[u8; 256]>);

impl Hasher for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Never asked for: the bytes are the result.
    fn finish(&self) -> u64 {
        0
    }
}
