//! Many rows at once, each kept under a key of its own.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use larder_database::{Database, Error, ErrorKind};
use tokio::time::timeout;

use super::second_tier::{Proxy, options_for, sharing, sharing_by, sharing_through, written};
use super::{LONG, accounts, cached_accounts};
use crate::support::{self, PATIENCE, open};

diesel::alias!(accounts as others: Others);

#[derive(Debug, PartialEq, Queryable)]
struct Account {
    id: i32,
    balance: i64,
}

type Accounts = HashMap<i32, Arc<Account>>;

async fn read(db: &Database, ids: &[i32]) -> Result<Accounts, Error> {
    db.cached_many(ids.iter().copied())
        .ttl(LONG)
        .by(
            |missing| accounts::table.filter(accounts::id.eq_any(missing)),
            |account: &Account| account.id,
        )
        .await
}

/// The balances of those that there are, by their ids.
async fn balances_of(db: &Database, ids: &[i32]) -> Vec<(i32, i64)> {
    let accounts = read(db, ids).await.unwrap();
    let mut found: Vec<(i32, i64)> = accounts
        .iter()
        .map(|(id, account)| {
            assert_eq!(*id, account.id);
            (account.id, account.balance)
        })
        .collect();
    found.sort_unstable();
    found
}

/// How many statements this sends.
async fn statements<T>(db: &Database, work: impl Future<Output = T>) -> (u64, T) {
    let before = db.query_statistics().total;
    let value = work.await;
    (db.query_statistics().total - before, value)
}

#[tokio::test]
async fn each_row_is_kept_and_what_is_missing_is_loaded_by_one_query() {
    let (_test, db) = cached_accounts().await;
    // So that looking at the catalog is not counted below.
    super::balances(&db).await;
    let (sent, found) = statements(&db, balances_of(&db, &[1, 7])).await;
    assert_eq!((sent, found), (1, vec![(1, 100)]));
    let (sent, found) = statements(&db, balances_of(&db, &[7, 1, 1])).await;
    assert_eq!((sent, found), (0, vec![(1, 100)]), "absent is kept too");
    let (sent, found) = statements(&db, balances_of(&db, &[2, 1, 8, 7, 2])).await;
    assert_eq!((sent, found), (1, vec![(1, 100), (2, 100)]));
    let (sent, found) = statements(&db, balances_of(&db, &[])).await;
    assert_eq!((sent, found), (0, vec![]));
    let before = db.cache_statistics();
    balances_of(&db, &[1, 2]).await;
    assert_eq!(db.cache_statistics().hits, before.hits + 2);
    // A write through Larder: all of them may be wrong.
    db.sql("INSERT INTO accounts VALUES (7, 7)")
        .execute()
        .await
        .unwrap();
    let (sent, found) = statements(&db, balances_of(&db, &[1, 2, 7])).await;
    assert_eq!((sent, found), (1, vec![(1, 100), (2, 100), (7, 7)]));
}

#[tokio::test]
async fn what_else_decides_the_result_is_part_of_the_key() {
    let (_test, db) = cached_accounts().await;
    let above = async |bound: i64| {
        let found = db
            .cached_many([1, 2])
            .ttl(LONG)
            .by(
                |missing| {
                    accounts::table
                        .filter(accounts::id.eq_any(missing))
                        .filter(accounts::balance.gt(bound))
                },
                |account: &Account| account.id,
            )
            .await;
        found.unwrap().len()
    };
    assert_eq!(above(50).await, 2);
    assert_eq!(above(100).await, 0);
    assert_eq!(above(50).await, 2);
}

#[tokio::test]
async fn many_keys_are_loaded_in_pieces() {
    let (_test, db) = cached_accounts().await;
    db.sql("INSERT INTO accounts SELECT n, n FROM generate_series(3, 25000) n")
        .execute()
        .await
        .unwrap();
    super::balances(&db).await;
    let ids: Vec<i32> = (1..=20_001).collect();
    let (sent, found) = statements(&db, read(&db, &ids)).await;
    let found = found.unwrap();
    assert_eq!((sent, found.len()), (3, 20_001));
    assert!(found.iter().all(|(id, account)| account.id == *id));
}

#[tokio::test]
async fn rows_that_nobody_asked_for_are_passed_over_and_two_for_one_key_are_an_error() {
    let (_test, db) = cached_accounts().await;
    let all = db.cached_many([2]).ttl(LONG).by(
        |missing: Vec<i32>| {
            let given = i32::try_from(missing.len()).unwrap();
            accounts::table.filter(accounts::id.ge(given.min(0)))
        },
        |account: &Account| account.id,
    );
    assert_eq!(all.await.unwrap().into_keys().collect::<Vec<_>>(), [2]);
    let error = db
        .cached_many([100_i64])
        .ttl(LONG)
        .by(
            |missing| accounts::table.filter(accounts::balance.eq_any(missing)),
            |account: &Account| account.balance,
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ManyRows);
    let text = error.to_string();
    assert!(
        text.contains("same key") && text.contains("accounts"),
        "{text}"
    );
}

