//! Statements, as Larder runs them and as the judge does.

use std::fmt;

use diesel::pg::{Pg, PgMetadataLookup, PgQueryBuilder, PgTypeMetadata};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{QueryBuilder as _, QueryFragment};
use larder::database::{BoundSql, Database, Sql, sql};

use crate::error::{Error, Result};
use crate::value::{Value, bind};

/// Raw SQL with `:named` parameters and their values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) values: Vec<(&'static str, Value)>,
}

impl Statement {
    pub(crate) fn new(text: impl Into<String>, values: Vec<(&'static str, Value)>) -> Self {
        Self {
            text: text.into(),
            values,
        }
    }

    /// To run on a connection of Larder's.
    pub(crate) fn to_sql(&self) -> Sql {
        self.values
            .iter()
            .fold(sql(self.text.clone()), |sql, (name, value)| {
                bind!(sql, *name, value)
            })
    }

    /// To run by itself.
    pub(crate) fn with<'a>(&self, database: &'a Database) -> BoundSql<'a> {
        let sql = database.sql(self.text.clone());
        self.values
            .iter()
            .fold(sql, |sql, (name, value)| bind!(sql, *name, value))
    }

    /// Whether it gives rows.
    pub(crate) fn returns_rows(&self) -> bool {
        self.text.contains("RETURNING") || self.text.starts_with("SELECT")
    }

    /// As the judge runs it.
    pub(crate) fn bound(&self) -> Bound {
        let (mut sql, mut binds) = (String::new(), Vec::new());
        let mut rest = self.text.as_str();
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        while let Some(at) = rest.find(':') {
            sql.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(cast) = after.strip_prefix(':') {
                sql.push_str("::");
                rest = cast;
                continue;
            }
            let end = after.find(|letter| !is_word(letter));
            let (name, left) = after.split_at(end.unwrap_or(after.len()));
            let position = self.values.iter().position(|(known, _)| *known == name);
            match position {
                Some(position) => sql.push_str(&format!("${}", position + 1)),
                None => sql.push_str(&format!(":{name}")),
            }
            rest = left;
        }
        sql.push_str(rest);
        binds.extend(
            self.values
                .iter()
                .map(|(_, value)| (value.type_oid(), Some(value.to_bytes()))),
        );
        Bound { sql, binds }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)?;
        for (name, value) in &self.values {
            write!(formatter, " {name}={value:?}")?;
        }
        Ok(())
    }
}

/// A statement as the server gets it.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) sql: String,
    /// The types and the binary forms of the values.
    pub(crate) binds: Vec<(u32, Option<Vec<u8>>)>,
}

impl Bound {
    /// Without values.
    pub(crate) fn plain(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            binds: Vec::new(),
        }
    }

    /// What Diesel makes of a query.
    pub(crate) fn of<Q: QueryFragment<Pg>>(query: &Q) -> Result<Self> {
        let failed = |error| Error::step("write a query", error);
        let mut text = PgQueryBuilder::default();
        query.to_sql(&mut text, &Pg).map_err(failed)?;
        let mut collected = RawBytesBindCollector::<Pg>::new();
        query
            .collect_binds(&mut collected, &mut BuiltIn, &Pg)
            .map_err(failed)?;
        let types = collected
            .metadata
            .iter()
            .map(|kind| kind.oid().unwrap_or(0));
        Ok(Self {
            sql: text.finish(),
            binds: types.zip(collected.binds).collect(),
        })
    }
}

/// All types here are built in: nothing is looked up.
struct BuiltIn;

impl PgMetadataLookup for BuiltIn {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}
