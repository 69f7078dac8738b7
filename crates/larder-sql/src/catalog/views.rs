//! What the query of a view does.

use std::sync::OnceLock;

use super::names::TableId;
use crate::profile::RowActions;
use crate::{StatementProfile, classify};

/// A view or a materialized view.
#[derive(Debug)]
pub(super) struct View {
    definition: Option<Box<str>>,
    /// Made when it is asked for: most views never are.
    profile: OnceLock<Option<StatementProfile>>,
    /// What it reads: tables and views of the user's.
    pub(super) relations: Vec<TableId>,
    /// The user's functions that it calls by name.
    pub(super) functions: Vec<u32>,
    /// How PostgreSQL lets it be written without triggers and rules.
    pub(super) updatable: RowActions,
}

impl View {
    pub(super) fn new(definition: Option<Box<str>>, updatable: RowActions) -> Self {
        Self {
            definition,
            profile: OnceLock::new(),
            relations: Vec::new(),
            functions: Vec::new(),
            updatable,
        }
    }

    /// The text of its query; empty if the server gave none.
    pub(super) fn definition(&self) -> &str {
        self.definition.as_deref().unwrap_or_default()
    }

    /// What its query does; `Err` with the reason if that is not known.
    pub(super) fn profile(&self) -> Result<&StatementProfile, Box<str>> {
        let profile = self
            .profile
            .get_or_init(|| self.definition.as_deref().map(classify));
        match profile {
            None => Err("the server gave no text of it".into()),
            Some(profile) => match profile.unknown_reason() {
                Some(reason) => Err(reason.to_string().into()),
                None if profile.is_plain_read() => Ok(profile),
                None => Err("it is not a plain query".into()),
            },
        }
    }
}
