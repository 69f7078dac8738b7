//! Whether a query selects rows one by one: each is in its result, or not, whatever else is; and
//! whether its result holds rows only if it found some.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Distinct, Expr, Function, FunctionArguments, GroupByExpr, Query, Select, SetExpr, Statement,
    Visit, Visitor,
};

use super::names::QualifiedName;
use crate::lexer::{Lexer, TokenKind};

/// Whether nothing in the query itself looks at several rows at once: no LIMIT and its like, no
/// DISTINCT, no GROUP BY, no aggregate and no window, no UNION and its like. Queries within it
/// may have all that.
pub(super) fn is_simple(statement: &Statement) -> bool {
    let Statement::Query(query) = statement else {
        return false;
    };
    let SetExpr::Select(select) = &*query.body else {
        return false;
    };
    let takes_all = query.limit_clause.is_none() && query.fetch.is_none();
    takes_all && is_simple_select(select) && !calls_over_rows(query)
}

/// Whether a row of its result can only come from a row of what it selects from. A query with an
/// aggregate gives a row for nothing, too. LIMIT and DISTINCT only take rows away.
pub(super) fn finds_rows(statement: &Statement) -> bool {
    let Statement::Query(query) = statement else {
        return false;
    };
    let SetExpr::Select(select) = &*query.body else {
        return false;
    };
    !groups(select) && select.having.is_none() && !calls_over_rows(query)
}

fn groups(select: &Select) -> bool {
    match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(by, modifiers) => !by.is_empty() || !modifiers.is_empty(),
    }
}

fn is_simple_select(select: &Select) -> bool {
    matches!(select.distinct, None | Some(Distinct::All))
        && !groups(select)
        && select.top.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.named_window.is_empty()
}

/// Whether the query itself calls an aggregate or a window function.
fn calls_over_rows(query: &Query) -> bool {
    query.visit(&mut Calls::default()).is_break()
}

#[derive(Default)]
struct Calls {
    /// How many queries are open: 1 in the query itself.
    depth: usize,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) if self.depth == 1 && is_over_rows(function) => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn is_over_rows(function: &Function) -> bool {
    let orders_arguments = match &function.args {
        FunctionArguments::List(list) => {
            list.duplicate_treatment.is_some() || !list.clauses.is_empty()
        }
        FunctionArguments::None | FunctionArguments::Subquery(_) => false,
    };
    let name = QualifiedName::from_object_name(&function.name);
    function.over.is_some()
        || function.filter.is_some()
        || !function.within_group.is_empty()
        || orders_arguments
        || name.is_none_or(|name| AGGREGATES.binary_search(&name.name()).is_ok())
}

