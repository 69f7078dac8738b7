//! Entries are read as they were written, and only so.

use std::time::Duration;

use larder_cache::Dependency;
use larder_cache::l2::{Codec, Header, InvalidSealKey, Seal, Undecodable, UndecodableKind};
use secrecy::SecretString;

const KEY: &str = "app:1:0123456789abcdef";
const FIRST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECOND: &str = "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

pub(crate) fn header() -> Header {
    Header {
        fingerprint: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
        stored_at_ms: 1_700_000_000_123,
        ttl: Duration::from_secs(300),
        stale_for: Duration::from_millis(1_500),
        stale_if_error: Duration::from_secs(3_600),
        load_time: Duration::from_micros(1_234),
        snapshot: "10:20:10,14".parse().unwrap(),
        dependencies: vec![Dependency::table(16_384), Dependency::tag("menu:7")],
        name: "restaurants:by_city:Miami".to_owned(),
    }
}

pub(crate) fn sealed(secrets: &[&str]) -> Codec {
    let secrets: Vec<SecretString> = secrets.iter().map(|one| (*one).into()).collect();
    Codec {
        seal: Some(Seal::from_base64(&secrets).unwrap()),
        ..Codec::default()
    }
}

/// One that seals, and one that does not.
pub(crate) fn codecs() -> [Codec; 2] {
    [Codec::default(), sealed(&[FIRST])]
}

fn kind<T>(read: Result<T, Undecodable>) -> UndecodableKind {
    read.map(drop).unwrap_err().kind
}

#[test]
fn entries_are_read_as_they_were_written() {
    let repeated = b"all restaurants of Miami; ".repeat(1_000);
    let random: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(5_000)
        .collect();
    for codec in codecs() {
        for payload in [&b""[..], b"short", &repeated, &random] {
            let bytes = codec.encode(KEY, &header(), payload);
            let read = codec.decode(KEY, &bytes, header().fingerprint).unwrap();
            assert_eq!(read, (header(), payload.to_vec()));
        }
    }
}

#[test]
fn only_what_gets_smaller_is_compressed() {
    let codec = Codec::default();
    let length = |payload: &[u8]| codec.encode(KEY, &header(), payload).len();
    let random: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(5_000)
        .collect();
    let around = length(b"");
    assert!(length(&b"abcd".repeat(10_000)) < around + 1_000);
    assert!(length(&random) <= around + 5_000 + 2);
    // Not worth it.
    assert!(length(&[0; 1_024]) >= 1_024);
}

#[test]
fn times_that_are_too_long_are_cut() {
    let mut header = header();
    header.ttl = Duration::MAX;
    let bytes = Codec::default().encode(KEY, &header, b"");
    let (read, _) = Codec::default()
        .decode(KEY, &bytes, header.fingerprint)
        .unwrap();
    assert_eq!(read.ttl, Duration::from_secs(3_660 * 24 * 60 * 60));
}

#[test]
fn another_key_another_shape_another_format_are_refused() {
    for codec in codecs() {
        let bytes = codec.encode(KEY, &header(), b"value");
        let fingerprint = header().fingerprint;
        let moved = kind(codec.decode(&KEY.replace("app:1", "app:2"), &bytes, fingerprint));
        assert!(matches!(
            moved,
            UndecodableKind::Checksum | UndecodableKind::Sealed
        ));
        let other_type = kind(codec.decode(KEY, &bytes, fingerprint + 1));
        assert_eq!(other_type, UndecodableKind::Fingerprint);
        let changed = |position: usize, to: u8| {
            let mut bytes = bytes.clone();
            bytes[position] = to;
            kind(codec.decode(KEY, &bytes, fingerprint))
        };
        assert_eq!(changed(0, b'{'), UndecodableKind::NotOurs);
        assert_eq!(changed(1, 2), UndecodableKind::Version);
        assert_eq!(changed(2, 4), UndecodableKind::Version);
    }
}

#[test]
fn sealed_entries_open_with_their_secret_only() {
    let [open, first] = codecs();
    let (second, both) = (sealed(&[SECOND]), sealed(&[SECOND, FIRST]));
    let fingerprint = header().fingerprint;
    let bytes = first.encode(KEY, &header(), b"a value nobody reads");
    assert!(
        !bytes
            .windows(5)
            .any(|part| part == b"Miami" || part == b"value")
    );
    assert!(both.decode(KEY, &bytes, fingerprint).is_ok());
    for other in [&open, &second] {
        let read = kind(other.decode(KEY, &bytes, fingerprint));
        assert_eq!(read, UndecodableKind::Sealed);
    }
    // The first of several seals.
    let bytes = both.encode(KEY, &header(), b"value");
    assert!(second.decode(KEY, &bytes, fingerprint).is_ok());
    // What anyone could have written is not taken.
    let bytes = open.encode(KEY, &header(), b"value");
    assert_eq!(
        kind(first.decode(KEY, &bytes, fingerprint)),
        UndecodableKind::Sealed
    );
    // No two are alike.
    assert_ne!(
        first.encode(KEY, &header(), b"v"),
        first.encode(KEY, &header(), b"v")
    );
}

#[test]
fn secrets_are_checked_and_never_repeated() {
    let refused = |texts: &[&str]| {
        let secrets: Vec<SecretString> = texts.iter().map(|one| (*one).into()).collect();
        Seal::from_base64(&secrets).unwrap_err()
    };
    assert_eq!(refused(&[]), InvalidSealKey::None);
    for wrong in ["", "hunter2", "aHVudGVyMg==", &FIRST[4..]] {
        let error = refused(&[FIRST, wrong]);
        assert_eq!(error, InvalidSealKey::NotBase64Of32Bytes { position: 2 });
    }
    let shown = format!("{:?}", sealed(&[FIRST]));
    assert!(
        !shown.contains(FIRST) && shown.contains("secrets: 1"),
        "{shown}"
    );
}
