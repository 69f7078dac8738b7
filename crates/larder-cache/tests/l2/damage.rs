//! Bytes from Redis may be anything: none make a panic, none that were changed are read.

use larder_cache::l2::{Codec, Header, UndecodableKind};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{codecs, header};

const KEY: &str = "app:1:key";

/// An entry whose checksum is right, with this body. It is what somebody makes on purpose: a
/// checksum is no seal.
fn forged(flags: u8, body: &[u8]) -> Vec<u8> {
    let prefix = [0xAC, 1, flags];
    let length = (KEY.len() as u64).to_le_bytes();
    let summed = [&prefix[..], &length, KEY.as_bytes(), body].concat();
    [&prefix[..], &xxh3_64(&summed).to_le_bytes(), body].concat()
}

fn read(bytes: &[u8]) -> Result<(Header, Vec<u8>), UndecodableKind> {
    let read = Codec::default().decode(KEY, bytes, header().fingerprint);
    read.map_err(|undecodable| undecodable.kind)
}

/// The body of an entry as it is written, of its fields.
fn body(payload_length: u64, times: [u64; 5], snapshot: &str, value: &[u8]) -> Vec<u8> {
    let header = header();
    let [stored_at_ms, ttl, stale_for, stale_if_error, load_time] = times;
    let first = (header.fingerprint, payload_length, stored_at_ms);
    let times = (ttl, stale_for, stale_if_error, load_time);
    let last = (snapshot, header.dependencies, header.name);
    let mut body = postcard::to_stdvec(&(first, times, last)).unwrap();
    body.extend_from_slice(value);
    body
}

#[test]
fn the_forger_of_these_tests_can_forge() {
    let (_, value) = read(&forged(0, &body(5, [1; 5], "1:2:1", b"value"))).unwrap();
    assert_eq!(value, b"value");
    let packed = lz4_flex::block::compress(&[7; 5_000]);
    let (_, value) = read(&forged(1, &body(5_000, [1; 5], "1:2:1", &packed))).unwrap();
    assert_eq!(value, [7; 5_000]);
}

#[test]
fn fields_that_no_header_has_are_refused() {
    for position in 0..5 {
        let mut times = [1; 5];
        times[position] = u64::MAX;
        let read = read(&forged(0, &body(5, times, "1:2:1", b"value")));
        assert_eq!(read, Err(UndecodableKind::Header), "{position}");
    }
    for snapshot in ["", "2:1:", "1:5:9", "1:2:x"] {
        let read = read(&forged(0, &body(5, [1; 5], snapshot, b"value")));
        assert_eq!(read, Err(UndecodableKind::Header), "{snapshot}");
    }
}

#[test]
fn a_value_of_another_length_is_refused() {
    for length in [0, 4, 6, u64::MAX] {
        let read = read(&forged(0, &body(length, [1; 5], "1:2:1", b"value")));
        assert_eq!(read, Err(UndecodableKind::Payload), "{length}");
    }
}

#[test]
fn bombs_are_not_unpacked() {
    let packed = lz4_flex::block::compress(&vec![0; 65 << 20]);
    // It says the truth, which is too much; it says less; it says what LZ4 cannot do.
    let small = lz4_flex::block::compress(&[0; 1_000]);
    for (length, packed) in [
        (65 << 20, &packed),
        (64 << 20, &packed),
        (10, &packed),
        (64 << 20, &small),
    ] {
        let read = read(&forged(1, &body(length, [1; 5], "1:2:1", packed)));
        assert_eq!(read, Err(UndecodableKind::Payload), "{length}");
    }
}

#[test]
fn every_single_truncation_and_flipped_bit_is_noticed() {
    let payload = b"a value of an entry; ".repeat(80);
    for codec in codecs() {
        let bytes = codec.encode(KEY, &header(), &payload);
        let decode = |bytes: &[u8]| codec.decode(KEY, bytes, header().fingerprint);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for codec in codecs() {
            prop_assert!(codec.decode(KEY, &bytes, 0).is_err());
            let begun = [&[0xAC, 1][..], &bytes].concat();
            prop_assert!(codec.decode(KEY, &begun, 0).is_err());
        }
    }

    #[test]
    fn any_body_with_a_right_checksum_makes_no_panic(
        flags in 0_u8..2,
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = read(&forged(flags, &bytes));
    }

    #[test]
    fn any_value_behind_a_right_header_makes_no_panic(
        flags in 0_u8..2,
        length in prop_oneof![0_u64..2_000, any::<u64>()],
        value in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Ok((_, read)) = read(&forged(flags, &body(length, [1; 5], "1:2:1", &value))) {
            prop_assert_eq!(read.len() as u64, length);
        }
    }

    #[test]
    fn any_entry_that_was_changed_is_refused(
        payload in proptest::collection::vec(any::<u8>(), 0..3_000),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        for codec in codecs() {
            let written = codec.encode(KEY, &header(), &payload);
            let mut bytes = written.clone();
            for (place, change) in &changes {
                let place = place.index(bytes.len());
                bytes[place] ^= change;
            }
            prop_assume!(bytes != written);
            prop_assert!(codec.decode(KEY, &bytes, header().fingerprint).is_err());
        }
    }
}
