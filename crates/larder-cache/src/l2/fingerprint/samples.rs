//! Values to offer a `Deserialize` that takes only certain ones, in the order in which they are
//! tried.

/// Texts. Most types take any; dates, addresses and the like are parsed.
pub(super) const TEXTS: &[&str] = &[
    "",
    "1",
    "a",
    "2000-01-01T00:00:00Z",
    "2000-01-01T00:00:00",
    "2000-01-01",
    "00:00:00",
    "00000000-0000-0000-0000-000000000000",
    "127.0.0.1",
    "127.0.0.1:1",
    "http://a.example/",
    "a@a.example",
    "UTC",
    "{}",
];

/// Bytes. Identifiers and addresses take a certain number of them.
pub(super) const BYTES: &[&[u8]] = &[
    &[],
    &[0; 16],
    &[0; 4],
    &[0; 8],
    &[0; 12],
    &[0; 20],
    &[0; 32],
];

/// Numbers.
pub(super) const NUMBERS: &[u8] = &[1, 0, 2, 10, 100];

/// Letters.
pub(super) const LETTERS: &[char] = &['a', 'A', '0'];
