//! Entries that only who has the secret can read or make: XChaCha20-Poly1305.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};

const NONCE: usize = 24;
const NUMBER: usize = 4;

/// The secrets that seal entries: the first seals, all open.
///
/// A secret is replaced by putting another in front of it, and removing it when no entry from
/// before is left. Which key of Redis an entry stands under is sealed too, so one that is
/// copied under another key does not open.
#[derive(Clone)]
pub struct Seal {
    secrets: Vec<Secret>,
}

#[derive(Clone)]
struct Secret {
    cipher: XChaCha20Poly1305,
    /// Says which secret sealed an entry, and nothing of the secret.
    number: [u8; NUMBER],
}

/// A secret that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSealKey {
    /// There is none.
    #[error("read the secrets that seal entries of Redis: there is none")]
    None,

    /// One is not the base64 of 32 bytes.
    #[error(
        "read the secrets that seal entries of Redis: number {position} is not the base64 of 32 \
         bytes; make one with `openssl rand -base64 32`"
    )]
    NotBase64Of32Bytes {
        /// Which one, counted from 1.
        position: usize,
    },
}

impl Seal {
    /// Seals with the first of these secrets, and opens with all. Each is the base64 of 32
    /// random bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidSealKey`] if there is none, or one is something else. It does not repeat it.
    pub fn from_base64(secrets: &[SecretString]) -> Result<Self, InvalidSealKey> {
        if secrets.is_empty() {
            return Err(InvalidSealKey::None);
        }
        let read = |(n, text): (usize, &SecretString)| {
            STANDARD
                .decode(text.expose_secret().trim())
                .ok()
                .and_then(|bytes| Secret::new(bytes.try_into().ok()?))
                .ok_or(InvalidSealKey::NotBase64Of32Bytes { position: n + 1 })
        };
        let secrets = secrets.iter().enumerate().map(read);
        Ok(Self {
            secrets: secrets.collect::<Result<_, _>>()?,
        })
    }

    /// Seals with the first of these secrets, and opens with all; `None` if there is none.
    #[must_use]
    pub fn of_secrets<'s>(secrets: impl IntoIterator<Item = &'s [u8; 32]>) -> Option<Self> {
        let secrets = secrets.into_iter().map(|secret| Secret::new(*secret));
        let secrets = secrets.collect::<Option<Vec<_>>>()?;
        (!secrets.is_empty()).then(|| Self { secrets })
    }

    /// The number of the secret, the nonce, and the body that cannot be read.
    pub(super) fn seal<const N: usize>(
        &self,
        prefix: [u8; N],
        key: &str,
        body: Vec<u8>,
    ) -> Vec<u8> {
        let secret = &self.secrets[0];
        let nonce = XNonce::generate();
        let mut bytes = Vec::with_capacity(N + NUMBER + NONCE + body.len() + 16);
        bytes.extend_from_slice(&prefix);
        bytes.extend_from_slice(&secret.number);
        bytes.extend_from_slice(&nonce);
        let associated = associated(&prefix, key);
        let payload = Payload {
            msg: &body,
            aad: &associated,
        };
        // Fails for more than 256 GiB only; without a body it does not open.
        bytes.extend(secret.cipher.encrypt(&nonce, payload).unwrap_or_default());
        bytes
    }

    /// The body, if one of the secrets sealed it under this key.
    pub(super) fn open<const N: usize>(
        &self,
        prefix: [u8; N],
        key: &str,
        rest: &[u8],
    ) -> Option<Vec<u8>> {
        let (number, rest) = rest.split_first_chunk::<NUMBER>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let associated = associated(&prefix, key);
        let open = |secret: &Secret| {
            let payload = Payload {
                msg: sealed,
                aad: &associated,
            };
            secret.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
        };
        let mut named = self.secrets.iter().filter(|one| one.number == *number);
        named.find_map(open)
    }
}

impl Secret {
    fn new(bytes: [u8; 32]) -> Option<Self> {
        let cipher = XChaCha20Poly1305::new(&Key::from(bytes));
        // What the cipher makes of a fixed text tells nothing of its key. A random nonce is
        // never the one used here.
        let named = cipher.encrypt(&XNonce::from([0; NONCE]), &b"the number of a secret"[..]);
        let number = named.ok()?.first_chunk().copied()?;
        Some(Self { cipher, number })
    }
}

/// What is sealed with the body without being in it. Its first part has a fixed length.
fn associated(prefix: &[u8], key: &str) -> Vec<u8> {
    [prefix, key.as_bytes()].concat()
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.secrets.len();
        formatter
            .debug_struct("Seal")
            .field("secrets", &secrets)
            .finish_non_exhaustive()
    }
}
