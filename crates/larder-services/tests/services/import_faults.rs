//! Imports that meet faults: of a row, of the source, of the database's user, of each other.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder_database::{Database, DatabaseOptions};
use larder_services::import::{Import, RestaurantGenerator, RestaurantReader};
use larder_services::restaurants::{NewRestaurant, RestaurantService};
use larder_services::{Error, ErrorKind};
use tokio::sync::mpsc;

use crate::support::Services;

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing_and_names_its_lines() {
    let services = Services::start().await;
    services
        .run_sql("ALTER TABLE restaurants ADD CHECK (name <> 'refused')")
        .await;
    let csv = "source_id,name\n1,a\n2,b\n3,c\n4,\"d\nd\"\n5,refused\n6,e\n7,f\n8,g\n";
    let reader = RestaurantReader::new(csv.as_bytes(), "test.csv").unwrap();
    let import = Import::from_csv(reader).batch_size(3);
    let error = services.restaurants.import(import).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    let Error::ImportBatch { lines, source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*lines, 5..=8);
    assert_eq!(source.sql_state().unwrap().as_str(), "23514");
    assert!(error.to_string().contains("lines 5 to 8"), "{error}");
    // The batch before stays, of this one there is nothing, and none came after.
    let written = services
        .number("SELECT sum(source_id::int)::bigint FROM restaurants")
        .await;
    assert_eq!(written, 1 + 2 + 3);
}

/// Gives its text, then fails.
struct Torn<'a>(&'a [u8]);

impl Read for Torn<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(std::io::Error::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[tokio::test]
async fn a_source_that_fails_ends_the_import_between_batches() {
    let services = Services::start().await;
    let reader =
        RestaurantReader::new(Torn(b"source_id,name\n1,a\n2,b\n3,c\n"), "test.csv").unwrap();
    let import = Import::from_csv(reader).batch_size(2);
    let error = services.restaurants.import(import).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Csv);
    assert_eq!(services.number("SELECT count(*) FROM restaurants").await, 2);
}

/// A source that takes its time, as a network share may: it gives nothing until a task on
/// the same runtime has told it to.
struct Waiting {
    text: std::io::Cursor<Vec<u8>>,
    importing: Arc<AtomicBool>,
    asking: mpsc::UnboundedSender<()>,
    told: std::sync::mpsc::Receiver<()>,
}

impl Read for Waiting {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.importing.load(Ordering::Relaxed) {
            let _ = self.asking.send(());
            self.told
                .recv_timeout(Duration::from_secs(10))
                .map_err(|_| std::io::Error::other("the runtime is held up"))?;
        }
        self.text.read(into)
    }
}

#[tokio::test]
async fn reading_the_source_does_not_hold_up_the_runtime() {
    let services = Services::start().await;
    let (asking, mut asked) = mpsc::unbounded_channel();
    let (telling, told) = std::sync::mpsc::channel();
    let importing = Arc::new(AtomicBool::new(false));
    let source = Waiting {
        importing: Arc::clone(&importing),
        text: std::io::Cursor::new(b"source_id,name\n1,a\n".to_vec()),
        asking,
        told,
    };
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            let _ = telling.send(());
        }
    });
    // Finding the header is the caller's own business.
    let import = Import::from_csv(RestaurantReader::new(source, "test.csv").unwrap());
    importing.store(true, Ordering::Relaxed);
    let report = services.restaurants.import(import).run().await.unwrap();
    assert_eq!(report.imported, 1);
}

#[tokio::test]
#[should_panic(expected = "the source is broken")]
async fn a_panic_of_the_source_is_passed_on() {
    let services = Services::start().await;
    let rows = (0..3).map(|number| {
        assert!(number < 2, "the source is broken");
        NewRestaurant::named("a")
    });
    let _ = services
        .restaurants
        .import(Import::from_restaurants(rows))
        .run()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_at_the_same_time_do_not_wait_in_a_circle() {
    let services = Services::start().await;
    let forward: Vec<_> = RestaurantGenerator::new(2_000, 1).collect();
    let first = services
        .restaurants
        .import(Import::from_restaurants(forward.clone()));
    first.run().await.unwrap();
    let changed = |city: &str, new: &NewRestaurant| NewRestaurant {
        city: Some(city.to_owned()),
        ..new.clone()
    };
    for round in 0..5 {
        let one: Vec<_> = forward
            .iter()
            .map(|new| changed(&format!("one {round}"), new))
            .collect();
        let other: Vec<_> = forward
            .iter()
            .rev()
            .map(|new| changed(&format!("other {round}"), new))
            .collect();
        let one = Import::from_restaurants(one).batch_size(2_000);
        let other = Import::from_restaurants(other).batch_size(2_000);
        let (one, other) = tokio::join!(
            services.restaurants.import(one).run(),
            services.restaurants.import(other).run(),
        );
        assert_eq!(
            (one.unwrap().updated, other.unwrap().updated),
            (2_000, 2_000)
        );
    }
    assert_eq!(
        services.number("SELECT count(*) FROM restaurants").await,
        2_000
    );
}

#[tokio::test]
async fn a_user_who_may_only_write_can_import() {
    let services = Services::start().await;
    if services.test.is_embedded() {
        // It has one user.
        return;
    }
    // A role that every server has; what it is granted here goes with the database.
    services
        .run_sql("GRANT SELECT, INSERT, UPDATE ON restaurants TO pg_monitor")
        .await;
    services.database().grant_log("pg_monitor").await.unwrap();
    let mut options = DatabaseOptions::from_url(services.test.url()).unwrap();
    options.connect = options.connect.setting("role", "pg_monitor");
    let database = Database::open(options).await.unwrap();
    let user: String = database
        .sql("SELECT current_user::text")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(user, "pg_monitor");
    let restaurants = RestaurantService::new(database);
    let import = Import::from_restaurants(RestaurantGenerator::new(10, 1));
    assert_eq!(restaurants.import(import).run().await.unwrap().inserted, 10);
}
