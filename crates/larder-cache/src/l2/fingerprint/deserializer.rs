//! The format that has no data: it answers every question with a sample, and notes what was
//! asked.

use std::any::type_name;

use serde::Deserializer;
use serde::de::{Error as _, Visitor};

use super::access::{Entry, Fields, Items, OneVariant};
use super::samples::{BYTES, LETTERS, NUMBERS, TEXTS};
use super::shape::Shape;
use super::tracer::{Refused, Tracer};

pub(super) struct TracingDeserializer<'t>(pub(super) &'t mut Tracer);

/// The fields of a tuple have no names.
const NO_NAMES: &[&str] = &[];

impl TracingDeserializer<'_> {
    /// One of the samples, for something without parts.
    fn plain<T: Copy>(self, name: &'static str, samples: &[T]) -> Result<T, Refused> {
        self.0.step()?;
        self.0.last = Shape::Plain(name);
        let sample = self.0.sample(samples);
        sample.ok_or_else(|| Refused::custom(format!("no sample of {name} is taken")))
    }

    /// A struct of any kind, whose value `visit` makes of its fields.
    fn structure<'de, V: Visitor<'de>>(
        self,
        kind: &'static str,
        name: &'static str,
        names: &'static [&'static str],
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.0.step()?;
        let (number, first) = self.0.enter(type_name::<V>(), kind, name, names);
        let (value, parts) = self.0.within_type(number, |tracer| {
            let mut parts = Vec::new();
            let fields = Fields::new(tracer, names, count, first, &mut parts);
            visitor.visit_seq(fields).map(|value| (value, parts))
        })?;
        self.0.leave(number, parts);
        Ok(value)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor.$visit(<$type>::from(self.plain(stringify!($type), NUMBERS)?))
        }
    )*};
}

impl<'de> Deserializer<'de> for TracingDeserializer<'_> {
    type Error = Refused;

    /// Entries are kept in a binary format.
    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_i8(self.plain("i8", &[1, 0, 2, 10, 100])?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bool(self.plain("bool", &[false, true])?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_char(self.plain("char", LETTERS)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_str(self.plain("text", TEXTS)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bytes(self.plain("bytes", BYTES)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.plain("unit", &[()])?;
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.plain("any", &[0, 1, 2, 3])? {
            0 => visitor.visit_unit(),
            1 => visitor.visit_bool(false),
            2 => visitor.visit_u64(1),
            _ => visitor.visit_str(""),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.plain("ignored", &[()])?;
        visitor.visit_unit()
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_str(self.plain("identifier", TEXTS)?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.0.step()?;
        if self.0.in_short() {
            self.0.last = Shape::Option(Box::default());
            return visitor.visit_none();
        }
        let value = self.0.within("some", |tracer| {
            visitor.visit_some(TracingDeserializer(tracer))
        })?;
        self.0.last = Shape::Option(Box::new(self.0.take_last()));
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.0.step()?;
        let mut parts = Vec::new();
        let count = usize::from(!self.0.in_short());
        let value = visitor.visit_seq(Items::new(self.0, count, &mut parts))?;
        let item = parts.pop().unwrap_or_default();
        self.0.last = Shape::Sequence(Box::new(item));
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.0.step()?;
        let mut parts = Vec::new();
        let value = visitor.visit_seq(Items::new(self.0, len, &mut parts))?;
        self.0.last = Shape::Tuple(parts);
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.0.step()?;
        let mut parts = (Shape::Unknown, Shape::Unknown);
        let one = !self.0.in_short();
        let value = visitor.visit_map(Entry::new(self.0, one, &mut parts))?;
        self.0.last = Shape::Map(Box::new(parts.0), Box::new(parts.1));
        Ok(value)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.0.step()?;
        let (number, first) = self.0.enter(type_name::<V>(), "newtype", name, NO_NAMES);
        let value = self.0.within_type(number, |tracer| {
            tracer.in_full(first, |tracer| {
                visitor.visit_newtype_struct(TracingDeserializer(tracer))
            })
        })?;
        let inner = self.0.take_last();
        self.0.leave(number, vec![inner]);
        Ok(value)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.structure("tuple", name, NO_NAMES, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.structure("struct", name, fields, fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.0.step()?;
        let (number, first) = self.0.enter(type_name::<V>(), "enum", name, variants);
        let taken = self.0.take_variant(number, first);
        let taken = taken.ok_or_else(|| Refused::custom("an enum has no variant"));
        let taken = taken?;
        self.0.within_type(number, |tracer| {
            tracer.within_variant(number, taken, |tracer| {
                visitor.visit_enum(OneVariant::new(tracer, number, taken.variant))
            })
        })
    }
}
