//! What a decorated function has read, wherever its body has read it, and nothing else.

use std::time::Duration;

use larder::cached;
use larder::services::{CachedCalls, HasService, Service};
use larder_database::{Database, Error, carry};

use super::{Runs, balance, execute, explained, number, opened, set_balance, tables_of};

/// Another service, which keeps nothing itself.
#[derive(Clone)]
struct Owners {
    service: Service,
}

impl HasService for Owners {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl Owners {
    fn new(db: &Database) -> Self {
        let service = Service::new(db.clone(), "owners");
        Self { service }
    }

    async fn count(&self) -> Result<i64, Error> {
        let counting = number(self.service.database(), "SELECT count(*) FROM owners");
        self.service.operation("count", counting).await
    }

    #[cached(ttl = "1h", tags("owner:{id}"))]
    async fn name(&self, id: i32) -> Result<String, Error> {
        let name = self.service.database();
        let name = name.sql("SELECT name FROM owners WHERE id = :id");
        name.bind("id", id).fetch_scalar().await
    }
}

/// By a service, by two joined reads, one of them by primary key, and by a spawned task.
#[cached(ttl = "1h", tags("summary", "account:{id}"), skip(owners, runs))]
async fn summary(db: &Database, owners: &Owners, id: i32, runs: &Runs) -> Result<[i64; 4], Error> {
    runs.ran();
    let owned = owners.count().await?;
    let (balance, notes) = tokio::join!(balance(db, id), number(db, "SELECT count(*) FROM notes"));
    let other = db.clone();
    let prices = tokio::spawn(carry(async move {
        number(&other, "SELECT sum(price)::bigint FROM prices").await
    }));
    Ok([owned, balance?, notes?, prices.await.unwrap()?])
}

#[tokio::test]
async fn it_has_exactly_the_dependencies_that_its_body_read() {
    let (_test, db) = opened().await;
    let (owners, runs) = (Owners::new(&db), Runs::default());
    let call = || summary(&db, &owners, 1, &runs);
    let loaded = explained(&db, call()).await;
    let kept = explained(&db, call()).await;
    assert_eq!(runs.count(), 1);
    for why in [loaded, kept] {
        assert_eq!(why.not_cached, None, "{why}");
        let tables = [
            "public.accounts",
            "public.notes",
            "public.owners",
            "public.prices",
        ];
        assert_eq!(
            tables_of(&why),
            (tables.to_vec(), vec!["public.accounts"]),
            "{why}"
        );
        assert_eq!(why.tags, ["summary", "account:1"]);
        let text = why.to_string();
        for line in [
            "call        summary\n",
            "public.owners",
            "by row      public.accounts\n",
            "tags        summary, account:1\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
        assert!(why.entry.is_some(), "it is kept");
    }
}

#[tokio::test]
async fn a_write_to_any_of_them_makes_it_go_and_no_other_write_does() {
    let (_test, db) = opened().await;
    let (owners, runs) = (Owners::new(&db), Runs::default());
    let call = async || summary(&db, &owners, 1, &runs).await.unwrap();
    assert_eq!(call().await, [2, 100, 1, 7]);
    execute(&db, "INSERT INTO others VALUES (1)").await;
    set_balance(&db, 2, 5).await;
    let another = db.sql("INSERT INTO accounts (id, balance) VALUES (:id, 1)");
    another.bind("id", 3).execute().await.unwrap();
    let gone = db.sql("DELETE FROM accounts WHERE id = :id");
    gone.bind("id", 3).execute().await.unwrap();
    db.invalidate().tag("account:2").await.unwrap();
    assert_eq!(call().await, [2, 100, 1, 7]);
    assert_eq!(runs.count(), 1, "nothing that it read was written");
    let goes = [
        ("INSERT INTO owners VALUES (3, 'Eve')", [3, 100, 1, 7]),
        ("INSERT INTO notes (text) VALUES ('two')", [3, 100, 2, 7]),
        ("UPDATE prices SET price = 8", [3, 100, 2, 8]),
        // One that does not say which rows.
        (
            "UPDATE accounts SET balance = 90 WHERE balance = 100",
            [3, 90, 2, 8],
        ),
    ];
    for (runs_before, (write, then)) in (1..).zip(goes) {
        assert_eq!(runs.count(), runs_before);
        execute(&db, write).await;
        assert_eq!(call().await, then, "{write}");
        assert_eq!(call().await, then);
        assert_eq!(runs.count(), runs_before + 1, "{write}");
    }
    set_balance(&db, 1, 80).await;
    assert_eq!(call().await, [3, 80, 2, 8]);
    db.invalidate().tag("account:1").await.unwrap();
    call().await;
    db.invalidate().tag("summary").await.unwrap();
    call().await;
    assert_eq!(runs.count(), 8);
}

#[tokio::test]
async fn what_is_given_by_other_calls_counts_with_its_tables_and_tags() {
    #[cached(ttl = "1h", tags("greetings"), skip(owners, runs))]
    async fn greeting(
        db: &Database,
        owners: &Owners,
        id: i32,
        runs: &Runs,
    ) -> Result<String, Error> {
        runs.ran();
        let name = owners.name(id).await?;
        let notes = db.sql("SELECT count(*) FROM notes").cached().tag("notes");
        let notes: i64 = notes.ttl(Duration::from_secs(60)).fetch_scalar().await?;
        Ok(format!("{name} {notes}"))
    }
    let (_test, db) = opened().await;
    let (owners, runs) = (Owners::new(&db), Runs::default());
    let call = || greeting(&db, &owners, 1, &runs);
    // What it is given is kept, or loaded now: it makes no difference.
    for gives_kept in [false, true] {
        if gives_kept {
            db.invalidate().tag("greetings").await.unwrap();
        }
        let why = explained(&db, call()).await;
        assert_eq!(
            tables_of(&why),
            (vec!["public.notes", "public.owners"], vec!["public.owners"]),
            "{why}"
        );
        let mut tags = why.tags.clone();
        tags.sort();
        assert_eq!(tags[..2], ["greetings", "notes"], "{why}");
        assert_eq!(tags[2..], ["owner:1"], "{why}");
    }
    assert_eq!(runs.count(), 2);
    for tag in ["owner:1", "notes", "greetings"] {
        let before = runs.count();
        db.invalidate().tag("owner:2").await.unwrap();
        call().await.unwrap();
        assert_eq!(runs.count(), before);
        db.invalidate().tag(tag).await.unwrap();
        call().await.unwrap();
        assert_eq!(runs.count(), before + 1, "{tag}");
    }
    db.invalidate().service("owners").await.unwrap();
    call().await.unwrap();
    assert_eq!(runs.count(), 6, "the service of what it was given");
}

#[tokio::test]
async fn what_an_uncarried_task_reads_is_read_for_nobody() {
    #[cached(ttl = "1h")]
    async fn without(db: &Database) -> Result<i64, Error> {
        let accounts = number(db, "SELECT count(*) FROM accounts").await?;
        let other = db.clone();
        let read = async move { number(&other, "SELECT count(*) FROM notes").await };
        Ok(accounts + tokio::spawn(read).await.unwrap()?)
    }
    let (_test, db) = opened().await;
    let why = explained(&db, without(&db)).await;
    assert_eq!(why.tables, ["public.accounts"], "{why}");
}
