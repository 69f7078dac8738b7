//! The handle of a database in a scope.

use std::sync::Arc;

use larder_pool::Session;

use super::{RequestScope, Scope};
use crate::database::Inner;
use crate::{Database, Error};

impl Database {
    /// This database on somebody's behalf: all that is done with the handle that this gives is done
    /// under the scope, by transactions, single statements, cached reads and the services that are
    /// made with it. Other handles are not concerned.
    ///
    /// Tenant, role and settings are set with `SET LOCAL` in the message that begins a transaction.
    /// A statement outside of a transaction runs in one of its own: reading still takes one round
    /// trip, and what may write takes two. When the transaction ends, however it does, the server
    /// forgets them, so the next user of the connection cannot see them; that holds behind a pooler
    /// in transaction mode, too. What cannot run inside a transaction, such as VACUUM, is refused.
    ///
    /// A result is kept under the scope that it was read in and is found by no other. Where
    /// row-level security holds for a table, it is kept if its policies read tables, the role and
    /// what the scope sets, and nothing else; [`explain_cache`](Self::explain_cache) says what is
    /// in the way. Writes by anybody make it go as ever.
    ///
    /// A scope in a scope adds to it, and replaces what both set. Migrations, invalidation and the
    /// warming of caches are the database's own and know no scope.
    ///
    /// # Errors
    ///
    /// [`Error::Scope`] if something in it cannot be part of a scope; the error names it and says
    /// what to do. Whether a role exists shows with the first statement.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database, tenant: i64) -> Result<(), larder_database::Error> {
    /// use std::time::Duration;
    ///
    /// use larder_database::Scope;
    ///
    /// let db = db.scoped(Scope::new().tenant(tenant).role("tenant"))?;
    ///
    /// // CREATE POLICY own ON orders USING (tenant = current_setting('app.tenant')::bigint);
    /// let open: i64 = db
    ///     .sql("SELECT count(*) FROM orders WHERE state = :state")
    ///     .bind("state", "open")
    ///     .cached()
    ///     .ttl(Duration::from_secs(60))
    ///     .fetch_scalar()
    ///     .await?;
    /// # drop(open);
    /// # Ok(())
    /// # }
    /// ```
    pub fn scoped(&self, scope: Scope) -> Result<Self, Error> {
        let around = self.request_scope().map(|around| &**around);
        let scope = RequestScope::new(scope, around, &self.inner().tenant_setting)?;
        Ok(Self::in_scope(Arc::clone(self.inner()), Arc::new(scope)))
    }

    /// This database on nobody's behalf: the handle that [`scoped`](Self::scoped) was called on
    /// first.
    pub fn unscoped(&self) -> Self {
        Self::of(Arc::clone(self.inner()))
    }
}

impl Inner {
    /// A session of a handle with this scope.
    ///
    /// # Errors
    ///
    /// As [`Pool::session`](larder_pool::Pool::session); [`Error::OtherScope`] inside a transaction
    /// of another scope.
    pub(crate) async fn session_in(&self, scope: Option<&RequestScope>) -> Result<Session, Error> {
        let Some(scope) = scope else {
            return Ok(self.pool.session().await?);
        };
        self.enter(scope).await?;
        Ok(self.pool.session_with(&scope.transactions).await?)
    }

    /// Refuses work in a scope inside a transaction of another one, and learns what has to be
    /// known of its role.
    pub(crate) async fn enter(&self, scope: &RequestScope) -> Result<(), Error> {
        if self
            .pool
            .is_in_transaction_under_others(&scope.transactions)
        {
            return Err(Error::OtherScope);
        }
        if scope.role().is_some() {
            self.learn_role(scope).await;
        }
        Ok(())
    }
}
