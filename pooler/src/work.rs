//! The tables of a run, and what a client does with them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Database, Scope, sql};
use larder_pool::Connection;

use crate::error::Result;
use crate::types::{Guest, Mood, Pair, Postcode, guest, guests};

/// How many tenants there are; each has as many notes as its number says.
pub(crate) const TENANTS: i32 = 8;

const SCHEMA: [&str; 10] = [
    "CREATE EXTENSION IF NOT EXISTS citext",
    "CREATE TYPE mood AS ENUM ('happy', 'hungry')",
    "CREATE TYPE pair AS (x int, y text)",
    "CREATE DOMAIN postcode AS text CHECK (VALUE ~ '^[0-9]{5}$')",
    "CREATE TABLE guests (
        id int PRIMARY KEY, mood mood NOT NULL, moods mood[] NOT NULL,
        pair pair NOT NULL, pairs pair[] NOT NULL,
        postcode postcode NOT NULL, postcodes postcode[] NOT NULL,
        name citext NOT NULL, names citext[] NOT NULL)",
    "CREATE TABLE notes (id int PRIMARY KEY, tenant text NOT NULL)",
    "INSERT INTO notes SELECT row_number() OVER (), tenant
        FROM generate_series(1, 8) AS tenant, generate_series(1, tenant)",
    "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE notes FORCE ROW LEVEL SECURITY",
    "CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant', true))",
];

/// Makes the tables, and a role that the policy holds for: a superuser sees everything.
///
/// # Errors
///
/// What the server refuses.
pub(crate) async fn prepare(db: &Database, role: &str) -> Result<()> {
    for statement in SCHEMA {
        db.sql(statement).execute().await?;
    }
    db.sql(format!("CREATE ROLE {role}")).execute().await?;
    db.sql(format!("GRANT SELECT ON notes TO {role}"))
        .execute()
        .await?;
    Ok(())
}

/// Takes the role away, which would outlast the database.
///
/// # Errors
///
/// What the server refuses.
pub(crate) async fn clean_up(db: &Database, role: &str) -> Result<()> {
    for statement in [format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")] {
        db.sql(statement).execute().await?;
    }
    Ok(())
}

/// Something that a client does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    Statements,
    Transaction,
    Tenant,
    Batch,
}

impl Work {
    pub(crate) fn any() -> Self {
        match fastrand::u8(0..8) {
            0..3 => Self::Statements,
            3..5 => Self::Transaction,
            5..7 => Self::Tenant,
            _ => Self::Batch,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Statements => "types in statements",
            Self::Transaction => "types in transactions",
            Self::Tenant => "reads of tenants",
            Self::Batch => "lookups of servers",
        }
    }

    /// Does it, as a client that has this number to itself. Gives the server where it asks for it.
    ///
    /// # Errors
    ///
    /// What failed, or which answer was wrong.
    pub(crate) async fn run(
        self,
        db: &Database,
        id: i32,
        role: &str,
    ) -> Result<Option<i32>, String> {
        let failed = |error: larder_database::Error| format!("failed to {error}");
        match self {
            Self::Statements => {
                let mut session = db.session().await.map_err(failed)?;
                come_and_go(&mut session, id).await.map(|()| None)
            }
            Self::Transaction => {
                let mut wrong = None;
                let ended = db
                    .transaction(async |conn| {
                        let nested = conn
                            .transaction(async |conn| {
                                come_and_go(conn, id).await.map_err(|text| {
                                    wrong = Some(text);
                                    diesel::result::Error::RollbackTransaction
                                })
                            })
                            .await;
                        nested?;
                        Ok::<_, larder_database::Error>(())
                    })
                    .await;
                match wrong {
                    Some(wrong) => Err(wrong),
                    None => ended.map(|()| None).map_err(failed),
                }
            }
            Self::Tenant => read_as_tenant(db, role).await.map(|()| None),
            Self::Batch => {
                let pid = db.sql("SELECT pg_backend_pid()").fetch_scalar::<i32>();
                pid.await.map(Some).map_err(failed)
            }
        }
    }
}

/// Writes, reads and deletes a guest: each type as a bind, in a result, and in arrays of both.
async fn come_and_go(connection: &mut Connection, id: i32) -> Result<(), String> {
    let failed = |error: diesel::result::Error| error.to_string();
    let expect = |is_right: bool| match is_right {
        true => Ok(()),
        false => Err("another answer than what was written".to_owned()),
    };
    let written: Guest = diesel::insert_into(guests::table)
        .values(guest(id))
        .get_result(connection)
        .await
        .map_err(failed)?;
    expect(written == guest(id))?;
    let found: Guest = guests::table
        .filter(guests::id.eq(id))
        .filter(guests::mood.eq(Mood::Hungry))
        .filter(guests::moods.eq(vec![Mood::Happy, Mood::Hungry]))
        .filter(guests::pair.eq(Pair(id, "y".to_owned())))
        .filter(guests::postcode.eq(Postcode("12345".to_owned())))
        // In which case it is written does not matter to this type.
        .filter(guests::name.eq(format!("GUEST {id}")))
        .filter(guests::names.contains(vec!["B".to_owned()]))
        .get_result(connection)
        .await
        .map_err(failed)?;
    expect(found == guest(id))?;
    let gone = diesel::delete(guests::table.find(id))
        .returning((guests::mood, guests::pairs))
        .get_result::<(Mood, Vec<Pair>)>(connection)
        .await
        .map_err(failed)?;
    expect(gone == (Mood::Hungry, guest(id).pairs))
}

/// Reads as one of the tenants, whose rows a policy tells by a setting of the transaction.
async fn read_as_tenant(db: &Database, role: &str) -> Result<(), String> {
    let failed = |error: larder_database::Error| format!("failed to {error}");
    let tenant = fastrand::i32(1..=TENANTS);
    let scope = Scope::new().tenant(tenant.to_string()).role(role);
    let scoped = db.scoped(scope).map_err(failed)?;
    let setting = "SELECT current_setting('app.tenant')";
    let (count, named): (i64, String) = match fastrand::bool() {
        true => (
            scoped
                .sql("SELECT count(*) FROM notes")
                .fetch_scalar()
                .await
                .map_err(failed)?,
            scoped.sql(setting).fetch_scalar().await.map_err(failed)?,
        ),
        false => scoped
            .transaction(async |conn| {
                let count = sql("SELECT count(*) FROM notes")
                    .fetch_scalar_on(conn)
                    .await?;
                let named = sql(setting).fetch_scalar_on(conn).await?;
                Ok::<_, larder_database::Error>((count, named))
            })
            .await
            .map_err(failed)?,
    };
    if (count, &*named) == (i64::from(tenant), &*tenant.to_string()) {
        return Ok(());
    }
    Err(format!("tenant {tenant} saw {count} rows as {named}"))
}
