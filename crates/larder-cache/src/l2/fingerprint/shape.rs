//! What is known of a type's shape, and its text, of which the fingerprint is made.

use std::fmt::{self, Write};

/// What a `Deserialize` asked for in one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Shape {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// Without parts.
    Plain(&'static str),
    Option(Box<Shape>),
    Sequence(Box<Shape>),
    Map(Box<Shape>, Box<Shape>),
    Tuple(Vec<Shape>),
    /// The fields of a variant, with their names.
    Names(&'static [&'static str], Vec<Shape>),
    /// The named type of this number, in the order in which they were met.
    Named(usize),
}

impl Shape {
    /// Both together: what one does not know the other may.
    pub(super) fn merge(&mut self, other: Self) {
        match (self, other) {
            (_, Self::Unknown) => {}
            (this @ Self::Unknown, other) => *this = other,
            (Self::Option(this), Self::Option(other))
            | (Self::Sequence(this), Self::Sequence(other)) => this.merge(*other),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key.merge(*other_key);
                value.merge(*other_value);
            }
            (Self::Tuple(these), Self::Tuple(others))
            | (Self::Names(_, these), Self::Names(_, others)) => merge_all(these, others),
            // What was found first stays: every process finds it first.
            _ => {}
        }
    }
}

/// Merges part by part.
pub(super) fn merge_all(these: &mut Vec<Shape>, others: Vec<Shape>) {
    if these.len() < others.len() {
        these.resize(others.len(), Shape::Unknown);
    }
    for (this, other) in these.iter_mut().zip(others) {
        this.merge(other);
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("?"),
            Self::Plain(name) => formatter.write_str(name),
            Self::Option(inner) => write!(formatter, "option<{inner}>"),
            Self::Sequence(inner) => write!(formatter, "sequence<{inner}>"),
            Self::Map(key, value) => write!(formatter, "map<{key},{value}>"),
            Self::Tuple(parts) => write_parts(formatter, parts),
            Self::Names(names, parts) => {
                write!(formatter, "{names:?}")?;
                write_parts(formatter, parts)
            }
            Self::Named(number) => write!(formatter, "#{number}"),
        }
    }
}

fn write_parts(formatter: &mut fmt::Formatter<'_>, parts: &[Shape]) -> fmt::Result {
    formatter.write_char('(')?;
    for part in parts {
        write!(formatter, "{part},")?;
    }
    formatter.write_char(')')
}

/// A struct or an enum.
#[derive(Debug)]
pub(super) struct Named {
    /// What `Deserialize` it is. Only told apart from others: it is not part of the text.
    pub(super) identity: String,
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    /// The names of fields, or of variants.
    pub(super) names: &'static [&'static str],
    /// The shapes of fields, or of variants.
    pub(super) parts: Vec<Shape>,
    /// For an enum, how far each variant was looked at.
    pub(super) variants: Vec<Variant>,
    /// The pass in which it was last looked at.
    pub(super) pass: usize,
    /// The variant that was taken last.
    pub(super) taken: usize,
}

/// How far a variant was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Variant {
    pub(super) begun: bool,
    /// How many variants a value had been made of when the first of this one was made. A value
    /// of the lowest needs none of a higher one, so taking it never ends in endless recursion.
    pub(super) finished: Option<usize>,
    /// All that is in it was looked at.
    pub(super) complete: bool,
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug quotes and escapes: no name can look like two.
        write!(formatter, "{} {:?} {:?} ", self.kind, self.name, self.names)?;
        write_parts(formatter, &self.parts)
    }
}
