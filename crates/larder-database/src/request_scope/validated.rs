//! A scope that was checked: what is set, and what stands for it in keys.

use std::collections::BTreeMap;
use std::fmt;

use larder_cache::{Key, KeyBuilder};
use larder_pool::TransactionSettings;
use larder_sql::catalog::ReadScope;

use super::settings::{canonical, check_role, check_value};
use super::{Scope, ScopeError};

/// A scope that was checked.
pub(crate) struct RequestScope {
    role: Option<String>,
    settings: BTreeMap<String, String>,
    /// What transactions begin with.
    pub(crate) transactions: TransactionSettings,
    /// What policies may read.
    pub(crate) reads: ReadScope,
    /// Stands for its names and values.
    pub(crate) digest: Key,
    /// Stands for all scopes that differ in values of settings only: what they read is judged once.
    pub(crate) shape: Key,
}

impl RequestScope {
    /// A scope on top of another one: what both set, it sets.
    ///
    /// # Errors
    ///
    /// What may not be in a scope.
    pub(super) fn new(
        scope: Scope,
        around: Option<&Self>,
        tenant_setting: &str,
    ) -> Result<Self, ScopeError> {
        let mut role = around.and_then(|around| around.role.clone());
        let mut settings = around.map_or_else(BTreeMap::new, |around| around.settings.clone());
        if let Some(named) = scope.role {
            check_role(&named)?;
            role = Some(named);
        }
        for (name, value) in scope.settings {
            let name = canonical(&name)?;
            check_value(&name, &value)?;
            settings.insert(name, value);
        }
        // Last: what is said of the tenant counts for more than what is said of its setting.
        if let Some(tenant) = scope.tenant {
            if tenant.is_empty() {
                return Err(ScopeError::EmptyTenant);
            }
            let name = canonical(tenant_setting)?;
            check_value(&name, &tenant)?;
            settings.insert(name, tenant);
        }
        Ok(Self::of(role, settings))
    }

    fn of(role: Option<String>, settings: BTreeMap<String, String>) -> Self {
        let mut digest = KeyBuilder::new();
        let mut shape = KeyBuilder::new();
        for key in [&mut digest, &mut shape] {
            key.text("scope");
            key.optional_bytes(role.as_deref().map(str::as_bytes));
        }
        for (name, value) in &settings {
            digest.text(name).text(value);
            shape.text(name);
        }
        let all = settings
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        Self {
            transactions: TransactionSettings::new(all, role.clone()),
            reads: ReadScope::new(settings.keys().map(String::as_str)),
            digest: digest.finish(),
            shape: shape.finish(),
            role,
            settings,
        }
    }

    pub(crate) fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// Whether results of both are the same.
    pub(crate) fn is_same(&self, settings: &TransactionSettings) -> bool {
        self.transactions == *settings
    }
}

/// Without the values, which may be anybody's.
impl fmt::Debug for RequestScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RequestScope")
            .field("role", &self.role)
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn scope(scope: Scope) -> RequestScope {
        RequestScope::new(scope, None, "app.tenant").unwrap()
    }

    #[test]
    fn each_part_counts_for_the_key() {
        let scopes = [
            Scope::new(),
            Scope::new().tenant("a"),
            Scope::new().tenant("b"),
            Scope::new().role("a"),
            Scope::new().role("a").tenant("a"),
            Scope::new().setting("app.a", "b"),
            Scope::new().setting("app.a", "").setting("app.b", ""),
            Scope::new().setting("app.a", "app.b"),
        ];
        let digests: std::collections::HashSet<_> =
            scopes.iter().map(|one| scope(one.clone()).digest).collect();
        assert_eq!(digests.len(), scopes.len());
    }

    #[test]
    fn order_and_case_do_not() {
        let one = scope(Scope::new().setting("app.a", "1").setting("App.B", "2"));
        let other = scope(Scope::new().setting("app.b", "2").setting("app.a", "1"));
        assert_eq!(one.digest, other.digest);
        assert!(one.is_same(&other.transactions));
        // The tenant is a setting like others.
        let tenant = scope(Scope::new().tenant("7"));
        let setting = scope(Scope::new().setting("app.tenant", "7"));
        assert_eq!(tenant.digest, setting.digest);
    }

    #[test]
    fn the_shape_knows_no_values() {
        let (one, other) = (
            scope(Scope::new().tenant("a")),
            scope(Scope::new().tenant("b")),
        );
        assert_eq!(one.shape, other.shape);
        assert_ne!(one.shape, scope(Scope::new().tenant("a").role("r")).shape);
    }

    #[test]
    fn a_scope_inside_another_adds_and_replaces() {
        let outer = scope(Scope::new().tenant("a").role("r").setting("app.user", "u"));
        let inner = Scope::new().tenant("b").setting("TimeZone", "UTC");
        let inner = RequestScope::new(inner, Some(&outer), "app.tenant").unwrap();
        let expected = Scope::new()
            .tenant("b")
            .role("r")
            .setting("app.user", "u")
            .setting("TimeZone", "UTC");
        assert_eq!(inner.digest, scope(expected).digest);
    }

    #[test]
    fn no_value_is_shown() {
        let shown = format!(
            "{:?}",
            scope(Scope::new().tenant("secret").setting("app.x", "hidden"))
        );
        assert!(shown.contains("app.x") && !shown.contains("secret") && !shown.contains("hidden"));
    }
}
