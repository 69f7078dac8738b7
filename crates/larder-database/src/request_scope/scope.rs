//! A scope as the caller puts it together.

use std::fmt;

/// On whose behalf the database is used: what row-level security goes by.
///
/// Each part may be missing. Whether they may be in a scope is checked by
/// [`Database::scoped`](crate::Database::scoped).
///
/// # Examples
///
/// ```
/// use larder_database::Scope;
///
/// let scope = Scope::new()
///     .tenant(42)
///     .role("tenant_reader")
///     .setting("app.user", "ada")
///     .setting("TimeZone", "Europe/Paris");
/// // Values may be anybody's, so they are not shown.
/// assert!(!format!("{scope:?}").contains("ada"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "a scope does nothing until a database is scoped with it"]
pub struct Scope {
    pub(super) tenant: Option<String>,
    pub(super) role: Option<String>,
    pub(super) settings: Vec<(String, String)>,
}

impl Scope {
    /// A scope in which nothing is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tenant: a setting that policies read with `current_setting`, by default `app.tenant`
    /// (`database.tenant_setting`). It must not be empty: that is what the setting is where
    /// nobody has set it.
    pub fn tenant(mut self, tenant: impl fmt::Display) -> Self {
        self.tenant = Some(tenant.to_string());
        self
    }

    /// The role that statements run as. The role of the connection has to be a member of it.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// A setting: one of your own, whose name has a dot in it (`app.user`), or one of PostgreSQL's
    /// that changes nothing but how values are shown and how long things may take:
    /// `application_name`, `DateStyle`, `default_text_search_config`,
    /// `idle_in_transaction_session_timeout`, `IntervalStyle`, `lc_monetary`, `lc_numeric`,
    /// `lc_time`, `lock_timeout`, `statement_timeout`, `TimeZone` and `work_mem`.
    ///
    /// Each is part of the keys of what is cached, so a setting that differs from request to
    /// request lets nothing be found again.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

/// Without the values, which may be anybody's.
impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .settings
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        formatter
            .debug_struct("Scope")
            .field("tenant", &self.tenant.as_ref().map(|_| "[redacted]"))
            .field("role", &self.role)
            .field("settings", &names)
            .finish()
    }
}