/// PostgreSQL's own aggregates that are called like any function, in order.
const AGGREGATES: &[&str] = &[
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "json_agg",
    "json_agg_strict",
    "json_arrayagg",
    "json_object_agg",
    "json_object_agg_strict",
    "json_object_agg_unique",
    "json_object_agg_unique_strict",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_object_agg",
    "jsonb_object_agg_strict",
    "jsonb_object_agg_unique",
    "jsonb_object_agg_unique_strict",
    "max",
    "min",
    "range_agg",
    "range_intersect_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];

/// Whether the positional parameter of this number (`$1` is 1) stands in a query within the one
/// that `text` is: in a `WITH`, in the `FROM`, or in an expression. True as well if the text has
/// no such parameter, or cannot be read.
///
/// ```
/// use larder_sql::is_in_subquery;
///
/// assert!(!is_in_subquery("select * from menus where (id = any($1))", 1));
/// assert!(is_in_subquery("select * from menus where id in (select unnest($1))", 1));
/// ```
#[must_use]
pub fn is_in_subquery(text: &str, parameter: usize) -> bool {
    let wanted = format!("${parameter}");
    // For each open parenthesis whether it holds a query.
    let mut open: Vec<bool> = Vec::new();
    let mut has_just_opened = false;
    let mut found = false;
    for token in Lexer::new(text) {
        let Ok(token) = token else {
            return true;
        };
        if !token.is_significant() {
            continue;
        }
        let begins_query = ["select", "values", "table", "with"]
            .iter()
            .any(|word| token.is_keyword(word));
        if has_just_opened
            && begins_query
            && let Some(holds_query) = open.last_mut()
        {
            *holds_query = true;
        }
        has_just_opened = token.kind == TokenKind::LeftParenthesis;
        match token.kind {
            TokenKind::LeftParenthesis => open.push(false),
            TokenKind::RightParenthesis => {
                open.pop();
            }
            TokenKind::Positional if token.text == wanted => {
                if open.contains(&true) {
                    return true;
                }
                found = true;
            }
            _ => {}
        }
    }
    !found
}

#[cfg(test)]
mod tests {
    use super::{AGGREGATES, is_in_subquery};
    use crate::classify;

    #[test]
    fn the_aggregates_are_in_order() {
        assert!(AGGREGATES.is_sorted());
    }

    #[test]
    fn a_query_that_selects_rows_one_by_one_is_told_from_others() {
        for simple in [
            "select * from menus where id = any($1)",
            "select all m.id, lower(m.name) from menus m join cities c on c.id = m.city \
             where m.id = any($1) order by m.name limit all",
            "table menus",
            "select m.*, (select count(*) from items i where i.menu = m.id) from menus m \
             where exists (select 1 from items i where i.menu = m.id limit 1)",
            "with few as (select id from cities limit 3) \
             select * from menus where city in (select id from few)",
            "select * from menus m join (select menu, sum(price) from items group by menu) i \
             on i.menu = m.id",
            "select * from (select a from x union select a from y) z where a = any($1)",
        ] {
            assert!(classify(simple).is_simple_selection, "{simple}");
        }
        for other in [
            "select * from menus where id = any($1) limit 100",
            "select * from menus where id = any($1) limit $2 offset $3",
            "select * from menus where id = any($1) offset 3",
            "select * from menus where id = any($1) fetch first row only",
            "select * from menus where id = any($1) fetch next 3 rows with ties",
            "select distinct * from menus where id = any($1)",
            "select distinct on (city) * from menus where id = any($1)",
            "select id, city from menus where id = any($1) group by id",
            "select max(id) from menus where id = any($1)",
            "select pg_catalog.max(id) from menus where id = any($1)",
            "select lower(max(id)) from menus where id = any($1)",
            "select mine(distinct id) from menus where id = any($1)",
            "select mine(id order by id) from menus where id = any($1)",
            "select mine(id) filter (where id > 3) from menus where id = any($1)",
            "select percentile_disc(0.5) within group (order by id) from menus",
            "select 1 from menus having true",
            "select id, row_number() over (order by id) from menus where id = any($1)",
            "select id, rank() over w from menus where id = any($1) window w as (order by id)",
            "select * from menus where id = any($1) order by sum(id) over ()",
            "select * from menus where id = any($1) union all select * from menus",
            "select * from menus except select * from menus where id = any($1)",
            "values (1), (2)",
            "(select * from menus where id = any($1) limit 1)",
            "insert into menus values (1)",
            "select * from menus; select * from cities",
            "select ~~~ from",
        ] {
            assert!(!classify(other).is_simple_selection, "{other}");
        }
    }

    #[test]
    fn a_parameter_within_a_subquery_is_found() {
        for (text, parameter) in [
            (
                "select * from menus where ((id = any($1)) and (city = $2))",
                1,
            ),
            (
                "select * from menus where ((id = any($1)) and (city = $2))",
                2,
            ),
            (
                "select * from menus where (a in (select 1)) and id = any($12)",
                12,
            ),
            (
                "select '(select', \"(select\" from menus where id = any($1)",
                1,
            ),
            ("select * from unnest($1) k join menus using (id)", 1),
        ] {
            assert!(!is_in_subquery(text, parameter), "{text}");
        }
        for (text, parameter) in [
            ("select * from menus where id in (select unnest($1))", 1),
            (
                "select * from menus where id in ( /* a */ SELECT id FROM a WHERE b = any((($1))))",
                1,
            ),
            (
                "with a as (select 1 from b where id = any($1) limit 3) select * from a",
                1,
            ),
            (
                "with a as (with b as (select 1) select $1) select * from a",
                1,
            ),
            (
                "select * from menus where id = $1 or exists (select 1 where a = any($1))",
                1,
            ),
            ("select * from (values ($1)) a", 1),
            ("select * from menus where id = any($1)", 2),
            ("select * from menus where id = any($1) and name = 'open", 1),
        ] {
            assert!(is_in_subquery(text, parameter), "{text}");
        }
    }
}
