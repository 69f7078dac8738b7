//! The layers that come from `larder.toml`: every section is read and checked, whichever profile
//! is in use, so that a mistake in `[prod]` shows on a developer's machine.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::definition::Definition;
use crate::fault::{Fault, FaultKind};
use crate::layers::Entry;
use crate::profile::Profile;
use crate::sections::{definitions, section_names, section_of};
use crate::source::Source;
use crate::suggest::nearest;
use crate::value::SettingValue;

/// The section that holds for every profile.
pub(crate) const DEFAULT: &str = "default";

/// What one section of the file sets.
pub(crate) struct Section {
    /// `default` or the name of a profile.
    pub(crate) name: &'static str,
    pub(crate) entries: Vec<Entry>,
}

/// What the file sets, section by section, and what is wrong with it.
#[derive(Default)]
pub(crate) struct File {
    pub(crate) sections: Vec<Section>,
    pub(crate) faults: Vec<Fault>,
}

impl File {
    /// Reads a file that must exist.
    pub(crate) fn read(path: &Path) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => File::parse(path, &text),
            Err(error) => File {
                sections: Vec::new(),
                faults: vec![Fault {
                    kind: FaultKind::UnreadableFile,
                    key: path.display().to_string(),
                    value: None,
                    source: whole(path, None),
                    problem: format!("cannot be read: {error}"),
                    cure: "check the path and its permissions".to_owned(),
                }],
            },
        }
    }

    /// Reads the text of a file.
    fn parse(path: &Path, text: &str) -> Self {
        let mut walk = Walk {
            path,
            text,
            file: File::default(),
        };
        match DeTable::parse(text) {
            Ok(table) => walk.root(table.get_ref()),
            Err(error) => walk.syntax_error(&error),
        }
        walk.file
    }

    /// Whether the text could be read as TOML at all.
    pub(crate) fn is_readable(&self) -> bool {
        !self
            .faults
            .iter()
            .any(|fault| matches!(fault.kind, FaultKind::UnreadableFile | FaultKind::Syntax))
    }
}

fn whole(path: &Path, line: Option<usize>) -> Source {
    Source::File {
        path: path.to_owned(),
        section: None,
        line,
    }
}

/// One walk over a parsed file.
struct Walk<'a> {
    path: &'a Path,
    text: &'a str,
    file: File,
}

type Item<'i> = (
    &'i Spanned<std::borrow::Cow<'i, str>>,
    &'i Spanned<DeValue<'i>>,
);

impl Walk<'_> {
    /// The top of the file: one table per profile.
    fn root(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let written = name.get_ref().as_ref();
            let known = Profile::ALL
                .into_iter()
                .map(Profile::name)
                .chain([DEFAULT])
                .find(|known| *known == written);
            match (known, value.get_ref()) {
                (Some(name), DeValue::Table(table)) => self.profile(name, table),
                (Some(known), _) => {
                    let cure = format!("write [{known}.pool] and the keys below it");
                    self.unknown_section((name, value), known, "is not a section", cure);
                }
                (None, _) => {
                    let cure = cure_for_profile_section(written);
                    let problem = "is not `default` or a profile";
                    self.unknown_section((name, value), written, problem, cure);
                }
            }
        }
    }

    /// `[default]` or the section of a profile.
    fn profile(&mut self, profile: &'static str, table: &DeTable<'_>) {
        let mut entries = Vec::new();
        for (name, value) in table {
            let written = name.get_ref().as_ref();
            match (section_of(written), value.get_ref()) {
                (Some(definitions), DeValue::Table(table)) => {
                    self.section(profile, written, definitions, table, &mut entries);
                }
                (Some(_), _) => {
                    let cure = format!("write [{profile}.{written}] and the keys below it");
                    self.unknown_section((name, value), profile, "is a section, not a value", cure);
                }
                (None, _) => {
                    let cure = cure_for_section(profile, written);
                    let problem = "is not a section of settings";
                    self.unknown_section((name, value), profile, problem, cure);
                }
            }
        }
        // The URL comes first, so that what its parameters say of TLS loses against a key of
        // the same section that says it by name.
        entries.sort_by_key(|entry| entry.definition.key != "database.url");
        self.file.sections.push(Section {
            name: profile,
            entries,
        });
    }

    /// A section of settings, such as `[default.pool]`.
    fn section(
        &mut self,
        profile: &str,
        section: &str,
        definitions: &'static [Definition],
        table: &DeTable<'_>,
        entries: &mut Vec<Entry>,
    ) {
        for (name, value) in table {
            let written = name.get_ref().as_ref();
            let source = self.source(profile, value.span().start);
            let Some(definition) = definitions.iter().find(|row| row.path().1 == written) else {
                self.file.faults.push(Fault {
                    kind: FaultKind::UnknownKey,
                    key: format!("{section}.{}", written.escape_debug()),
                    value: None,
                    source: self.source(profile, name.span().start),
                    problem: "is not a setting".to_owned(),
                    cure: cure_for_key(section, definitions, written),
                });
                continue;
            };
            match setting_value(value.get_ref()) {
                Ok(value) => entries.push(Entry::typed(definition, value, source)),
                Err(found) => self.file.faults.push(Fault {
                    kind: FaultKind::WrongType,
                    key: definition.key.to_owned(),
                    value: None,
                    source,
                    problem: format!("is {found}, not {}", definition.expected),
                    cure: format!("write {}", definition.expected),
                }),
            }
        }
    }

    fn unknown_section(&mut self, item: Item<'_>, section: &str, problem: &str, cure: String) {
        let (name, _) = item;
        self.file.faults.push(Fault {
            kind: FaultKind::UnknownSection,
            key: name.get_ref().escape_debug().to_string(),
            value: None,
            source: self.source(section, name.span().start),
            problem: problem.to_owned(),
            cure,
        });
    }

    /// The message says what the parser expected; the line itself is not repeated, because it
    /// may hold a password.
    fn syntax_error(&mut self, error: &toml::de::Error) {
        let (line, column) = self.place(error.span().map_or(0, |span| span.start));
        self.file.faults.push(Fault {
            kind: FaultKind::Syntax,
            key: self.path.display().to_string(),
            value: None,
            source: whole(self.path, Some(line)),
            problem: format!(
                "is not TOML at line {line}, column {column}: {}",
                error.message()
            ),
            cure: "correct the line; text, durations, sizes and URLs stand in quotes".to_owned(),
        });
    }

    fn source(&self, section: &str, offset: usize) -> Source {
        Source::File {
            path: self.path.to_owned(),
            section: Some(section.to_owned()),
            line: Some(self.place(offset).0),
        }
    }

    /// Line and column of a byte offset, both counted from 1, the column in characters.
    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