#[tokio::test]
async fn a_text_that_differs_from_time_to_time_is_refused() {
    let (_test, db) = cached_accounts().await;
    let error = db
        .cached_many([1, 2])
        .ttl(LONG)
        .by(
            |missing: Vec<i32>| {
                let mut query = accounts::table.into_boxed();
                for id in missing {
                    query = query.or_filter(accounts::id.eq(id));
                }
                query
            },
            |account: &Account| account.id,
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ManyRows);
    assert!(error.to_string().contains("eq_any"), "{error}");
}

#[tokio::test]
async fn a_query_that_cuts_rows_away_is_refused() {
    let (_test, db) = cached_accounts().await;
    let key_of = |account: &Account| account.id;
    let many = || db.cached_many([1, 2]).ttl(LONG);
    let limited = many().by(
        |missing| {
            accounts::table
                .filter(accounts::id.eq_any(missing))
                .limit(1)
        },
        key_of,
    );
    let distinct = many().by(
        |missing| {
            accounts::table
                .filter(accounts::id.eq_any(missing))
                .distinct_on(accounts::balance)
        },
        key_of,
    );
    let united = many().by(
        |missing| {
            let query = accounts::table.filter(accounts::id.eq_any(missing));
            query.union(accounts::table.filter(accounts::id.eq(2)))
        },
        key_of,
    );
    for error in [limited.await, distinct.await, united.await] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ManyRows);
        assert!(error.to_string().contains("LIMIT"), "{error}");
    }
    let inside = many().by(
        |missing| {
            let some = others
                .filter(others.field(accounts::id).eq_any(missing))
                .select(others.field(accounts::id))
                .limit(1);
            accounts::table.filter(accounts::id.eq_any(some))
        },
        key_of,
    );
    let error = inside.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ManyRows);
    assert!(error.to_string().contains("subquery"), "{error}");
    // What is cut away beside the keys is so for any of them.
    let beside = many().by(
        |missing| {
            let some = others
                .select(others.field(accounts::id))
                .order(others.field(accounts::id))
                .limit(1);
            accounts::table
                .filter(accounts::id.eq_any(missing))
                .filter(accounts::id.eq_any(some))
        },
        key_of,
    );
    assert_eq!(beside.await.unwrap().into_keys().collect::<Vec<_>>(), [1]);
    assert_eq!(balances_of(&db, &[1, 2]).await, [(1, 100), (2, 100)]);
}

#[tokio::test]
async fn a_value_that_differs_from_time_to_time_is_refused() {
    let (_test, db) = cached_accounts().await;
    let mut least = 0_i64;
    let moving = db.cached_many([1, 2]).ttl(LONG).by(
        |missing: Vec<i32>| {
            least += 1;
            accounts::table
                .filter(accounts::id.eq_any(missing))
                .filter(accounts::balance.ge(least))
        },
        |account: &Account| account.id,
    );
    let error = moving.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ManyRows);
    assert!(error.to_string().contains("another value"), "{error}");
}

#[tokio::test]
async fn inside_a_transaction_it_is_refused() {
    let (_test, db) = cached_accounts().await;
    let inside = db.transaction(async |_| read(&db, &[1]).await);
    let error = inside.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CachedReadInTransaction);
}

#[tokio::test]
async fn bypass_refresh_and_what_may_not_be_kept_go_to_the_database() {
    let (test, db) = cached_accounts().await;
    let db_alone = open(&test, |options| {
        options.cache.mode = larder_database::CacheMode::Local;
    })
    .await;
    assert_eq!(balances_of(&db_alone, &[1]).await, [(1, 100)]);
    db.sql("UPDATE accounts SET balance = 5")
        .execute()
        .await
        .unwrap();
    let many = || db_alone.cached_many([1]).ttl(LONG);
    let query = |missing| accounts::table.filter(accounts::id.eq_any(missing));
    let found = many().bypass().by(query, |account: &Account| account.id);
    assert_eq!(found.await.unwrap()[&1].balance, 5);
    assert_eq!(balances_of(&db_alone, &[1]).await, [(1, 100)]);
    let found = many().refresh().by(query, |account: &Account| account.id);
    assert_eq!(found.await.unwrap()[&1].balance, 5);
    assert_eq!(balances_of(&db_alone, &[1]).await, [(1, 5)]);
    let sent = statements(&db_alone, async {
        for _ in 0..2 {
            let volatile = many().by(
                |missing: Vec<i32>| {
                    use diesel::dsl::sql;
                    use diesel::sql_types::Bool;
                    accounts::table
                        .filter(accounts::id.eq_any(missing))
                        .filter(sql::<Bool>("random() >= 0"))
                },
                |account: &Account| account.id,
            );
            assert_eq!(volatile.await.unwrap()[&1].balance, 5);
        }
    });
    assert_eq!(sent.await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_it_is_loaded_is_not_kept() {
    let (_test, db) = cached_accounts().await;
    let early = db
        .cached_many([1])
        .ttl(LONG)
        .by(
            |missing| accounts::table.filter(accounts::id.eq_any(missing)),
            |account: &Account| {
                // It was read, and is not yet kept.
                let write = db.sql("UPDATE accounts SET balance = 70 WHERE id = 1");
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current()
                        .block_on(write.execute())
                        .unwrap();
                });
                account.id
            },
        )
        .await;
    assert_eq!(early.unwrap()[&1].balance, 100, "what it saw when it began");
    assert_eq!(balances_of(&db, &[1]).await, [(1, 70)]);
}

