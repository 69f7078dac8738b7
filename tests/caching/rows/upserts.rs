//! INSERT .. ON CONFLICT, of each kind, on keys that are there and keys that are not.

use larder_database::Database;

use super::{LONG, Shown, hit, run, with};

/// Two rows whose names are unique, too.
const ITEMS: &str = "
    CREATE TABLE items (id int PRIMARY KEY, name text UNIQUE, price int NOT NULL);
    INSERT INTO items VALUES (1, 'a', 10), (2, 'b', 20);";

async fn items(db: &Database, past: bool) -> Vec<Option<Shown>> {
    let mut found = Vec::new();
    for id in 1..=4 {
        let query =
            db.sql("SELECT coalesce(name, '-') || price::text AS shown FROM items WHERE id = :id");
        let read = query.bind("id", id).cached().ttl(LONG);
        let read = if past { read.bypass() } else { read };
        found.push(read.fetch::<Shown>().await.unwrap().first().cloned());
    }
    found
}

/// Upserts with the parameters `id` and `name`.
const UPSERTS: &[&str] = &[
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT DO NOTHING",
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT (id) DO NOTHING",
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT (id) DO UPDATE SET price = excluded.price",
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT (id) DO UPDATE SET price = items.price + 1 WHERE items.price > 5",
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT (id) DO UPDATE SET id = items.id + 2",
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT (name) DO UPDATE SET price = 98",
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT ON CONSTRAINT items_name_key DO UPDATE SET price = 98",
    "INSERT INTO items (id, name, price) VALUES (:id, :name, 99) ON CONFLICT ON CONSTRAINT items_pkey DO UPDATE SET price = 98",
];

#[tokio::test]
async fn what_an_upsert_changes_is_seen_by_the_next_read() {
    let (_test, db) = with(ITEMS).await;
    let mut changes = 0;
    for upsert in UPSERTS {
        // Nobody's key and name; a key that is there; a name that is there; both, of one row and
        // of two.
        for (id, name) in [(3, "c"), (1, "c"), (3, "b"), (1, "a"), (1, "b")] {
            run(
                &db,
                "TRUNCATE items; INSERT INTO items VALUES (1, 'a', 10), (2, 'b', 20)",
            )
            .await;
            let before = items(&db, false).await;
            let write = db.sql(*upsert).bind("id", id).bind("name", name);
            // Some break the other constraint.
            let _ = write.execute().await;
            let truth = items(&db, true).await;
            assert_eq!(items(&db, false).await, truth, "{upsert} of {id}, {name}");
            changes += u32::from(truth != before);
        }
    }
    assert!(changes > 20, "most of them do something: {changes}");
}

#[tokio::test]
async fn an_upsert_by_the_key_leaves_other_rows() {
    let table = "CREATE TABLE items (id int PRIMARY KEY, name text, price int NOT NULL); \
        INSERT INTO items VALUES (1, 'a', 10), (2, 'b', 20)";
    let (_test, db) = with(table).await;
    let price = |id: i32| {
        let query = db.sql("SELECT price FROM items WHERE id = :id");
        let read = query.bind("id", id).cached().ttl(LONG);
        async { read.fetch_scalar::<i32>().await.unwrap() }
    };
    for upsert in [
        "INSERT INTO items (id, price) VALUES (:id, 1) ON CONFLICT DO NOTHING",
        "INSERT INTO items (id, price) VALUES (:id, 30) ON CONFLICT (id) DO UPDATE SET price = excluded.price + items.price",
    ] {
        let before = (price(1).await, price(2).await);
        let write = db.sql(upsert).bind("id", 1);
        write.execute().await.unwrap();
        assert_eq!(hit(&db, price(2)).await, (true, before.1), "{upsert}");
        let (is_hit, _) = hit(&db, price(1)).await;
        assert!(!is_hit, "{upsert}");
    }
    assert_eq!(price(1).await, 40);
}
