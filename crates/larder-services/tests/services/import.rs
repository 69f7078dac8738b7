//! Importing restaurants: inserted and updated, what is kept, and what is told on the way.

use std::path::Path;

use chrono::{DateTime, Utc};
use larder_services::import::{Import, ImportReport, RestaurantGenerator, RestaurantReader};
use larder_services::restaurants::KosherCategory;

use crate::support::Services;

async fn import(services: &Services, csv: &str) -> ImportReport {
    let reader = RestaurantReader::new(std::io::Cursor::new(csv.to_owned()), "test.csv").unwrap();
    let import = Import::from_csv(reader).batch_size(2);
    services.restaurants.import(import).run().await.unwrap()
}

async fn updated_at(services: &Services, source_id: &str) -> DateTime<Utc> {
    services
        .database()
        .sql("SELECT updated_at FROM restaurants WHERE source_id = :source_id")
        .bind("source_id", source_id)
        .fetch_scalar()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_second_import_inserts_nothing_and_rewrites_only_what_changed() {
    let services = Services::start().await;
    let first = "source_id,name,city\n1,One,Miami\n2,Two,\n3,Three,Miami\n,broken,\n";
    let report = import(&services, first).await;
    assert_eq!(
        (
            report.read,
            report.inserted,
            report.updated,
            report.rejected_count
        ),
        (4, 3, 0, 1)
    );
    let (one, two) = (
        updated_at(&services, "1").await,
        updated_at(&services, "2").await,
    );

    let second = "source_id,name,city\n1,One,Miami\n2,Two,Doral\n3,Three,Miami\n4,Four,\n";
    let report = import(&services, second).await;
    assert_eq!(
        (report.imported, report.inserted, report.updated),
        (4, 1, 3)
    );
    assert_eq!(updated_at(&services, "1").await, one);
    assert!(updated_at(&services, "2").await > two);
    assert_eq!(services.number("SELECT count(*) FROM restaurants").await, 4);
    assert_eq!(
        services
            .number("SELECT count(*) FROM restaurants WHERE city = 'Doral'")
            .await,
        1
    );

    // A value that is gone from the file is gone.
    import(&services, "source_id,name,city\n2,Two,\n").await;
    assert_eq!(
        services
            .number("SELECT count(*) FROM restaurants WHERE city = 'Doral'")
            .await,
        0
    );
}

#[tokio::test]
async fn columns_that_the_file_lacks_stay_as_they_are() {
    let services = Services::start().await;
    let full = "source_id,name,kosher_category,status,latitude,longitude,phone\n\
                1,One,dairy,pending,25.5,-80.5,555\n";
    import(&services, full).await;
    let report = import(&services, "name,source_id\nUno,1\n").await;
    assert_eq!((report.inserted, report.updated), (0, 1));
    services
        .run_sql("UPDATE restaurants SET status = 'active'")
        .await;
    let found = services.restaurants.search("uno").load().await.unwrap();
    assert_eq!(found[0].kosher_category, Some(KosherCategory::Dairy));
    assert_eq!(
        (found[0].latitude, found[0].longitude),
        (Some(25.5), Some(-80.5))
    );
    assert_eq!(found[0].phone.as_deref(), Some("555"));
    // And the status is one of the columns that are kept.
    services
        .run_sql("UPDATE restaurants SET status = 'closed'")
        .await;
    import(&services, "source_id,name\n1,One\n").await;
    assert_eq!(
        services
            .number("SELECT count(*) FROM restaurants WHERE status = 'closed'")
            .await,
        1
    );
}

#[tokio::test]
async fn every_column_arrives() {
    let services = Services::start().await;
    let made: Vec<_> = RestaurantGenerator::new(40, 5).collect();
    let report = services
        .restaurants
        .import(Import::from_restaurants(made.clone()))
        .run()
        .await
        .unwrap();
    assert_eq!(report.inserted, 40);
    for new in made.iter().filter(|new| new.status.as_str() == "active") {
        let found = services.restaurants.search(&new.name).load().await.unwrap();
        let stored = found
            .iter()
            .find(|found| found.source_id == new.source_id)
            .unwrap();
        assert_eq!(stored.kosher_category, new.kosher_category);
        assert_eq!(
            (stored.latitude, stored.longitude),
            (new.latitude, new.longitude)
        );
        let texts = [
            (&stored.address, &new.address),
            (&stored.city, &new.city),
            (&stored.state, &new.state),
            (&stored.zip_code, &new.zip_code),
            (&stored.phone, &new.phone),
            (&stored.website, &new.website),
            (&stored.email, &new.email),
            (&stored.cuisine, &new.cuisine),
            (&stored.kosher_supervision, &new.kosher_supervision),
            (&stored.certifying_agency, &new.certifying_agency),
            (&stored.listing_type, &new.listing_type),
            (&stored.price_range, &new.price_range),
            (&stored.description, &new.description),
            (&stored.hours, &new.hours),
        ];
        assert!(
            texts.iter().all(|(stored, new)| stored == new),
            "{stored:?}, not {new:?}"
        );
    }
}

#[tokio::test]
async fn a_deleted_restaurant_is_updated_and_stays_deleted() {
    let services = Services::start().await;
    import(&services, "source_id,name\n1,One\n").await;
    services
        .run_sql("UPDATE restaurants SET deleted_at = now()")
        .await;
    let report = import(&services, "source_id,name\n1,Uno\n").await;
    assert_eq!((report.inserted, report.updated), (0, 1));
    let kept = "SELECT count(*) FROM restaurants WHERE deleted_at IS NOT NULL AND name = 'Uno'";
    assert_eq!(services.number(kept).await, 1);
}

#[tokio::test]
async fn the_later_of_two_rows_counts() {
    let services = Services::start().await;
    let csv = "source_id,name\n1,A\n1,B\n2,C\n3,D\n2,E\n";
    let report = import(&services, csv).await;
    assert_eq!((report.read, report.imported, report.duplicates), (5, 3, 2));
    assert_eq!((report.inserted, report.updated), (3, 0));
    let names = "SELECT count(*) FROM restaurants WHERE name IN ('B', 'D', 'E')";
    assert_eq!(services.number(names).await, 3);
}

#[tokio::test]
async fn progress_goes_up_to_the_end_of_the_file() {
    let services = Services::start().await;
    let csv = "source_id,name\n1,One\n2,Two\n3,Three\n4,\n5,Five\n";
    let reader = RestaurantReader::new(csv.as_bytes(), "test.csv").unwrap();
    let mut seen = Vec::new();
    let import = Import::from_csv(reader).batch_size(2);
    let job = services.restaurants.import(import);
    job.on_progress(|progress| seen.push((progress.rows, progress.bytes_read)))
        .run()
        .await
        .unwrap();
    assert_eq!(seen, [(2, 27), (5, csv.len() as u64)]);
}

#[tokio::test]
async fn searches_and_the_planner_know_what_was_imported() {
    let services = Services::start().await;
    let generator = RestaurantGenerator::new(1_200, 1);
    let import = Import::from_restaurants(generator);
    services.restaurants.import(import).run().await.unwrap();
    let known = "SELECT reltuples::bigint FROM pg_class WHERE relname = 'restaurants'";
    assert_eq!(services.number(known).await, 1_200);
    for index in [
        "search_document_idx",
        "name_trigrams_idx",
        "cuisine_trigrams_idx",
    ] {
        let waiting = format!("SELECT gin_clean_pending_list('restaurants_{index}')");
        assert_eq!(services.number(&waiting).await, 0, "{index}");
    }
}

#[tokio::test]
async fn the_real_file_twice_makes_no_duplicates() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/restaurants.csv");
    if !path.exists() {
        return;
    }
    let services = Services::start().await;
    for inserted in [5_169, 0] {
        let import = Import::from_csv(RestaurantReader::open(&path).unwrap());
        let report = services.restaurants.import(import).run().await.unwrap();
        assert_eq!(
            (report.read, report.rejected_count, report.duplicates),
            (5_169, 0, 0)
        );
        assert_eq!(
            (report.inserted, report.updated),
            (inserted, 5_169 - inserted)
        );
    }
    let distinct = services
        .number("SELECT count(DISTINCT source_id) FROM restaurants")
        .await;
    assert_eq!(
        (
            services.number("SELECT count(*) FROM restaurants").await,
            distinct
        ),
        (5_169, 5_169)
    );
    let found = services.restaurants.search("wendys").load().await.unwrap();
    assert!(found[0].name.starts_with("Wendy"), "{}", found[0].name);
}
