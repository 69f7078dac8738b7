//! Which settings may be in a scope.

use super::ScopeError;

/// The setting that stands for the tenant where nothing else is said.
pub(crate) const DEFAULT_TENANT_SETTING: &str = "app.tenant";

/// Settings of PostgreSQL's that change how values are read and shown, and how long and with how
/// much things may run. What results depend on is in the key, since the scope is.
const ALLOWED: [&str; 12] = [
    "application_name",
    "DateStyle",
    "default_text_search_config",
    "idle_in_transaction_session_timeout",
    "IntervalStyle",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "statement_timeout",
    "TimeZone",
    "work_mem",
];

/// Settings that somebody may well think of, and why they are none of a scope's.
const REFUSED: [(&str, &str); 5] = [
    (
        "search_path",
        "which tables a statement is about is told from its names; set it for the whole database with the connection's options, or write names with their schema",
    ),
    ("role", "name it with Scope::role"),
    (
        "session_authorization",
        "it belongs to the connection; name a role with Scope::role",
    ),
    (
        "row_security",
        "it would switch row-level security off or make statements fail by it",
    ),
    (
        "session_replication_role",
        "it would switch triggers and foreign keys off",
    ),
];

/// The name of a setting as keys and statements have it.
///
/// # Errors
///
/// Why it cannot be part of a scope.
pub(super) fn canonical(name: &str) -> Result<String, ScopeError> {
    if name.contains('.') {
        return match name.split('.').all(is_identifier) {
            true => Ok(name.to_ascii_lowercase()),
            false => Err(ScopeError::Name {
                name: name.to_owned(),
            }),
        };
    }
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| is_it(refused)) {
        return Err(ScopeError::Refused {
            name: name.to_owned(),
            reason,
        });
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("transaction_") || lower.starts_with("default_transaction_") {
        return Err(ScopeError::Refused {
            name: name.to_owned(),
            reason: "it belongs to the transaction; say it with build_transaction()",
        });
    }
    let allowed = ALLOWED.into_iter().find(|allowed| is_it(allowed));
    allowed
        .map(str::to_owned)
        .ok_or_else(|| ScopeError::Setting {
            name: name.to_owned(),
            allowed: ALLOWED.join(", "),
        })
}

/// Checks the value of a setting.
///
/// # Errors
///
/// If PostgreSQL would not take it as a text.
pub(super) fn check_value(name: &str, value: &str) -> Result<(), ScopeError> {
    if value.contains('\0') {
        return Err(ScopeError::Value {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Checks the name of a role.
///
/// # Errors
///
/// If no role can have it. `none` would set no role at all.
pub(super) fn check_role(role: &str) -> Result<(), ScopeError> {
    /// PostgreSQL cuts off what is longer, and another role may have what is left.
    const LONGEST: usize = 63;
    let is_name = !role.is_empty()
        && role.len() <= LONGEST
        && !role.contains('\0')
        && !role.eq_ignore_ascii_case("none");
    if is_name {
        return Ok(());
    }
    Err(ScopeError::Role {
        role: role.to_owned(),
    })
}

fn is_identifier(part: &str) -> bool {
    let mut characters = part.chars();
    let begins = |first: char| first.is_ascii_alphabetic() || first == '_';
    let goes_on = |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | '$');
    characters.next().is_some_and(begins) && characters.all(goes_on)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn names_are_taken_in_one_form() {
        for (name, taken) in [
            ("App.Tenant", "app.tenant"),
            ("request.jwt.claims", "request.jwt.claims"),
            ("timezone", "TimeZone"),
            ("STATEMENT_TIMEOUT", "statement_timeout"),
        ] {
            assert_eq!(canonical(name).as_deref(), Ok(taken));
        }
    }

    #[test]
    fn what_would_break_larder_is_refused_with_its_cure() {
        for (name, cure) in [
            ("search_path", "with their schema"),
            ("Role", "Scope::role"),
            ("session_authorization", "Scope::role"),
            ("row_security", "row-level security"),
            ("session_replication_role", "triggers"),
            ("transaction_isolation", "build_transaction()"),
            ("default_transaction_read_only", "build_transaction()"),
            ("fsync", "application_name, DateStyle"),
            ("app.", "begin with a letter"),
            ("app.a b", "begin with a letter"),
            (".tenant", "begin with a letter"),
            ("app.ten'ant", "begin with a letter"),
            ("", "whose name has a dot"),
        ] {
            let error = canonical(name).unwrap_err().to_string();
            assert!(error.contains(cure), "{name}: {error}");
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
    }

    #[test]
    fn roles_that_no_role_can_be_are_refused() {
        for role in ["", "none", "NONE", "a\0b", &"a".repeat(64)] {
            assert!(check_role(role).is_err(), "{role:?}");
        }
        assert_eq!(check_role("o'neil \"x\""), Ok(()));
    }
}
