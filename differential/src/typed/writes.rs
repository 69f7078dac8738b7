//! Typed writes.

use std::fmt;

use diesel::prelude::{BoolExpressionMethods, ExpressionMethods as _, QueryDsl as _};
use larder::prelude::{Connection, RunQueryDsl};

use super::tables::for_table;
use super::{TypedTable, key};
use crate::error::Result;
use crate::outcome::Outcome;
use crate::row::{Row, TypedRow};
use crate::statement::Bound;
use crate::subject::refusal;
use crate::value::Value;

/// What a typed write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum WriteShape {
    Insert,
    InsertTwo,
    InsertMade,
    InsertOrNothing,
    InsertOrUpdate,
    Update,
    UpdateMore,
    UpdateEither,
    UpdateReturning,
    Rekey,
    Delete,
    UpdateGroup,
}

impl WriteShape {
    pub(crate) const ALL: [Self; 12] = [
        Self::Insert,
        Self::InsertTwo,
        Self::InsertMade,
        Self::InsertOrNothing,
        Self::InsertOrUpdate,
        Self::Update,
        Self::UpdateMore,
        Self::UpdateEither,
        Self::UpdateReturning,
        Self::Rekey,
        Self::Delete,
        Self::UpdateGroup,
    ];
}

/// A write of a table by a statement of Diesel's.
#[derive(Debug, Clone)]
pub(crate) struct TypedWrite {
    pub(crate) table: TypedTable,
    pub(crate) shape: WriteShape,
    pub(crate) key: Value,
    pub(crate) other: Value,
    pub(crate) grp: i32,
    pub(crate) n: i64,
}

/// Makes the statement and does something with it; `$rows` where it gives rows.
macro_rules! with_statement {
    ($t:ident, $k:ident, $write:expr, $query:ident => $body:expr, $rows:expr) => {{
        let (id, other): ($k, $k) = (key(&$write.key)?, key(&$write.other)?);
        let (grp, n) = ($write.grp, $write.n);
        match $write.shape {
            WriteShape::Insert => {
                let row = ($t::id.eq(id), $t::grp.eq(grp), $t::n.eq(n));
                let $query = diesel::insert_into($t::table).values(row);
                $body
            }
            WriteShape::InsertTwo => {
                let one = ($t::id.eq(id), $t::grp.eq(grp), $t::n.eq(n));
                let two = ($t::id.eq(other), $t::grp.eq(grp), $t::n.eq(-n));
                let $query = diesel::insert_into($t::table).values(vec![one, two]);
                $body
            }
            WriteShape::InsertMade => {
                let $query = diesel::insert_into($t::table).values(($t::grp.eq(grp), $t::n.eq(n)));
                $body
            }
            WriteShape::InsertOrNothing => {
                let row = ($t::id.eq(id), $t::grp.eq(grp), $t::n.eq(n));
                let $query = diesel::insert_into($t::table)
                    .values(row)
                    .on_conflict($t::id)
                    .do_nothing();
                $body
            }
            WriteShape::InsertOrUpdate => {
                let row = ($t::id.eq(id), $t::grp.eq(grp), $t::n.eq(n));
                let $query = diesel::insert_into($t::table)
                    .values(row)
                    .on_conflict($t::id)
                    .do_update()
                    .set($t::n.eq($t::n + n));
                $body
            }
            WriteShape::Update => {
                let $query = diesel::update($t::table.find(id)).set($t::n.eq($t::n + n));
                $body
            }
            WriteShape::UpdateMore => {
                let one = $t::table.filter($t::id.eq(id)).filter($t::grp.ne(grp));
                let $query = diesel::update(one).set(($t::n.eq(n), $t::grp.eq(grp)));
                $body
            }
            WriteShape::UpdateEither => {
                let some =
                    $t::table.filter(BoolExpressionMethods::or($t::id.eq(id), $t::grp.eq(grp)));
                let $query = diesel::update(some).set($t::n.eq($t::n + n));
                $body
            }
            WriteShape::UpdateReturning => {
                let one = diesel::update($t::table.filter($t::id.eq(id)));
                let $query = one
                    .set($t::note.eq(n.to_string()))
                    .returning(($t::id, $t::note));
                $rows
            }
            WriteShape::Rekey => {
                let one = $t::table.filter($t::id.eq(id));
                let $query = diesel::update(one).set(($t::id.eq(other), $t::n.eq(n)));
                $body
            }
            WriteShape::Delete => {
                let $query = diesel::delete($t::table.find(id));
                $body
            }
            WriteShape::UpdateGroup => {
                let some = $t::table.filter($t::grp.eq(grp));
                let $query = diesel::update(some).set($t::n.eq(n));
                $body
            }
        }
    }};
}

impl TypedWrite {
    /// As the judge runs it.
    pub(crate) fn bound(&self) -> Result<Bound> {
        for_table!(self.table, t, K => with_statement!(t, K, self, query => Bound::of(&query), Bound::of(&query)))
    }

    /// On a connection of Larder's.
    pub(crate) async fn run(&self, connection: &mut Connection) -> Result<Outcome> {
        let done = for_table!(self.table, t, K => with_statement!(t, K, self, query => {
            Box::pin(RunQueryDsl::execute(query, connection)).await.map(Outcome::affected)
        }, {
            let rows = Box::pin(RunQueryDsl::load::<TypedRow>(query, connection)).await;
            rows.map(|rows| Outcome::rows(rows.into_iter().map(|row| row.0).collect::<Vec<Row>>()))
        }));
        done.or_else(|error| refusal(connection, &error))
    }
}

impl fmt::Display for TypedWrite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            shape,
            key,
            other,
            grp,
            n,
        } = self;
        write!(
            formatter,
            "typed {table:?} {shape:?} key={key:?} other={other:?} grp={grp} n={n}"
        )
    }
}
