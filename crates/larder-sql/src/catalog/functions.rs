//! What functions do, and which of them a statement may call.

use std::collections::{BTreeSet, HashMap};

use super::builtin_functions::{self, Volatility};
use super::log;
use super::names::{Names, TableId};
use super::snapshot::{self, CatalogSnapshot, SystemFunctions};
use super::words::words;
use crate::{QualifiedName, StatementProfile, classify};

/// What a function does, beyond giving a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FunctionEffect {
    /// Its result depends on its arguments, on settings that are part of every cache key, and
    /// on definitions.
    Pure,
    /// It gives another value at each call or in each transaction.
    Moving,
    /// It does something at each call, but touches no table.
    Acting,
    /// It reads the state of the server or of the session.
    ServerState,
    /// It may read any table.
    ReadsAnything,
    /// It may do anything.
    Everything,
    /// It does what the user declared.
    Declared(Declared),
    /// The catalog does not know it.
    Unknown,
}

impl FunctionEffect {
    /// What has a greater one is worse to call.
    fn severity(&self) -> u8 {
        match self {
            Self::Pure => 0,
            Self::Moving => 1,
            Self::ServerState => 2,
            Self::Acting => 3,
            Self::ReadsAnything | Self::Declared(_) => 4,
            Self::Unknown => 5,
            Self::Everything => 6,
        }
    }
}

/// The tables that a user declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) reads: Box<[TableId]>,
    pub(super) writes: Box<[TableId]>,
}

/// A function that a statement may call, and that does more than give a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) function: QualifiedName,
    pub(super) effect: FunctionEffect,
    /// Whether the statement does not show that it calls the function.
    pub(super) unseen: bool,
}

/// The user's functions, and what calls them.
#[derive(Debug)]
pub(super) struct Functions {
    by_id: HashMap<u32, Known>,
    by_name: HashMap<Box<str>, Vec<u32>>,
    /// What the defaults of a function's arguments do.
    defaults: Vec<(u32, StatementProfile)>,
    system: HashMap<Box<str>, Volatility>,
    /// Called by what no text shows.
    implicit: Vec<u32>,
    /// Called where a word stands anywhere in the text: functions like columns.
    by_word: HashMap<Box<str>, Vec<u32>>,
    /// Called where a word stands in the place of a type.
    by_type: HashMap<Box<str>, Vec<u32>>,
    /// Called where the characters of an operator stand anywhere in the text.
    by_operator: Vec<(Box<str>, u32)>,
}

#[derive(Debug)]
struct Known {
    name: QualifiedName,
    effect: FunctionEffect,
}

/// Operators that the grammar writes in other words: `IN`, `BETWEEN`, `LIKE`, `DISTINCT`.
const WRITTEN_OTHERWISE: &[&str] = &[
    "!~", "!~~", "!~~*", "<", "<=", "<>", "=", ">", ">=", "~", "~~", "~~*",
];

/// Objects below this id were made with the database itself.
const FIRST_NORMAL_OBJECT_ID: u32 = 16_384;

impl Functions {
    pub(super) fn new(snapshot: &mut CatalogSnapshot) -> Self {
        let mut functions = Self {
            by_id: HashMap::with_capacity(snapshot.functions.len()),
            by_name: HashMap::with_capacity(snapshot.functions.len()),
            defaults: Vec::new(),
            system: system(&snapshot.system_functions),
            implicit: Vec::new(),
            by_word: HashMap::new(),
            by_type: HashMap::new(),
            by_operator: Vec::new(),
        };
        for function in snapshot.functions.drain(..) {
            functions.insert(function);
        }
        functions
    }

    fn insert(&mut self, function: snapshot::Function) {
        let effect = effect(&function);
        let id = function.oid;
        if let Some(defaults) = &function.defaults {
            let profile = classify(&format!("SELECT {defaults}"));
            self.defaults.push((id, profile));
        }
        let name = QualifiedName::new(Some(&function.schema), &function.name);
        self.by_id.insert(id, Known { name, effect });
        self.by_name.entry(function.name).or_default().push(id);
    }

