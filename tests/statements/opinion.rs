//! What `larder-sql` says of a statement, with the catalog of the server at hand.

use larder_sql::catalog::{
    CATALOG_QUERY, Catalog, Declarations, ReadSet, TableId, Uncacheable, WriteSet,
};
use larder_sql::{QualifiedName, StatementKind, StatementProfile};

use super::server::Server;

/// The catalog as it is, and with everything declared that a user of the shop could declare.
pub(super) struct Catalogs {
    pub(super) undeclared: Catalog,
    pub(super) declared: Catalog,
    /// What the catalog query gave.
    pub(super) document: String,
}

impl Catalogs {
    /// As they are for the session now: in the middle of a transaction, too.
    pub(super) async fn load(server: &Server) -> Self {
        let document = server.value(CATALOG_QUERY).await;
        let catalog = |declarations: &Declarations| {
            Catalog::new(serde_json::from_str(&document).unwrap(), declarations)
        };
        Self {
            undeclared: catalog(&Declarations::new()),
            declared: catalog(&declarations()),
            document,
        }
    }
}

/// What the functions, triggers and rules in `schema.sql` do.
fn declarations() -> Declarations {
    Declarations::new()
        .function_writes("log_visit", ["visits"])
        .function_writes("announce", ["visits"])
        .function_writes("take_number", ["counters"])
        .function_writes("take_desk", ["counters"])
        .function_writes("archive_order", ["orders", "archive.orders"])
        .function_writes::<&str>("roll_dice", [])
        .function_reads("customer_count", ["customers"])
        .function_reads("orders_of", ["orders"])
        // Each trigger by its function, or all those of a table at once.
        .function_writes("audit", ["audit_log"])
        .function_writes("count_statement", ["counters"])
        .function_writes::<&str>("stamp", [])
        .triggers_write("editable_orders", ["orders", "audit_log"])
        .triggers_write("ruled", ["rule_log"])
        .triggers_write("redirected", ["rule_log"])
        .triggers_write::<&str>("kept", [])
        .triggers_write("price_list", ["products"])
}

/// What is said of one statement.
pub(super) struct Opinion {
    pub(super) reads: Result<ReadSet, Uncacheable>,
    pub(super) writes: WriteSet,
    words: String,
}

impl Opinion {
    pub(super) fn of(profile: &StatementProfile, catalog: &Catalog) -> Self {
        let mut opinion = Self {
            reads: catalog.reads(profile),
            writes: catalog.writes(profile),
            words: String::new(),
        };
        let mut words = Vec::new();
        match &opinion.reads {
            Ok(reads) => {
                words.push(format!("reads {}", names(catalog, &reads.tables)));
                if !reads.volatile.is_empty() {
                    let functions: Vec<_> = reads
                        .volatile
                        .iter()
                        .map(QualifiedName::to_string)
                        .collect();
                    words.push(format!("volatile {}", functions.join(", ")));
                }
            }
            Err(reason) if profile.kind == StatementKind::Select => {
                words.push(format!("uncacheable {}", variant(reason)));
            }
            Err(_) => {}
        }
        match &opinion.writes {
            WriteSet::Nothing => {}
            WriteSet::Tables(tables) => words.push(format!("writes {}", names(catalog, tables))),
            WriteSet::Everything(reason) => {
                words.push(format!("writes everything ({})", variant(reason)));
            }
        }
        if catalog.may_change_schema(profile) {
            words.push("schema".to_owned());
        }
        if words.is_empty() {
            words.push("nothing".to_owned());
        }
        opinion.words = words.join("; ");
        opinion
    }

    /// In the words of the corpus.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// The tables on which a result depends that may be cached without being asked for twice.
    pub(super) fn cacheable(&self) -> Option<&[TableId]> {
        match &self.reads {
            Ok(reads) if reads.volatile.is_empty() => Some(&reads.tables),
            _ => None,
        }
    }

    /// Whether it says that the statement may write `table`.
    pub(super) fn writes_to(&self, table: u32) -> bool {
        match &self.writes {
            WriteSet::Tables(tables) => tables.contains(&TableId(table)),
            WriteSet::Everything(_) => true,
            _ => false,
        }
    }

    /// Whether it says that the statement may change a result that depends on `tables`.
    pub(super) fn writes_any(&self, tables: &[TableId]) -> bool {
        self.writes_everything() || tables.iter().any(|table| self.writes_to(table.0))
    }

    pub(super) fn writes_everything(&self) -> bool {
        matches!(self.writes, WriteSet::Everything(_))
    }
}

/// The tables in order of their names, as the corpus names them.
fn names(catalog: &Catalog, tables: &[TableId]) -> String {
    let name = |table: &TableId| match catalog.table(*table) {
        Some(name) if name.schema() == Some("shop") => {
            QualifiedName::new(None, name.name()).to_string()
        }
        Some(name)
            if name
                .schema()
                .is_some_and(|schema| schema.starts_with("pg_temp")) =>
        {
            QualifiedName::new(Some("pg_temp"), name.name()).to_string()
        }
        Some(name) => name.to_string(),
        None => format!("an unknown table {}", table.0),
    };
    let mut names: Vec<String> = tables.iter().map(name).collect();
    names.sort();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// The name of the variant, without what it holds.
fn variant(reason: &impl std::fmt::Debug) -> String {
    let text = format!("{reason:?}");
    let end = text.find(|letter: char| !letter.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}
