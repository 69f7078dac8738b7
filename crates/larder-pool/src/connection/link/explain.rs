//! Asking the server for the plan of a statement.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use futures::TryStreamExt;

use super::{Link, Ticket};
use crate::Row;
use crate::connection::statement::Statement;

impl Link {
    /// Sends `explain` and the statement behind it, with the same values; gives what comes back in
    /// one piece. It is Larder's own: nobody is told of it, and no deadline of a request binds it.
    pub(crate) async fn explain(
        self: &Arc<Self>,
        explain: &str,
        statement: &Statement,
    ) -> QueryResult<String> {
        let sql = format!("{explain} {}", &*statement.sql);
        let types = statement.binds.types();
        let values = statement.binds.values.iter().zip(types);
        let mut ticket = Ticket::new(self);
        // Without a name: it would take the place of a statement that comes again.
        let asked = async {
            let rows = self.client.query_typed_raw(&sql, values).await?;
            rows.try_collect::<Vec<_>>().await
        };
        let rows = self.answer_anyway(Box::pin(asked)).await?;
        let rows = ticket.settle(rows)?;
        let plan = rows.into_iter().next();
        plan.and_then(|row| Row::of_server(row).text())
            .ok_or(DieselError::NotFound)
    }
}
