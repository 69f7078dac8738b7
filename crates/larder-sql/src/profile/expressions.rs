//! Expressions that are calls of functions without looking like it, and those that are not.

use sqlparser::ast::{CastKind, Expr};

/// Whether `expr` is of a sort that PostgreSQL has and that is not the call of a function. What
/// the parser takes for something else may be a call in PostgreSQL, such as `convert(..)`.
pub(super) fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Cast { kind, .. } => matches!(kind, CastKind::Cast | CastKind::DoubleColon),
        Expr::CompoundIdentifier(_)
        | Expr::CompoundFieldAccess { .. }
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::IsJson { .. }
        | Expr::IsNormalized { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::BinaryOp { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::UnaryOp { .. }
        | Expr::Collate { .. }
        | Expr::Nested(_)
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Case { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::GroupingSets(_)
        | Expr::Cube(_)
        | Expr::Rollup(_)
        | Expr::Tuple(_)
        | Expr::Array(_)
        | Expr::Interval(_)
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..) => true,
        _ => false,
    }
}

/// Words that call a function although no parentheses follow.
pub(super) fn is_function_without_parentheses(word: &str) -> bool {
    matches!(
        word,
        "current_catalog"
            | "current_date"
            | "current_role"
            | "current_schema"
            | "current_time"
            | "current_timestamp"
            | "current_user"
            | "localtime"
            | "localtimestamp"
            | "session_user"
            | "system_user"
            | "user"
    )
}

/// Whether `word`, unquoted before parentheses, is syntax and not the name of a function.
pub(super) fn is_call_syntax(word: &str) -> bool {
    matches!(
        word,
        "all"
            | "any"
            | "array"
            | "cast"
            | "coalesce"
            | "exists"
            | "greatest"
            | "grouping"
            | "least"
            | "nullif"
            | "row"
            | "some"
    )
}

/// Whether a function can have the reserved `word` for a name. PostgreSQL allows a few more,
/// which nobody uses so.
pub(super) fn may_be_function(word: &str) -> bool {
    matches!(word, "left" | "right") || is_function_without_parentheses(word)
}
