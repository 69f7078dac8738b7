//! Random texts, and comparing without telling where two differ.

use subtle::ConstantTimeEq;

/// 32 bytes that nobody can guess, in hexadecimal digits. `None` where the system has no random
/// numbers; what would need them is refused then.
pub(super) fn random() -> Option<String> {
    let mut bytes = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::error!(%error, "failed to get random numbers for the admin pages");
        return None;
    }
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether both are the same. It takes as long wherever they differ; the length is no secret.
pub(super) fn same(given: &str, secret: &str) -> bool {
    given.as_bytes().ct_eq(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_texts_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }

    #[test]
    fn only_the_same_is_the_same() {
        assert!(same("abc", "abc"));
        for given in ["", "ab", "abd", "abcd", "ABC"] {
            assert!(!same(given, "abc"), "{given}");
        }
    }
}
