//! `#[operation]` with `#[cached]`: which calls are counted.

use larder::services::{CachedCalls, HasService};
use larder::{cached, operation};
use larder_database::Error;

use super::{Bank, number, opened, set_balance};

impl Bank {
    /// The attribute that stands lower is around the other: all calls are counted.
    #[cached(ttl = "1h")]
    #[operation("all_calls")]
    async fn all_calls(&self) -> Result<i64, Error> {
        self.runs.ran();
        number(self.db(), "SELECT sum(balance)::bigint FROM accounts").await
    }

    /// Only those that ran the body.
    #[operation("runs_only")]
    #[cached(ttl = "1h")]
    async fn runs_only(&self) -> Result<i64, Error> {
        self.runs.ran();
        number(self.db(), "SELECT sum(balance)::bigint FROM accounts").await
    }
}

#[tokio::test]
async fn below_it_every_call_counts_and_above_it_only_those_that_ran() {
    let (_test, db) = opened().await;
    let bank = Bank::new(&db);
    let counted = || {
        let counted = bank.service().statistics();
        [counted.calls, counted.queries, counted.hits, counted.misses]
    };
    assert_eq!(counted(), [0; 4]);
    for _ in 0..3 {
        assert_eq!(bank.all_calls().await.unwrap(), 200);
    }
    assert_eq!(counted(), [3, 1, 2, 1], "calls, queries, hits, misses");
    for _ in 0..3 {
        assert_eq!(bank.runs_only().await.unwrap(), 200);
    }
    // The hits are outside of the operation, and so is the miss.
    assert_eq!(counted(), [4, 2, 2, 1]);
    set_balance(&db, 1, 5).await;
    for _ in 0..2 {
        bank.all_calls().await.unwrap();
        bank.runs_only().await.unwrap();
    }
    assert_eq!(counted(), [7, 4, 3, 2]);
    assert_eq!(bank.runs.count(), 4);
    assert_eq!(bank.service().statistics().errors, 0);
}
