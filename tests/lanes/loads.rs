//! Loads of the cache travel on lanes, and keep what they promise.

use std::sync::Arc;

use diesel::prelude::*;
use larder_database::Database;

use super::{laned, lanes, notes, words};
use crate::support::{PATIENCE, open};

async fn cached(db: &Database, id: i32) -> Arc<[String]> {
    db.cached(super::notes::table.find(id).select(super::notes::words))
        .load()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_load_travels_on_a_lane_and_is_kept() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let before = lanes(&db).reads;
    for _ in 0..3 {
        assert_eq!(*cached(&db, 7).await, [words(7)]);
    }
    assert_eq!(lanes(&db).reads, before + 1);
    assert_eq!(db.cache_statistics().hits, 2);
    let sql = "UPDATE notes SET words = 'changed' WHERE id = 7";
    db.sql(sql).execute().await.unwrap();
    assert_eq!(*cached(&db, 7).await, ["changed"]);
    assert_eq!(lanes(&db).reads, before + 2);
}

#[tokio::test]
async fn reads_and_writes_of_many_tasks_never_see_the_past() {
    const TASKS: i32 = 6;
    const ROUNDS: i32 = 60;
    let test = notes().await;
    let db = open(&test, |options| options.pool.size = 6).await;
    assert!(db.open_lanes().await.unwrap() > 0);
    let tasks = (1..=TASKS).map(|id| {
        let db = db.clone();
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                let text = format!("round {round}");
                db.sql("UPDATE notes SET words = :words WHERE id = :id")
                    .bind("words", text.clone())
                    .bind("id", id)
                    .execute()
                    .await
                    .unwrap();
                let (one, another) = futures::join!(cached(&db, id), cached(&db, id));
                assert_eq!((&*one, &*another), (&[text.clone()][..], &[text][..]));
            }
        })
    });
    let all = futures::future::join_all(tasks);
    for task in tokio::time::timeout(4 * PATIENCE, all).await.unwrap() {
        task.unwrap();
    }
    assert!(lanes(&db).reads > 0, "{:?}", lanes(&db));
}
