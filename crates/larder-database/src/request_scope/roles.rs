//! What names mean to roles.
//!
//! A role may see other schemas than the role of the connection: `"$user"` in the search path is
//! its own, and a schema that it must not use is passed over. Then a name may stand for another
//! table, and neither results nor writes can be told by the picture of the catalog.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use larder_pool::TransactionSettings;

use super::RequestScope;
use crate::Error;
use crate::database::Inner;
use crate::scope::Context;
use crate::sql::sql;

/// Whether names mean to roles what they mean to the role of the connection, as far as it was
/// asked, by one picture of the catalog.
#[derive(Debug, Default)]
pub(crate) struct Roles(RwLock<HashMap<String, bool>>);

impl Roles {
    /// Roles that are made up at run time would fill it without end.
    const MOST: usize = 4_096;

    /// Whether they mean the same; `None` if nobody has asked.
    pub(crate) fn see_the_same(&self, role: &str) -> Option<bool> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(role).copied()
    }

    fn insert(&self, role: &str, see_the_same: bool) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(role.to_owned(), see_the_same);
    }
}

impl Inner {
    /// Asks once for each picture of the catalog what names mean to the role of a scope. Where
    /// that fails nothing is known, and what follows says why.
    pub(crate) async fn learn_role(&self, scope: &RequestScope) {
        let (Some(role), Some(state)) = (scope.role(), self.picture.current()) else {
            return;
        };
        // The connection that it would be asked on may be that of the transaction.
        if state.roles.see_the_same(role).is_some() || self.pool.is_in_transaction() {
            return;
        }
        // Nobody's read depends on it.
        match Context::default().enter(self.sees_the_same(role)).await {
            Ok(see_the_same) => state.roles.insert(role, see_the_same),
            Err(error) => tracing::debug!(role, "failed to ask for the schemas of a role: {error}"),
        }
    }

    async fn sees_the_same(&self, role: &str) -> Result<bool, Error> {
        const SCHEMAS: &str = "SELECT pg_catalog.current_schemas(false)::text";
        let mut session = self.pool.session().await?;
        let ours: String = sql(SCHEMAS).fetch_scalar_on(&mut session).await?;
        drop(session);
        let role = TransactionSettings::new([], Some(role.to_owned()));
        let mut session = self.pool.session_with(&role).await?;
        let theirs: String = sql(SCHEMAS).fetch_scalar_on(&mut session).await?;
        Ok(ours == theirs)
    }
}
