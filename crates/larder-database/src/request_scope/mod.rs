//! On whose behalf the database is used: tenant, role and settings of a request.
//!
//! [`Database::scoped`](crate::Database::scoped) gives a handle all of whose work is done under a
//! [`Scope`]: each transaction begins with `SET LOCAL`, in the same message as BEGIN, and a
//! statement outside of one runs in one of its own. So the server itself forgets tenant and role
//! when the transaction ends, and the next user of the connection can see neither, whatever became
//! of this one.
//!
//! What is read through the cache is kept under the scope, too: `settings.rs` says what may be in
//! one, `validated.rs` what stands in keys, `handle.rs` is the handle.

mod error;
mod handle;
mod roles;
mod scope;
mod settings;
mod validated;

pub use self::error::ScopeError;
pub use self::scope::Scope;

pub(crate) use self::roles::Roles;
pub(crate) use self::settings::DEFAULT_TENANT_SETTING;
pub(crate) use self::validated::RequestScope;
