//! What the picture of the catalog makes of the log and of tracked tables.

use larder_sql::catalog::{CATALOG_QUERY, Catalog, DIGEST_QUERY, Declarations, WriteSet};
use larder_sql::classify;
use tokio_postgres::Client;

use super::{plain, with_log};

async fn digest(client: &Client) -> String {
    client.query_one(DIGEST_QUERY, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn the_work_of_the_log_is_no_change_of_definitions() {
    let test = with_log().await;
    let client = plain(&test).await;
    for work in [
        "INSERT INTO larder.invalidation (slot, format, touched) SELECT n, 1, '{16384}' FROM generate_series(0, 2) n",
        "SELECT larder.prune()",
        "TRUNCATE larder.invalidation",
        "VACUUM ANALYZE larder.invalidation",
        "DELETE FROM larder.switch; INSERT INTO larder.switch (target, enabled) VALUES ('all', false)",
        "SELECT larder.renew_epoch()",
    ] {
        // Roles belong to all databases of a server, and other tests make some: then once more.
        for turn in 0..5 {
            let before = digest(&client).await;
            client.batch_execute(work).await.unwrap();
            if digest(&client).await == before {
                break;
            }
            assert!(turn < 4, "{work}");
        }
    }
    let before = digest(&client).await;
    client
        .batch_execute("CREATE TABLE news (id int)")
        .await
        .unwrap();
    assert_ne!(digest(&client).await, before);
}

#[tokio::test]
async fn a_tracked_table_is_written_alone() {
    let test = with_log().await;
    let client = plain(&test).await;
    client
        .batch_execute(
            "CREATE TRIGGER larder_track AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON restaurants \
             FOR EACH STATEMENT EXECUTE FUNCTION larder.track(); \
             ALTER TABLE restaurants ENABLE ALWAYS TRIGGER larder_track",
        )
        .await
        .unwrap();
    let rows = client.simple_query(CATALOG_QUERY).await.unwrap();
    let document = rows
        .iter()
        .find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .unwrap();
    let snapshot = serde_json::from_str(document).unwrap();
    let catalog = Catalog::new(snapshot, &Declarations::new());
    let WriteSet::Tables(tables) =
        catalog.writes(&classify("INSERT INTO restaurants DEFAULT VALUES"))
    else {
        panic!("a tracked table does not write everything");
    };
    let names: Vec<String> = tables
        .iter()
        .map(|id| catalog.table(*id).unwrap().to_string())
        .collect();
    assert!(
        names.contains(&"public.restaurants".to_owned()),
        "{names:?}"
    );
    for quiet in [
        "SELECT larder.prune()",
        "INSERT INTO larder.invalidation (format, touched) VALUES (1, '{}')",
    ] {
        assert_eq!(catalog.writes(&classify(quiet)), WriteSet::Nothing);
    }
    for read in ["TABLE larder.invalidation", "SELECT * FROM larder.epoch"] {
        assert!(catalog.reads(&classify(read)).is_err(), "{read}");
    }
}
