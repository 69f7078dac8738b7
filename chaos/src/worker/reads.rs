//! Reads through the cache, of several shapes.

use diesel::dsl::sql as expression;
use diesel::sql_types::BigInt;
use larder::database::Error;
use larder::prelude::*;

use super::Worker;
use crate::clock;
use crate::history::Value;
use crate::register::{Register, Token};

diesel::table! {
    register_a (id) {
        id -> Integer,
        version -> BigInt,
        token -> BigInt,
    }
}

diesel::table! {
    register_b (id) {
        id -> Integer,
        version -> BigInt,
        token -> BigInt,
    }
}

/// When the database made the result, in microseconds: kept with it, it tells a hit from a load.
const LOADED: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::int8";

/// A kind of read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One row, by a query of Diesel's.
    Point,
    /// A row of each table, in one statement.
    Joined,
    /// A row of each table, in two statements whose result is kept as one.
    Composite,
    /// One row, and 50 ms in which others may commit.
    Slow,
}

/// How many kinds of reads there are.
pub(crate) const SHAPES: usize = Shape::ALL.len();

/// What a read saw.
pub(super) struct Seen {
    loaded: clock::Instant,
    values: Vec<Value>,
}

impl Shape {
    pub(super) const ALL: [Self; 4] = [Self::Point, Self::Joined, Self::Composite, Self::Slow];

    fn as_str(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Joined => "joined",
            Self::Composite => "composite",
            Self::Slow => "slow",
        }
    }

    /// A shape at random; of a hundred, so many are slow.
    pub(super) fn choose(random: &mut fastrand::Rng, slow: u32) -> Self {
        if random.u32(..100) < slow {
            return Self::Slow;
        }
        match random.u32(..10) {
            0..7 => Self::Point,
            7..9 => Self::Joined,
            _ => Self::Composite,
        }
    }
}

impl Worker {
    /// Reads once, and writes it down. Says whether it was answered.
    pub(super) async fn read(&self, task: u32, shape: Shape, register: Register) -> bool {
        let operation = self.journal.read_begins(task, shape.as_str());
        let seen = match shape {
            Shape::Point => point(&self.database, register).await,
            Shape::Joined => joined(&self.database, register).await,
            Shape::Composite => composite(&self.database, register).await,
            Shape::Slow => slow(&self.database, register).await,
        };
        match &seen {
            Ok(Seen { loaded, values }) => self.journal.read_saw(operation, *loaded, values),
            Err(error) => self.journal.failed(operation, &error.to_string()),
        }
        seen.is_ok()
    }
}

async fn point(database: &Database, register: Register) -> Result<Seen, Error> {
    let row = register.row();
    let rows = if register.is_in_first() {
        let columns = (
            register_a::version,
            register_a::token,
            expression::<BigInt>(LOADED),
        );
        let query = register_a::table.find(row).select(columns);
        database
            .cached(query)
            .allow_volatile()
            .load::<(i64, i64, i64)>()
            .await?
    } else {
        let columns = (
            register_b::version,
            register_b::token,
            expression::<BigInt>(LOADED),
        );
        let query = register_b::table.find(row).select(columns);
        database
            .cached(query)
            .allow_volatile()
            .load::<(i64, i64, i64)>()
            .await?
    };
    let (version, token, loaded) = *rows.iter().next().ok_or(Error::NotFound)?;
    Seen::of(&[register], &[version, token, loaded])
}

async fn joined(database: &Database, register: Register) -> Result<Seen, Error> {
    let text = format!(
        "SELECT a.version || ' ' || a.token || ' ' || b.version || ' ' || b.token || ' ' || {LOADED} \
         FROM register_a a JOIN register_b b ON b.id = a.id WHERE a.id = :row"
    );
    let numbers: String = database
        .sql(text)
        .bind("row", register.row())
        .cached()
        .allow_volatile()
        .fetch_scalar()
        .await?;
    Seen::parse(&register.pair(), &numbers)
}

async fn slow(database: &Database, register: Register) -> Result<Seen, Error> {
    let text = format!(
        "SELECT version || ' ' || token || ' ' || {LOADED} || linger(0.05) \
         FROM {} WHERE id = :row",
        register.table()
    );
    let numbers: String = database
        .sql(text)
        .bind("row", register.row())
        .cached()
        .allow_volatile()
        .fetch_scalar()
        .await?;
    Seen::parse(&[register], &numbers)
}

async fn composite(database: &Database, register: Register) -> Result<Seen, Error> {
    let row = register.row();
    let numbers = database
        .cached_read("chaos", "both", &row)
        .allow_volatile()
        .load(async move |connection| {
            let mut text = String::new();
            for table in ["register_a", "register_b"] {
                let part: String = sql(format!(
                    "SELECT version || ' ' || token FROM {table} WHERE id = :row"
                ))
                .bind("row", row)
                .fetch_scalar_on(connection)
                .await?;
                text = text + &part + " ";
            }
            let loaded: i64 = sql(format!("SELECT {LOADED}"))
                .fetch_scalar_on(connection)
                .await?;
            Ok::<_, Error>(format!("{text}{loaded}"))
        })
        .await?;
    Seen::parse(&register.pair(), &numbers)
}

impl Seen {
    fn parse(registers: &[Register], text: &str) -> Result<Self, Error> {
        let numbers: Result<Vec<i64>, _> = text.split_whitespace().map(str::parse).collect();
        let numbers = numbers.map_err(|_| Error::Load(format!("read the numbers {text:?}")))?;
        Self::of(registers, &numbers)
    }

    /// Version and token of each register, then the time of the load.
    fn of(registers: &[Register], numbers: &[i64]) -> Result<Self, Error> {
        let mut numbers = numbers.iter().copied();
        let mut next = || numbers.next().ok_or(Error::NotFound);
        let mut values = Vec::new();
        for register in registers {
            values.push(Value {
                register: *register,
                version: next()?,
                token: Token(next()?),
            });
        }
        Ok(Self {
            loaded: clock::from_microseconds(next()?),
            values,
        })
    }
}
