//! The parts of what is made: fields, items, entries of a map, variants.

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::deserializer::TracingDeserializer;
use super::shape::Shape;
use super::tracer::{Refused, Tracer};

/// The fields of a struct.
pub(super) struct Fields<'t> {
    tracer: &'t mut Tracer,
    names: &'static [&'static str],
    count: usize,
    /// They are looked at in full.
    full: bool,
    parts: &'t mut Vec<Shape>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(
        tracer: &'t mut Tracer,
        names: &'static [&'static str],
        count: usize,
        full: bool,
        parts: &'t mut Vec<Shape>,
    ) -> Self {
        Self {
            tracer,
            names,
            count,
            full,
            parts,
        }
    }
}

impl<'de> SeqAccess<'de> for Fields<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let number = self.parts.len();
        if number >= self.count {
            return Ok(None);
        }
        let place = match self.names.get(number) {
            Some(name) => (*name).to_owned(),
            None => number.to_string(),
        };
        let value = self.tracer.in_full(self.full, |tracer| {
            tracer.within(&place, |tracer| {
                seed.deserialize(TracingDeserializer(tracer))
            })
        })?;
        self.parts.push(self.tracer.take_last());
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.parts.len())
    }
}

/// The items of a sequence or of a tuple.
pub(super) struct Items<'t> {
    tracer: &'t mut Tracer,
    count: usize,
    parts: &'t mut Vec<Shape>,
}

impl<'t> Items<'t> {
    pub(super) fn new(tracer: &'t mut Tracer, count: usize, parts: &'t mut Vec<Shape>) -> Self {
        Self {
            tracer,
            count,
            parts,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let number = self.parts.len();
        if number >= self.count {
            return Ok(None);
        }
        let value = self.tracer.within(&number.to_string(), |tracer| {
            seed.deserialize(TracingDeserializer(tracer))
        })?;
        self.parts.push(self.tracer.take_last());
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.parts.len())
    }
}

/// The only entry of a map.
pub(super) struct Entry<'t> {
    tracer: &'t mut Tracer,
    wanted: bool,
    parts: &'t mut (Shape, Shape),
}

impl<'t> Entry<'t> {
    pub(super) fn new(tracer: &'t mut Tracer, wanted: bool, parts: &'t mut (Shape, Shape)) -> Self {
        Self {
            tracer,
            wanted,
            parts,
        }
    }
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        if !std::mem::take(&mut self.wanted) {
            return Ok(None);
        }
        let key = self.tracer.within("key", |tracer| {
            seed.deserialize(TracingDeserializer(tracer))
        })?;
        self.parts.0 = self.tracer.take_last();
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let value = self.tracer.within("value", |tracer| {
            seed.deserialize(TracingDeserializer(tracer))
        })?;
        self.parts.1 = self.tracer.take_last();
        Ok(value)
    }
}

/// The variant that was taken of an enum.
pub(super) struct OneVariant<'t> {
    tracer: &'t mut Tracer,
    number: usize,
    variant: usize,
}

impl<'t> OneVariant<'t> {
    pub(super) fn new(tracer: &'t mut Tracer, number: usize, variant: usize) -> Self {
        Self {
            tracer,
            number,
            variant,
        }
    }

    /// The content of the variant, as a tuple of these names.
    fn content<'de, V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let mut parts = Vec::new();
        let full = !self.tracer.in_short();
        let fields = Fields::new(self.tracer, names, count, full, &mut parts);
        let value = visitor.visit_seq(fields)?;
        let named = Shape::Names(names, parts);
        self.tracer.last = named;
        Ok(value)
    }
}

impl<'de> EnumAccess<'de> for OneVariant<'_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let number = u32::try_from(self.variant).unwrap_or(u32::MAX);
        let number: U32Deserializer<Refused> = number.into_deserializer();
        match seed.deserialize(number) {
            Ok(value) => Ok((value, self)),
            Err(error) => {
                self.tracer.skip_variant(self.number, self.variant);
                Err(error)
            }
        }
    }
}

impl<'de> VariantAccess<'de> for OneVariant<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.tracer.last = Shape::Plain("unit");
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(TracingDeserializer(self.tracer))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.content(&[], len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.content(fields, fields.len(), visitor)
    }
}
