//! Named inputs into a struct: the parameters of a URL, and the fields of a JSON object.
//!
//! Both come as pairs of a name and a value, and serde's derive reads them. Its own errors say what
//! is wrong but not where, so the values here carry their name: every [`Fault`] tells the input.

use std::borrow::Cow;
use std::fmt;
use std::num::IntErrorKind;

use percent_encoding::percent_decode_str;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value as Json;

use crate::errors::Fault;

/// What is said of a number that fits into no integer of this API.
const TOO_MANY_DIGITS: &str = "must be a whole number of at most 18 digits";

/// Reads the part of a URL behind the question mark.
pub(crate) fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, Fault> {
    let parameters = query.split('&').filter(|pair| !pair.is_empty());
    let parameters: Vec<(String, Parameter)> =
        parameters.map(parameter).collect::<Result<_, _>>()?;
    T::deserialize(MapDeserializer::new(parameters.into_iter()))
}

/// Reads the fields of a JSON object.
pub(crate) fn from_fields<T: DeserializeOwned>(fields: Fields) -> Result<T, Fault> {
    let fields = fields.0.into_iter();
    T::deserialize(MapDeserializer::new(fields.map(|(name, value)| {
        let field = Field {
            name: name.clone(),
            value,
        };
        (name, field)
    })))
}

/// Reads a whole number.
pub(crate) fn whole_number(name: &str, text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        let rule = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => TOO_MANY_DIGITS,
            _ => "must be a whole number",
        };
        Fault::of_value(name, rule, text)
    })
}

/// Takes the id of a row.
pub(crate) fn id(name: &str, number: i64) -> Result<i64, Fault> {
    if number >= 1 {
        Ok(number)
    } else {
        let value = number.to_string();
        Err(Fault::of_value(name, "must be at least 1", &value))
    }
}

/// Splits `name=value` and decodes both. A plus is a space, as forms send it.
fn parameter(pair: &str) -> Result<(String, Parameter), Fault> {
    let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
    let name = decoded(name).ok_or_else(|| {
        Fault::new("the name of a parameter is no UTF-8; percent-encode the bytes of UTF-8")
    })?;
    let text = decoded(text)
        .ok_or_else(|| Fault::of(&name, "is no UTF-8; percent-encode the bytes of UTF-8"))?;
    let value = Parameter {
        name: name.clone(),
        text,
    };
    Ok((name, value))
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text)
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

/// The value of a parameter, which is a text until it is known what it has to be.
struct Parameter {
    name: String,
    text: String,
}

impl IntoDeserializer<'_, Fault> for Parameter {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Parameter {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_string(self.text)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_i64(whole_number(&self.name, &self.text)?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let number = self.text.parse();
        visitor.visit_f64(number.map_err(|_| {
            let rule = "must be a number such as 2.5";
            Fault::of_value(&self.name, rule, &self.text)
        })?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The fields of a JSON object in their order, also those that are there twice.
pub(crate) struct Fields(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object such as {\"name\": \"...\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

/// The value of a field.
struct Field {
    name: String,
    value: Json,
}

impl Field {
    /// Reads the value as `read` does; where that fails, says of which field.
    fn read<T>(self, read: impl FnOnce(Json) -> serde_json::Result<T>) -> Result<T, Fault> {
        let Self { name, value } = self;
        read(value).map_err(|error| Fault::of(&name, format_args!("cannot be read: {error}")))
    }
}

impl IntoDeserializer<'_, Fault> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.read(|value| value.deserialize_any(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.read(|value| value.deserialize_enum(name, variants, visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
