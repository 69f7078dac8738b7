//! Different parts never give the same key; the same parts always do.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use larder_cache::{Key, KeyBuilder, KeyContext};
use proptest::collection::vec;
use proptest::prelude::*;

/// A part of a key. What gives the same key by intention is the same value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Bytes(Option<Vec<u8>>),
    U32(u32),
    U64(u64),
    Text(String),
    Type(&'static str),
    Hashed(Vec<u16>),
}

const TYPES: [&str; 3] = ["u8", "String", "()"];

fn type_id(name: &str) -> TypeId {
    match name {
        "u8" => TypeId::of::<u8>(),
        "String" => TypeId::of::<String>(),
        _ => TypeId::of::<()>(),
    }
}

fn build(mut key: KeyBuilder, parts: &[Part]) -> Key {
    for part in parts {
        match part {
            Part::Bytes(Some(bytes)) if bytes.len() % 2 == 0 => key.bytes(bytes),
            Part::Bytes(bytes) => key.optional_bytes(bytes.as_deref()),
            Part::U32(number) => key.u32(*number),
            Part::U64(number) => key.u64(*number),
            Part::Text(text) => key.text(text),
            Part::Type(name) => key.type_id(type_id(name)),
            Part::Hashed(value) => key.hash(value),
        };
    }
    key.finish()
}

/// Few values, so that equal and nearly equal sequences come up all the time; and lengths
/// around those at which the form of a part changes.
fn part() -> impl Strategy<Value = Part> {
    let byte = prop::sample::select(vec![0, 1, 2, 4, 255_u8]);
    let bytes = prop_oneof![
        8 => vec(byte, 0..3),
        1 => (253..258_usize).prop_map(|length| std::iter::repeat_n(0, length).collect()),
    ];
    prop_oneof![
        bytes.clone().prop_map(|bytes| Part::Bytes(Some(bytes))),
        Just(Part::Bytes(None)),
        (0..3_u32).prop_map(Part::U32),
        (0..3_u64).prop_map(Part::U64),
        bytes.prop_map(|bytes| Part::Text(String::from_utf8_lossy(&bytes).into_owned())),
        prop::sample::select(TYPES.to_vec()).prop_map(Part::Type),
        vec(0..3_u16, 0..3).prop_map(Part::Hashed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn keys_are_the_same_exactly_if_the_parts_are(sequences in vec(vec(part(), 0..5), 2..40)) {
        let mut keys = HashMap::new();
        for parts in sequences {
            let key = build(KeyBuilder::new(), &parts);
            prop_assert_eq!(key, build(KeyBuilder::default(), &parts));
            let other = keys.entry(key).or_insert_with(|| parts.clone());
            prop_assert_eq!(&*other, &parts);
        }
    }

    /// What is written as one part in one key and as several in another.
    #[test]
    fn parts_split_in_another_way_give_another_key(
        text in "[ab\u{1}\u{4}]{1,12}", (one, other) in (0..13_usize, 0..13_usize),
    ) {
        let (one, other) = (one.min(text.len()), other.min(text.len()));
        let split = |at: usize| {
            let (left, right) = text.split_at(at);
            let parts = [Part::Text(left.to_owned()), Part::Text(right.to_owned())];
            build(KeyBuilder::new(), &parts)
        };
        prop_assert_eq!(split(one) == split(other), one == other);
        prop_assert_ne!(split(one), build(KeyBuilder::new(), &[Part::Text(text.clone())]));
    }

    #[test]
    fn a_bind_of_another_value_or_type_gives_another_key(
        (value, kind) in (vec(any::<u8>(), 0..300), any::<u32>()),
        (other_value, other_kind) in (vec(any::<u8>(), 0..300), any::<u32>()),
    ) {
        let bind = |value: Option<&[u8]>, kind| {
            let mut key = KeyBuilder::new();
            key.text("select * from t where a = $1").optional_bytes(value).u32(kind);
            key.finish()
        };
        let key = bind(Some(&value), kind);
        prop_assert_eq!(key == bind(Some(&other_value), kind), value == other_value);
        prop_assert_eq!(key == bind(Some(&value), other_kind), kind == other_kind);
        prop_assert_ne!(key, bind(None, kind));
    }

    #[test]
    fn contexts_share_no_key(contexts in vec(context(), 2..40), parts in vec(part(), 0..3)) {
        let mut keys = HashMap::new();
        for context in contexts {
            let key = build(KeyBuilder::with_seed(context.seed()), &parts);
            let other = keys.entry(key).or_insert_with(|| context.clone());
            prop_assert_eq!(&*other, &context);
        }
    }
}

fn context() -> impl Strategy<Value = KeyContext> {
    let text = "[ab]{0,2}";
    let pairs = vec((text, text), 0..3);
    (text, text, pairs.clone(), pairs).prop_map(|(database, namespace, settings, scope)| {
        KeyContext {
            database,
            namespace,
            settings,
            scope,
        }
    })
}

#[test]
fn null_is_not_empty() {
    let bind = |value: Option<&[u8]>| {
        let mut key = KeyBuilder::new();
        key.optional_bytes(value);
        key.finish()
    };
    assert_ne!(bind(None), bind(Some(b"")));
}

/// Feeds its bytes and nothing that tells where they end.
struct Raw<'a>(&'a [u8]);

impl Hash for Raw<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

#[test]
fn what_a_value_feeds_is_not_taken_for_the_next_part() {
    let mut apart = KeyBuilder::new();
    apart.hash(&Raw(b"")).u32(1);
    let apart = apart.finish();
    for kind in 0..=u8::MAX {
        let mut together = KeyBuilder::new();
        together.hash(&Raw(&[kind, 1, 0, 0, 0]));
        assert_ne!(together.finish(), apart);
    }
}

#[test]
fn a_length_is_not_taken_for_what_it_is_the_length_of() {
    for kind in 0..=u8::MAX {
        // 256 bytes that end like a part of seven bytes.
        let mut long = vec![0; 247];
        long.extend([kind, 7, 1, 2, 3, 4, 5, 6, 7]);
        let mut one = KeyBuilder::new();
        one.bytes(&long);
        // 255 bytes that begin like the length of the other ones.
        let mut short = 256_u64.to_le_bytes().to_vec();
        short.extend(&long[..247]);
        let mut two = KeyBuilder::new();
        two.bytes(&short).bytes(&long[249..]);
        assert_ne!(one.finish(), two.finish());
    }
}

#[test]
fn a_seed_is_not_a_part() {
    let seed = KeyBuilder::new().finish();
    let mut key = KeyBuilder::new();
    key.bytes(&seed.as_u128().to_le_bytes());
    assert_ne!(KeyBuilder::with_seed(seed).finish(), key.finish());
    assert_ne!(KeyBuilder::with_seed(seed).finish(), seed);
}

#[test]
fn a_key_shows_32_digits_and_a_builder_nothing() {
    let mut builder = KeyBuilder::new();
    builder.text("secret");
    assert!(!format!("{builder:?}").contains("secret"));
    let key = builder.finish();
    assert_eq!(key.to_string(), format!("{:032x}", key.as_u128()));
    assert_eq!(format!("{key:?}"), format!("Key({key})"));
}