#[tokio::test]
async fn another_process_takes_them_from_redis_in_one_round_trip() {
    let test = support::accounts().await;
    let first = sharing(&test).await;
    let found = balances_of(&first, &[1, 2, 7]).await;
    assert_eq!(found, [(1, 100), (2, 100)]);
    written(&first, 3).await;
    let proxy = Proxy::begin().await;
    let second = sharing_through(&test, proxy.url()).await;
    super::balances(&second).await;
    let before = second.second_tier_statistics().unwrap();
    let trips = proxy.trips_with_get();
    let (sent, found) = statements(&second, balances_of(&second, &[7, 1, 2])).await;
    let after = second.second_tier_statistics().unwrap();
    assert_eq!(
        (after.hits, after.misses),
        (before.hits + 3, before.misses),
        "{before:?} {after:?}"
    );
    assert_eq!((sent, found), (0, vec![(1, 100), (2, 100)]));
    assert_eq!(proxy.trips_with_get(), trips + 1);
    let (sent, found) = statements(&second, balances_of(&second, &[1, 2, 7])).await;
    assert_eq!((sent, found), (0, vec![(1, 100), (2, 100)]));
    assert_eq!(
        proxy.trips_with_get(),
        trips + 1,
        "it keeps them itself now"
    );
    // What is missing in both is loaded by one query.
    let (sent, found) = statements(&second, balances_of(&second, &[1, 8, 9])).await;
    assert_eq!((sent, found), (1, vec![(1, 100)]));
}

#[tokio::test]
async fn a_write_makes_what_is_in_redis_wrong_for_all() {
    let test = support::accounts().await;
    let (first, second) = (sharing(&test).await, sharing(&test).await);
    balances_of(&first, &[1, 2]).await;
    written(&first, 2).await;
    second
        .sql("UPDATE accounts SET balance = 5 WHERE id = 1")
        .execute()
        .await
        .unwrap();
    let before = second.second_tier_statistics().unwrap();
    assert_eq!(balances_of(&second, &[1, 2]).await, [(1, 5), (2, 100)]);
    let after = second.second_tier_statistics().unwrap();
    assert_eq!(after.invalidated, before.invalidated + 2);
    assert_eq!(after.hits, before.hits);
    let seen = async {
        while balances_of(&first, &[1]).await != [(1, 5)] {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, seen).await.unwrap();
}

#[tokio::test]
async fn redis_is_asked_for_many_rows_in_pieces_and_for_no_more_once_it_does_not_answer() {
    let test = support::accounts().await;
    let first = sharing(&test).await;
    first
        .sql("INSERT INTO accounts SELECT n, n FROM generate_series(3, 700) n")
        .execute()
        .await
        .unwrap();
    let ids: Vec<i32> = (1..=700).collect();
    assert_eq!(read(&first, &ids).await.unwrap().len(), 700);
    written(&first, 700).await;
    assert_eq!(first.redis_statistics().unwrap().puts_dropped, 0);
    let proxy = Proxy::begin().await;
    let second = sharing_through(&test, proxy.url()).await;
    super::balances(&second).await;
    let before = proxy.gets();
    let (sent, found) = statements(&second, read(&second, &ids)).await;
    assert_eq!((sent, found.unwrap().len()), (0, 700));
    assert_eq!(proxy.gets(), before + 700);

    let silent = Proxy::begin().await;
    let mut redis = options_for(silent.url());
    redis.deadline = std::time::Duration::from_millis(200);
    let third = sharing_by(&test, redis, &[]).await;
    super::balances(&third).await;
    silent.hold_answers();
    let before = silent.gets();
    let (sent, found) = statements(&third, read(&third, &ids)).await;
    assert_eq!((sent, found.unwrap().len()), (1, 700));
    let asked = async {
        while silent.gets() < before + 256 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap();
    assert_eq!(silent.gets(), before + 256);
    let redis = third.redis_statistics().unwrap();
    assert_eq!((redis.timeouts, redis.breaker_opened), (1, 0), "{redis:?}");
}
