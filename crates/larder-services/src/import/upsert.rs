//! Writing one batch of an import.
//!
//! One statement takes a batch as one array for each column: its text depends on the columns
//! alone, and it has 20 parameters at most where rows of values would have 10,000.

use diesel::QueryableByName;
use diesel::sql_types::Bool;
use larder_database::{Database, Sql, sql};

use super::{Batch, Column};
use crate::error::{Error, Result};
use crate::restaurants::NewRestaurant;

/// The statement that writes the given columns of any batch.
#[derive(Clone, Debug)]
pub(super) struct Upsert {
    columns: Vec<Column>,
    text: String,
}

/// What became of one row.
#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = Bool)]
    inserted: bool,
}

impl Upsert {
    pub(super) fn of(columns: Vec<Column>) -> Self {
        let text = text(&columns);
        Self { columns, text }
    }

    /// Writes a batch in a transaction of its own; gives how many of its restaurants were not
    /// there before.
    pub(super) async fn write(&self, database: &Database, batch: &Batch) -> Result<u64> {
        let written: Result<Vec<Written>, larder_database::Error> = database
            .transaction(async |conn| self.statement(batch).fetch_on(conn).await)
            .await;
        let written = written.map_err(|source| Error::ImportBatch {
            what: "restaurants",
            lines: batch.lines(),
            source,
        })?;
        Ok(written.iter().map(|row| u64::from(row.inserted)).sum())
    }

    fn statement(&self, batch: &Batch) -> Sql {
        self.columns
            .iter()
            .fold(sql(self.text.as_str()), |statement, column| {
                let name = column.name();
                match values(*column) {
                    Values::Texts(read) => {
                        statement.bind(name, batch.restaurants().map(read).collect::<Vec<_>>())
                    }
                    Values::Degrees(read) => {
                        statement.bind(name, batch.restaurants().map(read).collect::<Vec<_>>())
                    }
                }
            })
    }
}

fn text(columns: &[Column]) -> String {
    let listed = |write: fn(&str) -> String| {
        let parts: Vec<String> = columns.iter().map(|column| write(column.name())).collect();
        parts.join(", ")
    };
    let names = listed(str::to_owned);
    let arrays = listed(|name| format!(":{name}"));
    let assignments = listed(|name| format!("{name} = excluded.{name}"));
    let old = listed(|name| format!("restaurants.{name}"));
    let new = listed(|name| format!("excluded.{name}"));
    // Rows are locked in the order of the source ids, so that two imports at the same time wait
    // for each other and cannot wait in a circle. A new row version has an xmax where a row was
    // locked for it, which only the rows that were there before were.
    format!(
        "INSERT INTO restaurants ({names}) \
         SELECT {names} FROM unnest({arrays}) AS batch ({names}) ORDER BY source_id COLLATE \"C\" \
         ON CONFLICT (source_id) DO UPDATE SET {assignments}, updated_at = now() \
         WHERE ({old}) IS DISTINCT FROM ({new}) \
         RETURNING (xmax = 0) AS inserted"
    )
}

/// How to read a column's value from a restaurant.
enum Values {
    Texts(fn(&NewRestaurant) -> Option<&str>),
    Degrees(fn(&NewRestaurant) -> Option<f64>),
}

fn values(column: Column) -> Values {
    Values::Texts(match column {
        Column::Latitude => return Values::Degrees(|new| new.latitude),
        Column::Longitude => return Values::Degrees(|new| new.longitude),
        Column::SourceId => |new| new.source_id.as_deref(),
        Column::Name => |new| Some(&new.name),
        Column::Address => |new| new.address.as_deref(),
        Column::City => |new| new.city.as_deref(),
        Column::State => |new| new.state.as_deref(),
        Column::ZipCode => |new| new.zip_code.as_deref(),
        Column::Phone => |new| new.phone.as_deref(),
        Column::Website => |new| new.website.as_deref(),
        Column::Email => |new| new.email.as_deref(),
        Column::Cuisine => |new| new.cuisine.as_deref(),
        Column::KosherCategory => |new| new.kosher_category.map(|category| category.as_str()),
        Column::KosherSupervision => |new| new.kosher_supervision.as_deref(),
        Column::CertifyingAgency => |new| new.certifying_agency.as_deref(),
        Column::ListingType => |new| new.listing_type.as_deref(),
        Column::PriceRange => |new| new.price_range.as_deref(),
        Column::Description => |new| new.description.as_deref(),
        Column::Hours => |new| new.hours.as_deref(),
        Column::Status => |new| Some(new.status.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_given_columns_are_written() {
        let text = text(&[Column::Name, Column::SourceId]);
        assert!(text.contains("(name, source_id) SELECT"), "{text}");
        assert!(
            text.contains("SET name = excluded.name, source_id = excluded.source_id, updated_at"),
            "{text}"
        );
        assert!(!text.contains("kosher"), "{text}");
    }
}