    /// Declares what all functions of that name do; whether there is one.
    pub(super) fn declare(&mut self, name: &QualifiedName, names: &Names, what: &Declared) -> bool {
        let ids = self.named(name, names);
        for id in &ids {
            if let Some(known) = self.by_id.get_mut(id) {
                known.effect = FunctionEffect::Declared(what.clone());
            }
        }
        !ids.is_empty()
    }

    /// Learns what calls functions unseen. Comes after all declarations.
    pub(super) fn connect(&mut self, snapshot: &CatalogSnapshot, names: &Names) {
        self.add_defaults(names);
        for operator in &snapshot.operators {
            let is_hidden =
                operator.implicit || WRITTEN_OTHERWISE.contains(&operator.name.as_ref());
            if self.is_pure(operator.function) {
                continue;
            } else if is_hidden {
                self.implicit.push(operator.function);
            } else {
                self.by_operator
                    .push((operator.name.clone(), operator.function));
            }
        }
        for function in &snapshot.casts {
            if !self.is_pure(*function) {
                self.implicit.push(*function);
            }
        }
        for mention in &snapshot.mentions {
            if !self.is_pure(mention.function) {
                let lists = if mention.as_type {
                    &mut self.by_type
                } else {
                    &mut self.by_word
                };
                let ids = lists.entry(mention.name.clone()).or_default();
                ids.push(mention.function);
            }
        }
    }

    /// A call evaluates the defaults of the arguments that it leaves out, whatever the function
    /// itself is said to be.
    fn add_defaults(&mut self, names: &Names) {
        let defaults = std::mem::take(&mut self.defaults);
        // A default may call a function that has defaults.
        let mut has_changed = true;
        while has_changed {
            has_changed = false;
            for (id, profile) in &defaults {
                let worst = self.worst_call(profile, names);
                if let Some(known) = self.by_id.get_mut(id)
                    && !matches!(known.effect, FunctionEffect::Declared(_))
                    && worst.severity() > known.effect.severity()
                {
                    known.effect = worst;
                    has_changed = true;
                }
            }
        }
    }

    fn worst_call(&self, profile: &StatementProfile, names: &Names) -> FunctionEffect {
        if profile.unknown_reason().is_some() {
            return FunctionEffect::Everything;
        }
        let calls = self.calls(profile, names).into_iter();
        let effects = calls.map(|call| match call.effect {
            // What is declared of one function is not declared of another.
            FunctionEffect::Declared(declared) if !declared.writes.is_empty() => {
                FunctionEffect::Everything
            }
            FunctionEffect::Declared(_) => FunctionEffect::ReadsAnything,
            effect => effect,
        });
        let moving = profile.moving_time.then_some(FunctionEffect::Moving);
        effects
            .chain(moving)
            .max_by_key(FunctionEffect::severity)
            .unwrap_or(FunctionEffect::Pure)
    }

    fn is_pure(&self, id: u32) -> bool {
        *self.effect(id) == FunctionEffect::Pure
    }

    /// What the function `id` does.
    pub(super) fn effect(&self, id: u32) -> &FunctionEffect {
        match self.by_id.get(&id) {
            Some(known) => &known.effect,
            // What belongs to PostgreSQL itself and is behind triggers and operators touches
            // the row at hand.
            None if id < FIRST_NORMAL_OBJECT_ID => &FunctionEffect::Pure,
            None => &FunctionEffect::Unknown,
        }
    }

    /// The function `id` as a call.
    pub(super) fn call(&self, id: u32, unseen: bool) -> Call {
        let name = self.by_id.get(&id).map(|known| known.name.clone());
        Call {
            function: name.unwrap_or_else(|| QualifiedName::new(None, &format!("oid {id}"))),
            effect: self.effect(id).clone(),
            unseen,
        }
    }

