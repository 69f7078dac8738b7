//! A key that values are encrypted with, which cannot be printed.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};

/// With or without `=` at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key of 32 bytes, written as their base64.
///
/// `Display` and `Debug` mask it; [`expose`](EncryptionKey::expose) gives its bytes, for
/// encrypting.
#[derive(Clone)]
pub struct EncryptionKey(Arc<SecretBox<[u8; 32]>>);

impl EncryptionKey {
    /// Reads a key. `None` if the text is not the base64 of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        // One byte more than there may be, to tell that a text is too long.
        let mut decoded = SecretBox::new(Box::new([0; 33]));
        let length = BASE64
            .decode_slice(text.trim(), decoded.expose_secret_mut())
            .ok()?;
        let key: [u8; 32] = decoded.expose_secret().get(..length)?.try_into().ok()?;
        Some(EncryptionKey(Arc::new(SecretBox::new(Box::new(key)))))
    }

    /// The bytes. For encrypting and decrypting only.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

impl fmt::Display for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_key_is_read_with_and_without_padding_and_never_shown() {
        let bytes: Vec<u8> = (0..32).collect();
        for text in [KEY, KEY.trim_end_matches('='), &format!(" {KEY}\n")] {
            let key = EncryptionKey::parse(text).unwrap();
            assert_eq!(key.expose().as_slice(), bytes);
            let shown = format!("{key} {key:?} {:?}", Some(&key));
            assert_eq!(shown, "*** EncryptionKey(***) Some(EncryptionKey(***))");
        }
    }

    #[test]
    fn what_is_not_32_bytes_is_no_key() {
        for text in [
            "",
            "AAEC",
            &KEY[..43][..40],
            &format!("AAAA{KEY}"),
            "not base64!",
            &"A".repeat(44),
        ] {
            assert!(EncryptionKey::parse(text).is_none(), "{text}");
        }
    }
}
