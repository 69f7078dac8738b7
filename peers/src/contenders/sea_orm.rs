//! SeaORM: `find_by_id` with its defaults.

use sea_orm::{ConnectOptions, Database, DatabaseConnection, EntityTrait};

use super::{CONNECTIONS, Contender, Entrant, SEA_ORM, opening};
use crate::error::{Cause, Result};

/// The entity, as SeaORM's generator writes it.
mod restaurant {
    #![expect(
        unreachable_pub,
        clippy::derive_partial_eq_without_eq,
        reason = "what the derive makes is public"
    )]

    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "restaurants")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub name: String,
        pub city: String,
        pub cuisine: Option<String>,
        pub latitude: f64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) async fn open(url: &str) -> Result<Vec<Entrant>> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(CONNECTIONS as u32);
    let db = Database::connect(options).await.map_err(opening(SEA_ORM))?;
    Ok(vec![Entrant::new(
        SEA_ORM,
        "SeaORM, ping (its default)",
        SeaOrm(db),
    )])
}

struct SeaOrm(DatabaseConnection);

impl Contender for SeaOrm {
    type Row = restaurant::Model;

    async fn read(&self, id: i64) -> Result<restaurant::Model, Cause> {
        let found = restaurant::Entity::find_by_id(id).one(&self.0).await?;
        found.ok_or_else(|| "there is no such row".into())
    }

    fn id(row: &restaurant::Model) -> i64 {
        row.id
    }
}
