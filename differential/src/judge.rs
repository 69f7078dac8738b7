//! The judge: a plain database with a client that is not Larder's.

use bytes::BytesMut;
use futures::future::try_join_all;
use futures::{StreamExt as _, pin_mut};

use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::row::{Row, sorted};
use crate::statement::Bound;

/// A connection to a database that nobody caches.
pub(crate) struct Judge(Client);

impl Judge {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .map_err(|error| Error::judge("connect to PostgreSQL", &error))?;
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// Runs statements that give nothing.
    pub(crate) async fn run(&self, statements: &str) -> Result<()> {
        let done = self.0.batch_execute(statements).await;
        done.map_err(|error| Error::judge("prepare the database", &error))
    }

    /// What reads see now, all of them in one round trip.
    pub(crate) async fn read(&self, reads: &[Bound]) -> Result<Vec<Outcome>> {
        try_join_all(reads.iter().map(|read| self.ask(read))).await
    }

    /// What becomes of one statement.
    pub(crate) async fn ask(&self, statement: &Bound) -> Result<Outcome> {
        match self.answer(statement).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => match error.code() {
                Some(code) => Ok(Outcome::Refused(code.code().to_owned())),
                None => Err(Error::judge("ask the judge", &error)),
            },
        }
    }

    async fn answer(&self, statement: &Bound) -> Result<Outcome, tokio_postgres::Error> {
        let binds = statement.binds.iter().map(|(of, bytes)| {
            let of = Type::from_oid(*of).unwrap_or(Type::UNKNOWN);
            (Raw(bytes.as_deref()), of)
        });
        let rows = self.0.query_typed_raw(&statement.sql, binds).await?;
        pin_mut!(rows);
        let mut found = Vec::new();
        while let Some(row) = rows.next().await {
            found.push(Row::of_judge(&row?)?);
        }
        Ok(Outcome::Done {
            affected: rows.rows_affected().unwrap_or(0),
            rows: sorted(found),
        })
    }
}

/// A value in its binary form.
#[derive(Debug)]
struct Raw<'a>(Option<&'a [u8]>);

impl ToSql for Raw<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