    /// What a statement calls and is not [`FunctionEffect::Pure`]. Of several functions of one
    /// name any may be meant.
    pub(super) fn calls(&self, profile: &StatementProfile, names: &Names) -> Vec<Call> {
        let mut calls: Vec<Call> = Vec::new();
        for function in &profile.functions {
            self.resolve(function, names, &mut calls);
        }
        self.unseen(&profile.normalised, &mut calls);
        calls
    }

    /// What `text` calls without its text saying so in the form of a call.
    pub(super) fn unseen(&self, text: &str, calls: &mut Vec<Call>) {
        let mut ids: BTreeSet<u32> = self.implicit.iter().copied().collect();
        for (operator, id) in &self.by_operator {
            if text.contains(&**operator) {
                ids.insert(*id);
            }
        }
        if !(self.by_word.is_empty() && self.by_type.is_empty()) {
            for word in words(text) {
                let named = self.by_word.get(word.text.as_str());
                let typed = self.by_type.get(word.text.as_str());
                ids.extend(named.into_iter().flatten());
                ids.extend(typed.filter(|_| word.may_be_type).into_iter().flatten());
            }
        }
        calls.extend(ids.into_iter().map(|id| self.call(id, true)));
    }

    /// Whether `text` has the name of a function of PostgreSQL's own that may do anything.
    pub(super) fn names_harmful(&self, text: &str) -> Option<QualifiedName> {
        words(text).into_iter().find_map(|word| {
            let volatility = *self.system.get(word.text.as_str())?;
            let effect = builtin_functions::system(&word.text, volatility);
            (effect == FunctionEffect::Everything)
                .then(|| QualifiedName::new(Some("pg_catalog"), &word.text))
        })
    }

    fn resolve(&self, function: &QualifiedName, names: &Names, calls: &mut Vec<Call>) {
        let mut effects = Vec::new();
        if matches!(function.schema(), None | Some("pg_catalog")) {
            let name = function.name();
            let volatility = self.system.get(name);
            effects.extend(volatility.map(|known| builtin_functions::system(name, *known)));
            effects.extend(builtin_functions::construct(name));
        }
        let users = self.named(function, names);
        effects.extend(users.into_iter().map(|id| self.effect(id).clone()));
        if effects.is_empty() {
            effects.push(FunctionEffect::Unknown);
        }
        effects.retain(|effect| *effect != FunctionEffect::Pure);
        calls.extend(effects.into_iter().map(|effect| Call {
            function: function.clone(),
            effect,
            unseen: false,
        }));
    }

    /// The user's functions that `name` may mean.
    fn named(&self, name: &QualifiedName, names: &Names) -> Vec<u32> {
        let ids = self.by_name.get(name.name()).into_iter().flatten();
        let is_meant = |id: &&u32| {
            let schema = self.by_id.get(id).and_then(|known| known.name.schema());
            match (name.schema(), schema) {
                (Some(named), Some(schema)) => named == schema,
                (None, Some(schema)) => names.is_searched_for_functions(schema),
                (_, None) => false,
            }
        };
        ids.filter(is_meant).copied().collect()
    }
}

fn effect(function: &snapshot::Function) -> FunctionEffect {
    let volatility = Volatility::from_catalog(function.volatility);
    let extension = function.extension.as_deref();
    let known = extension.and_then(|extension| {
        builtin_functions::of_extension(extension, &function.name, volatility)
    });
    let known = known.or_else(|| log::effect(function));
    known.unwrap_or(match volatility {
        Volatility::Immutable => FunctionEffect::Pure,
        Volatility::Stable => FunctionEffect::ReadsAnything,
        Volatility::Volatile => FunctionEffect::Everything,
    })
}

fn system(functions: &SystemFunctions) -> HashMap<Box<str>, Volatility> {
    let lists = [
        (&functions.immutable, Volatility::Immutable),
        (&functions.stable, Volatility::Stable),
        (&functions.volatile, Volatility::Volatile),
    ];
    lists
        .into_iter()
        .flat_map(|(names, volatility)| {
            let names = names.split(' ').filter(|name| !name.is_empty());
            names.map(move |name| (name.into(), volatility))
        })
        .collect()
}
