//! Names of tables and functions, folded as PostgreSQL folds them.

use std::fmt;

use sqlparser::ast::{Ident, ObjectName};

use super::pieces::Pieces;

/// How many bytes of an identifier PostgreSQL keeps (`NAMEDATALEN - 1`).
const LONGEST_IDENTIFIER: usize = 63;

/// The name of a table, view or sequence, or of a function, as a statement gives it.
///
/// Letters of unquoted parts are in lower case, quoted parts are as they stand between the
/// quotes, and both are cut at 63 bytes, as PostgreSQL does it. Without a schema it depends on
/// the search path which object is meant.
///
/// The display text quotes what has to be quoted:
///
/// ```
/// use larder_sql::QualifiedName;
///
/// let name = QualifiedName::new(Some("public"), "Daily Menu");
/// assert_eq!(name.to_string(), r#"public."Daily Menu""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    schema: Option<Box<str>>,
    name: Box<str>,
}

impl QualifiedName {
    /// The name `name` in `schema`, both already folded.
    #[must_use]
    pub fn new(schema: Option<&str>, name: &str) -> Self {
        Self {
            schema: schema.map(|schema| cut(schema).into()),
            name: cut(name).into(),
        }
    }

    /// The schema, if the statement names it.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The name itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that `text` is, as a statement would give it: `name`, `schema.name`, `"Name"`.
    ///
    /// `None` if it is not the name of one object.
    ///
    /// ```
    /// use larder_sql::QualifiedName;
    ///
    /// let name = QualifiedName::parse(r#"Public."Daily Menu""#);
    /// assert_eq!(name, Some(QualifiedName::new(Some("public"), "Daily Menu")));
    /// assert_eq!(QualifiedName::parse("a b"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let found = Pieces::of(text);
        let (first, rest) = found.pieces.split_first()?;
        let mut parts = vec![first.identifier()?];
        for pair in rest.chunks(2) {
            match pair {
                [dot, part] if dot.is_symbol(".") => parts.push(part.identifier()?),
                _ => return None,
            }
        }
        found.doubt.is_none().then(|| Self::from_parts(&parts))?
    }

    /// The name that `parts` give: `name`, `schema.name` or `database.schema.name`.
    ///
    /// The database can only be the one that is connected to, so it is left out.
    pub(super) fn from_parts(parts: &[&str]) -> Option<Self> {
        match *parts {
            [name] => Some(Self::new(None, name)),
            [schema, name] | [_, schema, name] => Some(Self::new(Some(schema), name)),
            _ => None,
        }
    }

    /// The name that the parser found; its unquoted parts are in lower case already.
    pub(super) fn from_object_name(name: &ObjectName) -> Option<Self> {
        let parts: Option<Vec<&str>> = name
            .0
            .iter()
            .map(|part| part.as_ident().map(|ident| ident.value.as_str()))
            .collect();
        Self::from_parts(&parts?)
    }

    /// The name that the parser found where a name and an expression look alike.
    pub(super) fn from_idents(idents: &[Ident]) -> Option<Self> {
        let parts: Vec<&str> = idents.iter().map(|ident| ident.value.as_str()).collect();
        Self::from_parts(&parts)
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write_identifier(f, schema)?;
            f.write_str(".")?;
        }
        write_identifier(f, &self.name)
    }
}

fn write_identifier(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let starts = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
    let plain = name.as_bytes().first().is_some_and(starts)
        && name
            .bytes()
            .all(|byte| starts(&byte) || byte.is_ascii_digit());
    if plain {
        f.write_str(name)
    } else {
        write!(f, "\"{}\"", name.replace('"', "\"\""))
    }
}

/// What PostgreSQL keeps of an identifier: whole characters within 63 bytes.
pub(super) fn cut(name: &str) -> &str {
    let mut end = name.len().min(LONGEST_IDENTIFIER);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Whether `word`, in lower case and unquoted, cannot be the name of a table.
///
/// These are PostgreSQL's keywords of the categories "reserved" and "reserved (can be function
/// or type)". Where the parser takes one for a table or its alias, it has misread the statement.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word).is_ok()
}

/// In the order of their bytes.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_in_order() {
        assert!(RESERVED.is_sorted());
        assert!(is_reserved("only") && !is_reserved("restaurants"));
    }

    #[test]
    fn long_names_are_cut_at_whole_characters() {
        let name = format!("{}é", "a".repeat(62));
        assert_eq!(QualifiedName::new(None, &name).name(), "a".repeat(62));
        let name = "b".repeat(64);
        assert_eq!(QualifiedName::new(None, &name).name(), "b".repeat(63));
    }
}
