//! Another shape has another fingerprint, the same shape the same one.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use larder_cache::l2::{fingerprint_of, try_fingerprint_of};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Several types of the same name, each in a module.
macro_rules! shapes {
    ($($module:ident { $($definition:tt)* })*) => {
        $(mod $module {
            #![expect(dead_code, reason = "only their shapes are looked at")]
            use super::*;
            $($definition)*
        })*
    };
}

shapes! {
    base { #[derive(Deserialize)] pub(super) struct Row { id: i32, name: String } }
    same { #[derive(Deserialize)] pub(super) struct Row { id: i32, name: String } }
    renamed { #[derive(Deserialize)] pub(super) struct Row { id: i32, title: String } }
    retyped { #[derive(Deserialize)] pub(super) struct Row { id: i64, name: String } }
    reordered { #[derive(Deserialize)] pub(super) struct Row { name: String, id: i32 } }
    added { #[derive(Deserialize)] pub(super) struct Row { id: i32, name: String, open: bool } }
    optional { #[derive(Deserialize)] pub(super) struct Row { id: i32, name: Option<String> } }
    many { #[derive(Deserialize)] pub(super) struct Row { id: i32, name: Vec<String> } }
    wrapped {
        #[derive(Deserialize)] pub(super) struct Id(i32);
        #[derive(Deserialize)] pub(super) struct Row { id: Id, name: String }
    }
    wrapped_wider {
        #[derive(Deserialize)] pub(super) struct Id(i64);
        #[derive(Deserialize)] pub(super) struct Row { id: Id, name: String }
    }
    mapped { #[derive(Deserialize)] pub(super) struct Row { id: i32, name: HashMap<String, u8> } }
    mapped_wider {
        #[derive(Deserialize)] pub(super) struct Row { id: i32, name: HashMap<String, u16> }
    }
    state {
        #[derive(Deserialize)] pub(super) enum Row { Open, Closed(u8), Moved { to: String } }
    }
    state_renamed {
        #[derive(Deserialize)] pub(super) enum Row { Open, Shut(u8), Moved { to: String } }
    }
    state_retyped {
        #[derive(Deserialize)] pub(super) enum Row { Open, Closed(u16), Moved { to: String } }
    }
    state_deep {
        #[derive(Deserialize)] pub(super) enum Row { Open, Closed(u8), Moved { to: u8 } }
    }
    state_field {
        #[derive(Deserialize)] pub(super) enum Row { Open, Closed(u8), Moved { at: String } }
    }
    state_added {
        #[derive(Deserialize)] pub(super) enum Row { Open, Closed(u8), Moved { to: String }, New }
    }
}

macro_rules! fingerprints {
    ($($module:ident)*) => { [$((stringify!($module), fingerprint_of::<$module::Row>()),)*] };
}

fn is_traced<T: DeserializeOwned>() {
    try_fingerprint_of::<T>().unwrap();
}

#[test]
fn every_change_of_a_shape_changes_the_fingerprint() {
    let all = fingerprints! {
        base renamed retyped reordered added optional many wrapped wrapped_wider mapped
        mapped_wider state state_renamed state_retyped state_deep state_field state_added
    };
    for (n, (name, number)) in all.iter().enumerate() {
        for (other_name, other) in &all[n + 1..] {
            assert_ne!(number, other, "{name} and {other_name}");
        }
    }
    assert_eq!(fingerprint_of::<base::Row>(), fingerprint_of::<same::Row>());
}

#[test]
fn what_is_around_a_type_counts() {
    let all = [
        fingerprint_of::<base::Row>(),
        fingerprint_of::<Option<base::Row>>(),
        fingerprint_of::<Vec<base::Row>>(),
        fingerprint_of::<(base::Row,)>(),
        fingerprint_of::<(base::Row, base::Row)>(),
        fingerprint_of::<(base::Row, renamed::Row)>(),
        fingerprint_of::<HashMap<u8, base::Row>>(),
        fingerprint_of::<Result<base::Row, ()>>(),
        fingerprint_of::<Result<renamed::Row, ()>>(),
        fingerprint_of::<Vec<Option<Vec<(u8, retyped::Row)>>>>(),
        fingerprint_of::<Vec<Option<Vec<(u8, base::Row)>>>>(),
    ];
    for (n, one) in all.iter().enumerate() {
        assert!(!all[n + 1..].contains(one), "{n}");
    }
}

const EXPECTED: [u128; 4] = [
    0xdb02_fe01_7c53_108f_4284_7244_698b_045f,
    0xc97d_d576_1538_b200_ef57_c273_0d3a_4f40,
    0xce5c_cba6_6595_4156_e1c0_5b11_ee8c_ac04,
    0x33b2_f95d_8cce_071a_440a_9da2_e9a2_23bf,
];

/// The numbers are the same in every process and build: they are compared with those of others.
#[test]
fn fingerprints_stay_the_same() {
    let found = [
        fingerprint_of::<i32>(),
        fingerprint_of::<base::Row>(),
        fingerprint_of::<state::Row>(),
        fingerprint_of::<Vec<Tree>>(),
    ];
    assert_eq!(found, EXPECTED, "{found:x?}");
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape is looked at")]
struct Tree {
    value: i32,
    left: Option<Box<Tree>>,
    right: Option<Box<Tree>>,
    others: Vec<Tree>,
    kind: Expression,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape is looked at")]
enum Expression {
    Add(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    List(Vec<Expression>),
    Tree(Box<Tree>),
    Number(i64),
}

shapes! {
    deep {
        #[derive(Deserialize)] pub(super) enum Row { Other, Add(Box<Row>, Box<Row>), End(Leaf) }
        #[derive(Deserialize)] pub(super) enum Leaf { A, B(Option<Bottom>), C(u8) }
        #[derive(Deserialize)] pub(super) enum Bottom { D, E { f: Vec<u8> } }
    }
    deep_changed {
        #[derive(Deserialize)] pub(super) enum Row { Other, Add(Box<Row>, Box<Row>), End(Leaf) }
        #[derive(Deserialize)] pub(super) enum Leaf { A, B(Option<Bottom>), C(u8) }
        #[derive(Deserialize)] pub(super) enum Bottom { D, E { f: Vec<u16> } }
    }
}

#[test]
fn types_that_contain_themselves_are_traced() {
    is_traced::<Tree>();
    is_traced::<Expression>();
    assert_ne!(
        fingerprint_of::<deep::Row>(),
        fingerprint_of::<deep_changed::Row>()
    );
    // Behind something of the same type that was looked at before.
    assert_ne!(
        fingerprint_of::<(deep::Leaf, Vec<deep::Leaf>, deep::Row)>(),
        fingerprint_of::<(
            deep_changed::Leaf,
            Vec<deep_changed::Leaf>,
            deep_changed::Row
        )>()
    );
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape is looked at")]
struct Particular {
    number: NonZeroU32,
    address: IpAddr,
    time: SystemTime,
    length: Duration,
    letters: [char; 3],
    nothing: (),
    marker: PhantomData<u8>,
    ordered: BTreeMap<(u8, i16), Vec<f64>>,
    code: Code,
    #[serde(default)]
    missing: bool,
    #[serde(skip)]
    skipped: Option<String>,
    #[serde(alias = "older")]
    newer: Alias,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Code;

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        (text == "1").then_some(Self).ok_or("not a code")
    }
}

#[derive(Deserialize)]
enum Alias {
    #[serde(alias = "First", alias = "Primary")]
    One,
    Two,
}

#[test]
fn types_that_take_certain_values_only_are_traced() {
    is_traced::<Particular>();
    is_traced::<serde_json::Number>();
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Impossible;

impl TryFrom<String> for Impossible {
    type Error = &'static str;

    fn try_from(_: String) -> Result<Self, &'static str> {
        Err("nothing is good enough")
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape is looked at")]
struct Endless(Box<Endless>);

#[test]
fn types_that_cannot_be_traced_go_by_their_name_and_say_so() {
    let error = try_fingerprint_of::<Vec<Impossible>>().unwrap_err();
    assert!(error.to_string().contains("Impossible"), "{error}");
    assert!(
        error.to_string().contains("nothing is good enough"),
        "{error}"
    );
    assert_eq!(
        fingerprint_of::<Impossible>(),
        fingerprint_of::<Impossible>()
    );
    assert_ne!(
        fingerprint_of::<Impossible>(),
        fingerprint_of::<Vec<Impossible>>()
    );
    try_fingerprint_of::<Endless>().unwrap_err();
}
