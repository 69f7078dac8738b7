//! What has been found out of a type, pass by pass: each pass makes one value of it, and takes
//! variants of enums that were not looked at yet.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _};

use super::deserializer::TracingDeserializer;
use super::shape::{Named, Shape, Variant, merge_all};

/// How deep types may be nested in each other.
const DEEPEST: usize = 100;
/// How many values may be made, and of how many parts altogether.
const PASSES: usize = 20_000;
const STEPS: usize = 2_000_000;

#[derive(Default)]
pub(super) struct Tracer {
    types: Vec<Named>,
    by_identity: HashMap<String, usize>,
    pub(super) last: Shape,
    /// Where in the type, by its names: the place of what is made now.
    places: Vec<String>,
    /// The place of the sample that was offered last, and how many samples there are for it.
    offered: Option<(String, usize)>,
    /// Which sample to offer in a place.
    samples: HashMap<String, usize>,
    pass: usize,
    steps: usize,
    /// Of how many variants a value was made.
    finished: usize,
    /// What is made now was looked at before in this pass: as short as can be.
    short: bool,
    /// Something was met in this pass that is to be looked at again.
    incomplete: bool,
    /// An error of this pass was expected: another pass goes around it.
    again: bool,
}

/// The variant that was taken of an enum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) variant: usize,
    /// It is looked at in full.
    full: bool,
    /// The enum is met for the first time in this pass.
    first: bool,
}

