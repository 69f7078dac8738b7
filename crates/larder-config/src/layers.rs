//! The layers put on each other by figment, and reading them key by key.
//!
//! Every value that a layer sets is an [`Entry`] and a figment provider of its own, so that the
//! value that wins leads back to exactly the line or the variable that set it.

use std::collections::BTreeSet;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Provider};

use crate::config::Setting;
use crate::definition::{Definition, Unit};
use crate::fault::Fault;
use crate::parse::{Parse, Problem, Reading};
use crate::redact::repeat;
use crate::source::Source;
use crate::value::SettingValue;

/// A value that one layer gives to one setting.
///
/// It has no `Debug`: its value may be a secret in the clear.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) definition: &'static Definition,
    pub(crate) value: SettingValue,
    pub(crate) source: Source,
    /// Whether the layer knows text only, so that text may stand for a number.
    pub(crate) textual: bool,
    pub(crate) unit: Unit,
}

impl Entry {
    /// An entry of a layer that has types: a file or code.
    pub(crate) fn typed(
        definition: &'static Definition,
        value: SettingValue,
        source: Source,
    ) -> Self {
        Entry {
            definition,
            value,
            source,
            textual: false,
            unit: Unit::Plain,
        }
    }

    /// An entry of a layer that has text only: the environment or a built-in profile.
    pub(crate) fn textual(
        definition: &'static Definition,
        text: &str,
        source: Source,
        unit: Unit,
    ) -> Self {
        Entry {
            definition,
            value: text.into(),
            source,
            textual: true,
            unit,
        }
    }

    pub(crate) fn reading(&self) -> Reading<'static> {
        Reading {
            key: self.definition.key,
            textual: self.textual,
            unit: self.unit,
            range: self.definition.range,
        }
    }

    /// The fault of the value, if it cannot be read.
    fn check(&self) -> Option<Fault> {
        let read = (self.definition.check)(&self.value, &self.reading());
        read.err().map(|problem| self.fault(problem))
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault {
            kind: problem.kind,
            key: self.definition.key.to_owned(),
            value: repeat(&self.value, self.definition.secret),
            source: self.source.clone(),
            problem: problem.problem,
            cure: problem.cure,
        }
    }
}

/// Figment sees each entry as a provider whose name is its index.
struct Indexed<'a> {
    index: usize,
    entry: &'a Entry,
}

impl Provider for Indexed<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.index.to_string())
    }

    fn data(&self) -> Result<Map<figment::Profile, Dict>, figment::Error> {
        let (section, key) = self.entry.definition.path();
        let value = Value::serialize(&self.entry.value)?;
        let inner = Dict::from([(key.to_owned(), value)]);
        let outer = Dict::from([(section.to_owned(), inner.into())]);
        Ok(figment::Profile::Default.collect(outer))
    }
}

/// All layers, merged.
pub(crate) struct Layers {
    entries: Vec<Entry>,
    figment: Figment,
}

impl Layers {
    /// Merges entries; later ones override earlier ones.
    pub(crate) fn merge(entries: Vec<Entry>) -> Self {
        let figment = entries
            .iter()
            .enumerate()
            .fold(Figment::new(), |figment, (index, entry)| {
                figment.merge(Indexed { index, entry })
            });
        Layers { entries, figment }
    }

    /// The entry whose value is in effect.
    pub(crate) fn winner(&self, key: &str) -> Option<&Entry> {
        let index: usize = self.figment.find_metadata(key)?.name.parse().ok()?;
        self.entries.get(index)
    }

    /// The typed value in effect, if there is one and it can be read.
    pub(crate) fn value<T: Parse>(&self, key: &str) -> Option<(T, Source)> {
        let winner = self.winner(key)?;
        let value = T::parse(&winner.value, &winner.reading()).ok()?;
        Some((value, winner.source.clone()))
    }

    /// The place of the entry in effect among all entries.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        self.figment.find_metadata(key)?.name.parse().ok()
    }

    /// Gives the entries back, to be merged again with others.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

/// Reads setting after setting, keeping every fault and what `config show` needs.
pub(crate) struct Reader<'a> {
    layers: &'a Layers,
    fallback: Source,
    pub(crate) settings: Vec<Setting>,
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// Reads from `layers`; a setting that no layer sets is said to come from `fallback`.
    pub(crate) fn new(layers: &'a Layers, fallback: Source) -> Self {
        Reader {
            layers,
            fallback,
            settings: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Reads one setting. None means that a fault was kept.
    pub(crate) fn read<T: Parse>(&mut self, key: &'static str) -> Option<T> {
        let definition = crate::sections::definition(key)?;
        let (value, source) = match self.layers.winner(key) {
            None => match T::absent() {
                Some(value) => (value, self.fallback.clone()),
                None => {
                    self.faults
                        .push(Fault::missing(definition, self.fallback.clone()));
                    return None;
                }
            },
            Some(entry) => match T::parse(&entry.value, &entry.reading()) {
                Ok(value) => (value, entry.source.clone()),
                Err(problem) => {
                    self.faults.push(entry.fault(problem));
                    return None;
                }
            },
        };
        self.settings.push(Setting {
            key,
            value: value.shown(),
            source,
            doc: definition.doc.trim(),
        });
        Some(value)
    }
}

/// Checks entries that must be right even where another layer overrides them, and takes out
/// those that are not. Gives the keys that lost an entry.
pub(crate) fn take_out_faulty(
    entries: &mut Vec<Entry>,
    faults: &mut Vec<Fault>,
) -> BTreeSet<&'static str> {
    let mut faulty = BTreeSet::new();
    entries.retain(|entry| match entry.check() {
        None => true,
        Some(fault) => {
            faults.push(fault);
            faulty.insert(entry.definition.key);
            false
        }
    });
    faulty
}