/// The value, or what was found where no setting has such a value.
fn setting_value(value: &DeValue<'_>) -> Result<SettingValue, &'static str> {
    match value {
        DeValue::String(text) => Ok(SettingValue::Text(text.as_ref().to_owned())),
        DeValue::Boolean(flag) => Ok(SettingValue::Flag(*flag)),
        DeValue::Integer(number) => whole_number(number).ok_or("a number beyond 64 bits"),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map(SettingValue::Number)
            .map_err(|_| "a number that cannot be read"),
        DeValue::Array(items) => items
            .iter()
            .map(|item| setting_value(item.get_ref()))
            .collect::<Result<_, _>>()
            .map(SettingValue::List),
        DeValue::Datetime(_) => Err("a date or a time"),
        DeValue::Table(_) => Err("a table"),
    }
}

fn whole_number(number: &DeInteger<'_>) -> Option<SettingValue> {
    i64::from_str_radix(number.as_str(), number.radix())
        .ok()
        .map(SettingValue::Integer)
}

/// What to write instead of an unknown name at the top of the file.
fn cure_for_profile_section(written: &str) -> String {
    let profiles = Profile::ALL.map(Profile::name);
    let near = written
        .parse()
        .map(Profile::name)
        .ok()
        .or_else(|| nearest(written, profiles.into_iter().chain([DEFAULT])));
    match near {
        Some(near) => format!("did you mean `[{near}]`?"),
        None if section_of(written).is_some() => {
            format!("did you mean `[{DEFAULT}.{written}]`?")
        }
        None => format!("write [{DEFAULT}], [{}]", profiles.join("], [")),
    }
}

/// What to write instead of an unknown name in the section of a profile.
fn cure_for_section(profile: &str, written: &str) -> String {
    if let Some(near) = nearest(written, section_names()) {
        return format!("did you mean `[{profile}.{near}]`?");
    }
    let keys = definitions().map(|definition| definition.path().1);
    match nearest(written, keys)
        .and_then(|near| definitions().find(|definition| definition.path().1 == near))
    {
        Some(definition) => format!("did you mean `{}`?", definition.key),
        None => format!(
            "write one of {}",
            section_names().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// What to write instead of an unknown key of a known section.
fn cure_for_key(section: &str, rows: &'static [Definition], written: &str) -> String {
    if let Some(near) = nearest(written, rows.iter().map(|row| row.path().1)) {
        return format!("did you mean `{section}.{near}`?");
    }
    match definitions().find(|definition| definition.path().1 == written) {
        Some(definition) => format!("did you mean `{}`?", definition.key),
        None => {
            let keys: Vec<_> = rows.iter().map(|row| row.path().1).collect();
            format!("write one of {}", keys.join(", "))
        }
    }
}