/// What a `Deserialize` says of a value that it does not take.
#[derive(Debug)]
pub(super) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Tracer {
    /// The text of the type's shape, or why there is none.
    pub(super) fn describe<T: DeserializeOwned>() -> Result<String, String> {
        let mut tracer = Self::default();
        let mut root = Shape::Unknown;
        loop {
            tracer.begin_pass();
            match T::deserialize(TracingDeserializer(&mut tracer)) {
                Ok(_) if !tracer.incomplete => {
                    root.merge(std::mem::take(&mut tracer.last));
                    return Ok(tracer.text(&root));
                }
                Ok(_) => root.merge(std::mem::take(&mut tracer.last)),
                Err(error) => tracer.go_around(error)?,
            }
            if tracer.pass > PASSES {
                return Err("it has too many variants".to_owned());
            }
        }
    }

    fn begin_pass(&mut self) {
        self.pass += 1;
        self.incomplete = false;
        self.again = false;
        self.short = false;
        self.last = Shape::Unknown;
        self.offered = None;
        self.places.clear();
        self.places.push(String::new());
    }

    /// After an error: the next pass offers another sample where the last one was refused.
    fn go_around(&mut self, error: Refused) -> Result<(), String> {
        if self.again {
            return Ok(());
        }
        let Some((place, count)) = self.offered.take().filter(|_| self.steps <= STEPS) else {
            return Err(error.0);
        };
        let sample = self.samples.entry(place).or_default();
        *sample += 1;
        if *sample < count {
            Ok(())
        } else {
            Err(error.0)
        }
    }

    fn text(&self, root: &Shape) -> String {
        use fmt::Write;
        let mut text = format!("shape {root}");
        for one in &self.types {
            // Writing to a text cannot fail.
            let _ = write!(text, "\n{one}");
        }
        text
    }

    /// One step, and an error if there were too many or it is too deep.
    pub(super) fn step(&mut self) -> Result<(), Refused> {
        self.steps += 1;
        if self.steps > STEPS || self.places.len() > DEEPEST {
            // Another sample would not help.
            self.offered = None;
            return Err(Refused::custom("it is nested too deeply"));
        }
        Ok(())
    }

    /// Runs `make` in a place inside of this one.
    pub(super) fn within<R>(&mut self, place: &str, make: impl FnOnce(&mut Self) -> R) -> R {
        let outer = self.places.last().map_or("", String::as_str);
        self.places.push(format!("{outer}/{place}"));
        let made = make(self);
        self.places.pop();
        made
    }

    /// Whether values are to be made as short as can be: without options, items, entries.
    pub(super) fn in_short(&self) -> bool {
        self.short
    }

    /// Runs `make`, which looks at everything if `full`.
    pub(super) fn in_full<R>(&mut self, full: bool, make: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.short, !full);
        let made = make(self);
        self.short = outer;
        made
    }

    /// The shape of what was made last.
    pub(super) fn take_last(&mut self) -> Shape {
        std::mem::take(&mut self.last)
    }

    /// The sample to offer here, of so many.
    pub(super) fn sample<T: Copy>(&mut self, samples: &[T]) -> Option<T> {
        let place = self.places.last().cloned().unwrap_or_default();
        let sample = self.samples.get(&place).copied().unwrap_or_default();
        self.offered = Some((place, samples.len()));
        samples.get(sample).copied()
    }

    /// The number of a named type, and whether it is met for the first time in this pass: then
    /// it is looked at in full, else a value of it is made as shortly as can be.
    pub(super) fn enter(
        &mut self,
        identity: &str,
        kind: &'static str,
        name: &'static str,
        names: &'static [&'static str],
    ) -> (usize, bool) {
        let identity = format!("{kind} {identity}");
        let number = match self.by_identity.get(&identity) {
            Some(number) => *number,
            None => {
                let variants = if kind == "enum" { names.len() } else { 0 };
                self.types.push(Named {
                    identity: identity.clone(),
                    kind,
                    name,
                    names,
                    parts: vec![Shape::Unknown; variants],
                    variants: vec![Variant::default(); variants],
                    pass: 0,
                    taken: 0,
                });
                self.by_identity.insert(identity, self.types.len() - 1);
                self.types.len() - 1
            }
        };
        let first = self.types[number].pass != self.pass;
        self.types[number].pass = self.pass;
        (number, first)
    }

    /// The place of a named type is the same wherever it is used.
    pub(super) fn within_type<R>(&mut self, number: usize, make: impl FnOnce(&mut Self) -> R) -> R {
        self.places.push(self.types[number].identity.clone());
        let made = make(self);
        self.places.pop();
        made
    }

    /// Keeps what was found out of a named type's fields.
    pub(super) fn leave(&mut self, number: usize, parts: Vec<Shape>) {
        merge_all(&mut self.types[number].parts, parts);
        self.last = Shape::Named(number);
    }

    /// The variant to take. None, if the enum has none.
    pub(super) fn take_variant(&mut self, number: usize, first: bool) -> Option<Taken> {
        let named = &mut self.types[number];
        let find = |wanted: fn(&Variant) -> bool| named.variants.iter().position(wanted);
        let new = || find(|variant| !variant.begun);
        let unfinished = || find(|variant| !variant.complete);
        let finished = || {
            let ranks = named.variants.iter().enumerate();
            let ranks = ranks.filter_map(|(n, variant)| Some((variant.finished?, n)));
            ranks.min().map(|(_, n)| n)
        };
        let taken = match first {
            true => new().or_else(unfinished).or_else(finished),
            false => finished().or_else(new),
        };
        // If all lead to endless recursion so far, another one than the last time.
        let count = named.variants.len();
        let taken = taken.or_else(|| (named.taken + 1).checked_rem(count))?;
        named.taken = taken;
        let new = !std::mem::replace(&mut named.variants[taken].begun, true);
        Some(Taken {
            variant: taken,
            full: new || first,
            first,
        })
    }

    /// The variant of this number is none: an alias of another.
    pub(super) fn skip_variant(&mut self, number: usize, variant: usize) {
        self.types[number].variants[variant].complete = true;
        self.again = true;
    }

    /// Runs `make`, which makes a value of the variant, and keeps what was found out.
    pub(super) fn within_variant<R>(
        &mut self,
        number: usize,
        taken: Taken,
        make: impl FnOnce(&mut Self) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        let outer = std::mem::take(&mut self.incomplete);
        let made = self.within(&taken.variant.to_string(), |tracer| {
            tracer.in_full(taken.full, make)
        })?;
        let shape = std::mem::take(&mut self.last);
        let named = &mut self.types[number];
        named.parts[taken.variant].merge(shape);
        let variant = &mut named.variants[taken.variant];
        if variant.finished.is_none() {
            variant.finished = Some(self.finished);
            self.finished += 1;
        }
        // Looked at in short, it hides what is in it.
        variant.complete |= taken.full && !self.incomplete;
        let complete = named.variants.iter().all(|variant| variant.complete);
        // Where it was met first in this pass, it is looked at again in the next: elsewhere, and
        // in itself, it needs not be.
        self.incomplete |= outer || taken.first && !complete;
        self.last = Shape::Named(number);
        Ok(made)
    }
}
