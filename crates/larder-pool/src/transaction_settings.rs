//! What holds inside transactions alone: settings and a role, gone with their end.
//!
//! They travel in the message that begins a transaction, so they cost no round trip, and the
//! server itself forgets them when the transaction ends, however it ends: nobody who gets the
//! connection next finds them. That holds behind a pooler in transaction mode, too.

use std::fmt;
use std::sync::Arc;

use crate::connection::{literal, set_local};
use crate::session::Session;
use crate::{Connection, Error, Pool};

/// Settings and a role under which transactions run, set with `SET LOCAL` when they begin.
///
/// On a session of [`Pool::session_with`] a statement outside of a transaction runs in one of its
/// own, so that they hold for it too. What cannot run inside a transaction is refused there.
///
/// `Debug` shows names and the role, never values.
#[derive(Clone)]
pub struct TransactionSettings(Arc<Inner>);

struct Inner {
    settings: Vec<(String, String)>,
    role: Option<String>,
    /// Statements, each with its semicolon but the last perhaps; empty if there is nothing to set.
    sql: String,
}

impl TransactionSettings {
    /// Settings by name and value, and a role.
    ///
    /// # Examples
    ///
    /// ```
    /// use larder_pool::TransactionSettings;
    ///
    /// let settings = [("app.tenant".to_owned(), "secret".to_owned())];
    /// let settings = TransactionSettings::new(settings, Some("reader".to_owned()));
    /// assert_eq!(settings.role(), Some("reader"));
    /// assert!(!format!("{settings:?}").contains("secret"));
    /// ```
    pub fn new(settings: impl IntoIterator<Item = (String, String)>, role: Option<String>) -> Self {
        let settings: Vec<(String, String)> = settings.into_iter().collect();
        let set = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut sql = set_local(set);
        if let Some(role) = &role {
            // The role comes last: it may have no right to the settings.
            sql.push_str(&set_role(role));
        }
        Self(Arc::new(Inner {
            sql,
            settings,
            role,
        }))
    }

    /// The role, if one is set.
    pub fn role(&self) -> Option<&str> {
        self.0.role.as_deref()
    }

    /// The names of the settings.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.settings.iter().map(|(name, _)| name.as_str())
    }

    /// The message that begins a transaction: `begin` and what is set in it.
    pub(crate) fn beginning(&self, begin: &str) -> String {
        if self.0.sql.is_empty() {
            begin.to_owned()
        } else {
            format!("{begin}; {}", self.0.sql)
        }
    }

    /// A statement that is to run as the role of the session in the middle of a transaction of
    /// another one, which goes on as before; and how many statements stand before it.
    pub(crate) fn as_session_role(&self, session_role: &str, sql: &str) -> (String, usize) {
        match self.role() {
            Some(role) => {
                let (before, after) = (set_role(session_role), set_role(role));
                (format!("{before}; {sql}; {after}"), 1)
            }
            None => (sql.to_owned(), 0),
        }
    }
}

impl PartialEq for TransactionSettings {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.role == other.0.role && self.0.settings == other.0.settings
    }
}

impl Eq for TransactionSettings {}

/// Without the values, which may be anybody's.
impl fmt::Debug for TransactionSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TransactionSettings")
            .field("names", &self.names().collect::<Vec<_>>())
            .field("role", &self.0.role)
            .finish()
    }
}

impl Pool {
    /// A connection all of whose transactions run under these settings, and whose statements
    /// outside of them run in one of their own. See [`session`](Self::session).
    ///
    /// Reading costs one round trip as ever. What may write costs two: the settings must be known
    /// to hold before it is sent.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session). Whether the server takes the settings shows with the first
    /// statement.
    ///
    /// # Cancel safety
    ///
    /// As [`session`](Self::session).
    pub async fn session_with(&self, settings: &TransactionSettings) -> Result<Session, Error> {
        let mut session = self.session().await?;
        session.set_transaction_settings(Some(settings.clone()));
        Ok(session)
    }
}

impl Connection {
    /// Under which settings its transactions run, if under any.
    pub fn transaction_settings(&self) -> Option<&TransactionSettings> {
        self.transaction_settings.as_ref()
    }

    pub(crate) fn set_transaction_settings(&mut self, settings: Option<TransactionSettings>) {
        self.transaction_settings = settings;
    }
}

fn set_role(role: &str) -> String {
    format!("SET LOCAL ROLE {}", literal(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(settings: &[(&str, &str)], role: Option<&str>) -> TransactionSettings {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        TransactionSettings::new(settings, role.map(str::to_owned))
    }

    #[test]
    fn the_role_comes_last_and_all_is_quoted() {
        let settings = settings(&[("app.tenant", "a'; DROP TABLE x; --")], Some("o'neil"));
        assert_eq!(
            settings.beginning("BEGIN READ ONLY"),
            "BEGIN READ ONLY; SET LOCAL \"app.tenant\" = 'a''; DROP TABLE x; --'; \
             SET LOCAL ROLE 'o''neil'"
        );
    }

    #[test]
    fn nothing_to_set_is_a_plain_begin() {
        assert_eq!(settings(&[], None).beginning("BEGIN"), "BEGIN");
    }

    #[test]
    fn a_statement_of_the_session_role_leaves_the_role_as_it_was() {
        let (sql, before) = settings(&[], Some("tenant")).as_session_role("app", "SELECT 1");
        assert_eq!(
            sql,
            "SET LOCAL ROLE 'app'; SELECT 1; SET LOCAL ROLE 'tenant'"
        );
        assert_eq!(before, 1);
        let (sql, before) = settings(&[], None).as_session_role("app", "SELECT 1");
        assert_eq!((sql.as_str(), before), ("SELECT 1", 0));
    }
}
