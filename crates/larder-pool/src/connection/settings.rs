//! The settings of a session that change what a statement returns.

use std::sync::Arc;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::pooled::TransactionDefaults;

/// Settings of a session that change the results of statements, with the values that they
/// had when the session began. Two sessions that are equal here give equal results.
#[derive(Debug, Clone, Eq)]
pub struct SessionSettings(Arc<[(String, String)]>);

impl PartialEq for SessionSettings {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl SessionSettings {
    /// What changes results: how values become text and back, which table a name means, and
    /// who asks. The last ones are of the extension `pg_trgm`.
    const NAMES: [&str; 21] = [
        "TimeZone",
        "DateStyle",
        "IntervalStyle",
        "search_path",
        "default_text_search_config",
        "bytea_output",
        "extra_float_digits",
        "lc_messages",
        "lc_monetary",
        "lc_numeric",
        "lc_time",
        "xmlbinary",
        "xmloption",
        "transform_null_equals",
        "array_nulls",
        "quote_all_identifiers",
        "timezone_abbreviations",
        "row_security",
        "pg_trgm.similarity_threshold",
        "pg_trgm.word_similarity_threshold",
        "pg_trgm.strict_word_similarity_threshold",
    ];

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The role with which the session began.
    pub(crate) fn role(&self) -> Option<&str> {
        let mut settings = self.iter();
        settings.find_map(|(name, value)| (name == "role").then_some(value))
    }

    /// Sends the SQL with which a session begins, and reads the settings as they are then, in
    /// the same round trip. Behind a pooler in transaction mode: as they are in a transaction.
    pub(crate) async fn begin(
        client: &Client,
        setup: &str,
        defaults: Option<&TransactionDefaults>,
    ) -> Result<Self, tokio_postgres::Error> {
        let sql = match defaults {
            Some(defaults) => {
                let begin = defaults.beginning("BEGIN");
                format!("{begin}; {}; COMMIT", Self::query())
            }
            None => format!("{setup}{}", Self::query()),
        };
        let messages = client.simple_query(&sql).await?;
        let row = messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let settings = row.map_or_else(Vec::new, |row| {
            let columns = row.columns().iter().enumerate();
            columns
                .map(|(index, column)| {
                    let value = row.get(index).unwrap_or_default();
                    (column.name().to_owned(), value.to_owned())
                })
                .collect()
        });
        Ok(Self(settings.into()))
    }

    fn query() -> String {
        let settings = Self::NAMES
            .map(|name| format!("pg_catalog.current_setting('{name}', true) AS \"{name}\""))
            .join(", ");
        format!(
            "SELECT pg_catalog.current_database() AS database, current_user AS role, \
             session_user AS session_role, {settings}"
        )
    }
}
