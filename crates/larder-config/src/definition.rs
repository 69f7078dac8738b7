//! What a row of the table of settings says, and the macro that makes a section's struct of rows.

use crate::parse::{Problem, Reading};
use crate::profile::Profile;
use crate::value::SettingValue;

/// A row of the table of settings: everything that is known of a setting before it has a value.
///
/// The same rows drive loading, validation, `larder config show` and documentation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Definition {
    /// The key, such as `pool.size`.
    pub key: &'static str,
    /// What the setting does and what follows from it.
    pub doc: &'static str,
    /// What a value of it is, such as "a duration with a unit".
    pub expected: &'static str,
    /// The predecessor's variables that set it, the winning one last.
    pub variables: &'static [Variable],
    /// Whether its value holds a secret, so that no message repeats it.
    pub secret: bool,
    pub(crate) default: Default,
    pub(crate) range: Range,
    pub(crate) check: fn(&SettingValue, &Reading<'_>) -> Result<SettingValue, Problem>,
}

impl Definition {
    /// The built-in value of a profile as it would be written, or none if the setting has none.
    pub fn default_of(&self, profile: Profile) -> Option<&'static str> {
        match self.default {
            Default::None => None,
            Default::Everywhere(text) => Some(text),
            Default::ByProfile {
                dev,
                staging,
                prod,
                test,
            } => Some(match profile {
                Profile::Dev => dev,
                Profile::Staging => staging,
                Profile::Prod => prod,
                Profile::Test => test,
            }),
        }
    }

    /// The variable that sets it in the present form, such as `LARDER_POOL__SIZE`.
    pub fn variable(&self) -> String {
        let path = self.key.replace('.', "__").to_ascii_uppercase();
        format!("LARDER_{path}")
    }

    /// The section and the key within it.
    pub(crate) fn path(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }
}

/// The built-in value, written as a user would write it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// There is none: the setting is optional.
    None,
    /// The same in every profile.
    Everywhere(&'static str),
    /// One for each profile.
    ByProfile {
        dev: &'static str,
        staging: &'static str,
        prod: &'static str,
        test: &'static str,
    },
}

/// The smallest and the largest value: of numbers as they are, of durations in seconds, of sizes
/// in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Range {
    pub(crate) const ANY: Range = Range {
        least: f64::NEG_INFINITY,
        most: f64::INFINITY,
    };

    pub(crate) const fn of(least: f64, most: f64) -> Range {
        Range { least, most }
    }
}

/// A variable of the predecessor, and the unit of the number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// The name, such as `DB_POOL_TIMEOUT`.
    pub name: &'static str,
    /// What a number in it counts.
    pub unit: Unit,
}

impl Variable {
    pub(crate) const fn plain(name: &'static str) -> Variable {
        Variable {
            name,
            unit: Unit::Plain,
        }
    }

    pub(crate) const fn seconds(name: &'static str) -> Variable {
        Variable {
            name,
            unit: Unit::Seconds,
        }
    }

    pub(crate) const fn milliseconds(name: &'static str) -> Variable {
        Variable {
            name,
            unit: Unit::Milliseconds,
        }
    }
}

/// What a number in one of the predecessor's variables counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// The value is written as in `larder.toml`.
    Plain,
    /// Seconds, possibly with a fraction.
    Seconds,
    /// Milliseconds, possibly with a fraction.
    Milliseconds,
}

/// Makes a section: its struct, with the documentation of each row as documentation of the
/// field, the rows themselves as `DEFINITIONS`, and `read`, which reads every field and so
/// reports every fault of the section rather than the first.
///
/// A row is `field: Type { ... }` with fields of [`Definition`] in the braces; what is left out
/// is optional, without bounds, without variables of the predecessor, and not secret.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])+
        $section:literal => $struct:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty { $($property:ident: $value:expr),* $(,)? }
            )+
        }
    ) => {
        $(#[doc = $section_doc])+
        #[derive(Debug, Clone)]
        pub struct $struct {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl $struct {
            pub(crate) const DEFINITIONS: &'static [$crate::definition::Definition] = &[
                $($crate::definition::Definition {
                    key: concat!($section, ".", stringify!($field)),
                    doc: concat!($($doc, "\n"),+),
                    $($property: $value,)*
                    ..<$type as $crate::parse::Parse>::DEFINITION
                },)+
            ];

            pub(crate) fn read(reader: &mut $crate::layers::Reader<'_>) -> Option<Self> {
                $(let $field = reader.read(concat!($section, ".", stringify!($field)));)+
                Some($struct { $($field: $field?,)+ })
            }
        }
    };
}

pub(crate) use section;
