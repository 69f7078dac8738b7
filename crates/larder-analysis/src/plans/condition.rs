//! Which columns of a condition an index could serve, and how.
//!
//! EXPLAIN writes conditions as SQL, with all operators by their names: `~~` for LIKE. They are
//! parsed, and what is not understood is left to be filtered.

use sqlparser::ast::{BinaryOperator, DataType, Expr, UnaryOperator, Value};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// What an index can do for a part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    /// Equal to one value, or to one of several.
    Equality(Key),
    /// From a value on, or up to it.
    Range(Key),
    /// `LIKE 'abc%'`.
    Prefix(Key),
    /// `IS NULL`.
    Null(Key),
    /// A boolean that has to be this.
    Truth(Key, bool),
}

/// What an index is sorted by: a column, or an expression over columns of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// As SQL: with its quotes, and in parentheses where it is an expression.
    pub(super) sql: String,
    /// The column's name itself; `None` of an expression.
    pub(super) column: Option<String>,
    /// It stands there as a `text`, which changes nothing if it is a `varchar`, and all if it is a
    /// number.
    pub(super) as_text: bool,
}

/// What an index on this relation could do for a condition.
pub(super) fn uses(condition: &str, relation: Option<&str>) -> Vec<Use> {
    let mut found = Vec::new();
    if let Some(expression) = parse(condition) {
        collect(&expression, relation, &mut found);
    }
    found
}

/// The two sides of an equality, each with the name of its relation: `(o.owner = c.id)`.
pub(super) fn joined(condition: &str) -> Vec<[(Option<String>, Key); 2]> {
    let mut conjuncts = Vec::new();
    if let Some(expression) = parse(condition) {
        split(&expression, &mut conjuncts);
    }
    let sides = |expression: &Expr| match expression {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => Some([side(left)?, side(right)?]),
        _ => None,
    };
    conjuncts.iter().filter_map(sides).collect()
}

/// The key of a sort on this relation, with its direction: `o.created DESC`.
pub(super) fn sort_key(text: &str, relation: Option<&str>) -> Option<(Key, String)> {
    let mut rest = text.trim();
    let mut direction = String::new();
    for word in [" NULLS LAST", " NULLS FIRST", " DESC"] {
        if let Some(before) = rest.strip_suffix(word) {
            direction.insert_str(0, word);
            rest = before;
        }
    }
    Some((key(&parse(rest)?, relation)?, direction))
}

fn parse(text: &str) -> Option<Expr> {
    let dialect = PostgreSqlDialect {};
    let text = with_parameters(text);
    let mut parser = Parser::new(&dialect).try_with_sql(&text).ok()?;
    let expression = parser.parse_expr().ok()?;
    // Half of it would say something else.
    let token = parser.next_token().token;
    (token == sqlparser::tokenizer::Token::EOF).then_some(expression)
}

/// A plan that was shown without its values has `?` in their place. After anything but an operator
/// that compares, it is an operator itself.
fn with_parameters(text: &str) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.chars() {
        match letter {
            '?' if matches!(before, '=' | '<' | '>' | '~' | '(' | ',') => changed.push_str("$1"),
            letter => changed.push(letter),
        }
        if letter != ' ' {
            before = letter;
        }
    }
    changed
}

fn split(expression: &Expr, conjuncts: &mut Vec<Expr>) {
    match expression {
        Expr::Nested(inner) => split(inner, conjuncts),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            split(left, conjuncts);
            split(right, conjuncts);
        }
        other => conjuncts.push(other.clone()),
    }
}

fn collect(expression: &Expr, relation: Option<&str>, found: &mut Vec<Use>) {
    let mut conjuncts = Vec::new();
    split(expression, &mut conjuncts);
    let uses = conjuncts.iter().filter_map(|one| use_of(one, relation));
    found.extend(uses);
}

