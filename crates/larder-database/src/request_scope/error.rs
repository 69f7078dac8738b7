//! What may not be in a scope.

/// Why a database cannot be scoped as it was asked for. Names the setting or the role, never a
/// value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// The tenant is empty, which is what its setting is where nobody has set it.
    #[error("the tenant is empty, as it is for whoever has none: give the id of one")]
    EmptyTenant,

    /// A setting that is neither the user's own nor known to be safe.
    #[error(
        "the setting {name:?} cannot be part of a scope: take one of your own, whose name has a dot in it (app.user), or one of {allowed}"
    )]
    Setting {
        /// Its name.
        name: String,
        /// Those of PostgreSQL's that can be.
        allowed: String,
    },

    /// A setting that decides what names mean, what may be done, or how transactions run.
    #[error("the setting {name:?} cannot be part of a scope: {reason}")]
    Refused {
        /// Its name.
        name: String,
        /// Why not, and what to do instead.
        reason: &'static str,
    },

    /// The name of a setting that PostgreSQL would not take.
    #[error(
        "the name {name:?} of a setting cannot be read: its parts, with dots between them, begin with a letter or _ and go on with letters, digits, _ and $"
    )]
    Name {
        /// The name.
        name: String,
    },

    /// A value with a zero byte in it, which PostgreSQL does not take.
    #[error("the value of {name:?} has a zero byte in it, which PostgreSQL does not take")]
    Value {
        /// The setting.
        name: String,
    },

    /// The name of a role that no role can have.
    #[error(
        "the role {role:?} cannot be set: it is empty, \"none\", longer than 63 bytes or has a zero byte in it"
    )]
    Role {
        /// The name.
        role: String,
    },
}
