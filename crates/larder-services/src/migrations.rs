//! The migrations of the service tables, carried inside the program.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// The changes under `migrations/`, oldest first. Applying them takes a connection; see the
/// migration support of the database that they are applied to.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

#[cfg(test)]
mod tests {
    use diesel::migration::{Migration, MigrationSource};
    use diesel::pg::Pg;

    use super::MIGRATIONS;

    #[test]
    fn every_change_is_embedded_in_order() {
        let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS).unwrap();
        let mut names: Vec<String> = migrations
            .iter()
            .map(|migration| migration.name().to_string())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "2026-11-22-000001_create_restaurants",
                "2026-11-22-000002_create_users",
                "2026-11-22-000003_create_reviews",
                "2026-11-22-000004_reviews_source_id",
            ]
        );
    }
}