fn use_of(expression: &Expr, relation: Option<&str>) -> Option<Use> {
    match expression {
        Expr::BinaryOp { left, op, right } => {
            let (key, op, value) = match (key(left, relation), key(right, relation)) {
                (Some(key), None) => (key, op.clone(), right),
                (None, Some(key)) => (key, mirrored(op)?, left),
                _ => return None,
            };
            if !is_given(value) {
                return None;
            }
            compared(key, &op, value)
        }
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } if is_given(right) => Some(Use::Equality(key(left, relation)?)),
        Expr::IsNull(inner) => Some(Use::Null(key(inner, relation)?)),
        Expr::IsTrue(inner) => Some(Use::Truth(column(inner, relation)?, true)),
        Expr::IsFalse(inner) => Some(Use::Truth(column(inner, relation)?, false)),
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } => Some(Use::Truth(column(expr, relation)?, false)),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            Some(Use::Truth(column(expression, relation)?, true))
        }
        _ => None,
    }
}

fn compared(key: Key, op: &BinaryOperator, value: &Expr) -> Option<Use> {
    match op {
        BinaryOperator::Eq => Some(Use::Equality(key)),
        BinaryOperator::Gt | BinaryOperator::GtEq | BinaryOperator::Lt | BinaryOperator::LtEq => {
            Some(Use::Range(key))
        }
        BinaryOperator::PGLikeMatch if begins_with_text(value) => Some(Use::Prefix(key)),
        _ => None,
    }
}

fn mirrored(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Eq => BinaryOperator::Eq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        _ => return None,
    })
}

/// Whether a pattern begins with letters of its own. That of a parameter is not known.
fn begins_with_text(value: &Expr) -> bool {
    match bare(value) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => {
                !text.starts_with(['%', '_', '\\']) && !text.is_empty()
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether it is known before the table is read: it has no column, and no subquery of its own.
fn is_given(expression: &Expr) -> bool {
    let is_open = sqlparser::ast::visit_expressions(expression, |inner: &Expr| {
        use std::ops::ControlFlow::{Break, Continue};
        match inner {
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::Subquery(_)
            | Expr::Exists { .. }
            | Expr::InSubquery { .. } => Break(()),
            _ => Continue(()),
        }
    });
    is_open.is_continue()
}

/// A column of this relation, or a function of one.
fn key(expression: &Expr, relation: Option<&str>) -> Option<Key> {
    match bare(expression) {
        Expr::Function(function) => {
            let name = function.name.to_string();
            // What the server has built in and what depends on nothing but its argument.
            const PURE: [&str; 6] = ["lower", "upper", "length", "abs", "md5", "btrim"];
            let is_pure = PURE.contains(&name.as_str());
            let argument = only_argument(function).filter(|_| is_pure)?;
            let inner = column(argument, relation)?;
            let argument = match bare(argument) == argument {
                true => inner.sql,
                // The text that it was made for such as `lower((name)::text)`.
                false => format!("{}::text", inner.sql),
            };
            Some(Key {
                sql: format!("({name}({argument}))"),
                column: None,
                as_text: false,
            })
        }
        _ => column(expression, relation),
    }
}

fn only_argument(function: &sqlparser::ast::Function) -> Option<&Expr> {
    use sqlparser::ast::{FunctionArg, FunctionArgExpr, FunctionArguments};
    match &function.args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(argument),
            _ => None,
        },
        _ => None,
    }
}

fn column(expression: &Expr, relation: Option<&str>) -> Option<Key> {
    let (of, name) = side_name(expression)?;
    match (of, relation) {
        (Some(of), Some(relation)) if of != relation => None,
        _ => Some(key_named(name, expression)),
    }
}

fn side(expression: &Expr) -> Option<(Option<String>, Key)> {
    let (of, name) = side_name(expression)?;
    Some((of.map(str::to_owned), key_named(name, expression)))
}

fn key_named(name: &sqlparser::ast::Ident, expression: &Expr) -> Key {
    Key {
        sql: name.to_string(),
        column: Some(name.value.clone()),
        as_text: is_cast(expression),
    }
}

