//! The service that finds and writes users.

use std::sync::Arc;
use std::time::Duration;

use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_macros::operation;

use super::by_id::{self, UserDetail};
use super::{Credentials, NewUser, User, UserChanges, by_email, lower};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::inputs::Email;
use crate::schema::users;
use crate::service::{HasService, Service};

/// Finds and writes users. Clones share the same database.
///
/// A user is never deleted, since reviews belong to users, but deactivated.
///
/// ```no_run
/// use larder_services::users::{NewUser, PasswordHash, UserService};
///
/// # async fn example(database: larder_database::Database) -> larder_services::Result<()> {
/// let users = UserService::new(database);
/// let hash = PasswordHash::new("$argon2id$v=19$...")?;
/// let user = users.create(NewUser::new("reader", "reader@example.com", hash)?).await?;
///
/// if let Some(credentials) = users.by_email("Reader@example.com").await? {
///     // Check the password against `credentials.password_hash` here.
///     users.record_login(credentials.user.id).await?;
/// }
/// # drop(user);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct UserService {
    service: Service,
}

impl HasService for UserService {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl UserService {
    /// The service on a database that has the migrations of [`MIGRATIONS`](crate::MIGRATIONS).
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            service: Service::new(database, "users"),
        }
    }

    /// A user, active or not, with the number of approved reviews; none where there is none. The
    /// password hash is not read. Kept for five minutes.
    ///
    /// # Errors
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("by_id")]
    pub async fn by_id(&self, id: UserId) -> Result<Option<Arc<UserDetail>>> {
        let read = self.service.cached("by_id", by_id::query(id));
        Ok(read.ttl(Duration::from_mins(5)).first().await?)
    }

    /// The active user with an address, with the password hash, for authentication; none where
    /// there is none. Upper and lower case are the same.
    ///
    /// This is never cached: a login must see a new password and a deactivation at once, and a
    /// hash has no business in a cache.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the address is no
    /// [`Email`], [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("by_email")]
    pub async fn by_email(
        &self,
        email: impl TryInto<Email, Error: Into<Error>>,
    ) -> Result<Option<Credentials>> {
        let email = email.try_into().map_err(Into::into)?;
        let reading = self
            .service
            .database()
            .read(async |conn| by_email::find(&email, conn).await);
        Ok(reading.await?)
    }

    /// Creates a user, active and not verified, and gives it as the database has it.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) with the field `username` or `email`
    /// where another user has it, active or not;
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// Dropped while COMMIT travels, it may or may not have taken effect; dropped before that, it
    /// has not.
    #[operation("create")]
    pub async fn create(&self, new: NewUser) -> Result<User> {
        let written = self.service.transaction(async |conn| {
            diesel::insert_into(users::table)
                .values(&new)
                .returning(User::as_returning())
                .get_result(conn)
                .await
        });
        Ok(written.await?)
    }

    /// Changes a user, active or not, and gives it as the database has it then. Another address
    /// is not verified, unless it differs in upper and lower case only.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such user,
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where another user has the new name or
    /// address, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("update")]
    pub async fn update(&self, id: UserId, changes: UserChanges) -> Result<User> {
        let still_verified = changes.email.as_ref().map(|email| {
            let same = lower(users::email).eq(lower(email));
            users::is_verified.eq(users::is_verified.and(same))
        });
        let written = self.service.transaction(async |conn| {
            diesel::update(users::table.find(id))
                .set((&changes, still_verified, users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| Error::not_found("user", id))
    }

    /// Notes that an address is known to be the user's. The address is the one that was proved,
    /// so that a proof that comes late does not verify another that the user has taken since.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the address is no
    /// [`Email`], [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such user
    /// with this address, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database
    /// fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("verify")]
    pub async fn verify(
        &self,
        id: UserId,
        email: impl TryInto<Email, Error: Into<Error>>,
    ) -> Result<User> {
        let email = email.try_into().map_err(Into::into)?;
        let written = self.service.transaction(async |conn| {
            diesel::update(users::table.find(id))
                .filter(lower(users::email).eq(lower(&email)))
                .set((users::is_verified.eq(true), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        let missing = || Error::not_found("user with this address", id);
        written.await?.ok_or_else(missing)
    }

    /// Lets a user log in no more. The reviews stay. Doing it again is no error.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such user,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("deactivate")]
    pub async fn deactivate(&self, id: UserId) -> Result<User> {
        self.set_active(id, false).await
    }

    /// Lets a user log in again who was deactivated.
    ///
    /// # Errors
    /// As [`deactivate`](Self::deactivate).
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("reactivate")]
    pub async fn reactivate(&self, id: UserId) -> Result<User> {
        self.set_active(id, true).await
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<User> {
        let written = self.service.transaction(async |conn| {
            diesel::update(users::table.find(id))
                .set((users::is_active.eq(active), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| Error::not_found("user", id))
    }

    /// Notes that an active user logs in now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such user who is
    /// active, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("record_login")]
    pub async fn record_login(&self, id: UserId) -> Result<User> {
        let written = self.service.transaction(async |conn| {
            diesel::update(users::table.find(id))
                .filter(users::is_active)
                .set((users::last_login.eq(now), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        let missing = || Error::not_found("active user", id);
        written.await?.ok_or_else(missing)
    }
}