/// A column, and the relation that it says it is of.
fn side_name(expression: &Expr) -> Option<(Option<&str>, &sqlparser::ast::Ident)> {
    match bare(expression) {
        Expr::Identifier(name) => Some((None, name)),
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [of, name] => Some((Some(of.value.as_str()), name)),
            _ => None,
        },
        _ => None,
    }
}

fn is_cast(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => is_cast(inner),
        other => matches!(other, Expr::Cast { .. }),
    }
}

/// Without parentheses, and without a cast to `text`.
fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) => bare(inner),
        Expr::Cast {
            expr,
            data_type: DataType::Text,
            ..
        } => bare(expr),
        other => other,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn key_of(sql: &str) -> Key {
        let column = sql.trim_matches('"').to_owned();
        Key {
            sql: sql.to_owned(),
            column: Some(column),
            as_text: false,
        }
    }

    fn as_text(key: Key) -> Key {
        Key {
            as_text: true,
            ..key
        }
    }

    #[test]
    fn conditions_are_read_as_explain_writes_them() {
        let condition = "((x.cust = $1) AND ((x.st)::text = $2) AND (x.c > $3) AND (NOT x.done) \
                         AND (x.id = ANY ($5)) AND (x.gone IS NULL) AND ((x.st)::text ~~ 'ab%'::text))";
        assert_eq!(
            uses(condition, Some("x")),
            [
                Use::Equality(key_of("cust")),
                Use::Equality(as_text(key_of("st"))),
                Use::Range(key_of("c")),
                Use::Truth(key_of("done"), false),
                Use::Equality(key_of("id")),
                Use::Null(key_of("gone")),
                Use::Prefix(as_text(key_of("st"))),
            ]
        );
    }

    #[test]
    fn quotes_stay_and_expressions_are_kept() {
        assert_eq!(
            uses("(o.\"Owner\" = 7)", Some("o")),
            [Use::Equality(key_of("\"Owner\""))]
        );
        let lower = Key {
            sql: "(lower(email))".to_owned(),
            column: None,
            as_text: false,
        };
        assert_eq!(
            uses("(lower(u.email) = 'a'::text)", Some("u")),
            [Use::Equality(lower)]
        );
        let cast = Key {
            sql: "(lower(email::text))".to_owned(),
            column: None,
            as_text: false,
        };
        assert_eq!(
            uses("(lower((u.email)::text) = $1)", Some("u")),
            [Use::Equality(cast)]
        );
    }

    #[test]
    fn values_may_be_left_out() {
        let owner = [Use::Equality(key_of("owner"))];
        assert_eq!(uses("(owner = ?)", Some("t")), owner);
        assert_eq!(
            uses("((owner = ANY (?)) AND (j ? 'a'::text))", Some("t")),
            owner
        );
    }

    #[test]
    fn what_no_index_serves_is_left() {
        for condition in [
            "(o.a = o.b)",
            "(o.a = c.id)",
            "((o.a = 1) OR (o.b = 2))",
            "(o.name ~~ '%x'::text)",
            "(o.name ~~ $1)",
            "(o.a <> 1)",
            "(random() < 0.5)",
            "((o.a)::numeric = 1.5)",
            "not SQL at all (",
            "",
        ] {
            assert_eq!(uses(condition, Some("o")), [], "{condition}");
        }
    }

    #[test]
    fn joins_and_sorts_are_read() {
        let [[left, right]] = &joined("(o.customer_id = c.id)")[..] else {
            unreachable!("one equality");
        };
        assert_eq!(left, &(Some("o".to_owned()), key_of("customer_id")));
        assert_eq!(right, &(Some("c".to_owned()), key_of("id")));
        let (key, direction) = sort_key("o.created_at DESC NULLS LAST", Some("o")).unwrap();
        assert_eq!(
            (key, direction.as_str()),
            (key_of("created_at"), " DESC NULLS LAST")
        );
        assert_eq!(sort_key("c.name", Some("o")), None);
    }
}
