//! A caller that goes away leaves nothing behind, and nobody gets another's answer.

use std::pin::pin;

use futures::future::join_all;

use super::{NOTES, PAGES, all_pages, lanes, notes, one_laned, read, words};
use crate::support::until;

/// More than a read has places where it waits.
const MOST_POLLS: usize = 12;

/// Polls a read so often, letting others run in between, and drops it. Says whether it had ended.
async fn give_up<F: Future>(read: F, polls: usize) -> Option<F::Output> {
    let mut read = pin!(read);
    for _ in 0..polls {
        if let std::task::Poll::Ready(output) = futures::poll!(read.as_mut()) {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn a_read_given_up_anywhere_leaves_the_answers_of_others_alone() {
    let test = notes().await;
    for polls in 0..MOST_POLLS {
        // New each time, so that preparing is given up too.
        let db = one_laned(&test, |_| {}).await;
        let given_up = give_up(read(&db, 1), polls).await;
        assert!(given_up.is_none_or(|text| text.unwrap() == words(1)));
        let neighbours = (2..10).map(|id| {
            let db = db.clone();
            async move { (id, read(&db, id).await.unwrap()) }
        });
        for (id, text) in join_all(neighbours).await {
            assert_eq!(text, words(id));
        }
        until("the lane is empty", || lanes(&db).in_flight == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_storm_of_callers_that_leave_everybody_else_gets_their_own() {
    const TASKS: i32 = 16;
    const READS: i32 = 200;
    let test = notes().await;
    let db = one_laned(&test, |_| {}).await;
    let before = lanes(&db).reads;
    let tasks = (0..TASKS).map(|task| {
        let db = db.clone();
        tokio::spawn(async move {
            for round in 0..READS {
                let id = (task * READS + round) % NOTES + 1;
                let polls = fastrand::usize(0..MOST_POLLS);
                let text = match fastrand::bool() {
                    true => give_up(read(&db, id), polls).await,
                    false => Some(read(&db, id).await),
                };
                assert!(text.is_none_or(|text| text.unwrap() == words(id)));
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert!(lanes(&db).reads > before, "{:?}", lanes(&db));
    until("the lane is empty", || lanes(&db).in_flight == 0).await;
    assert_eq!(db.pool_status().in_use, 0);
    assert_eq!(lanes(&db).open, 1);
}

#[tokio::test]
async fn callers_that_do_not_look_hold_up_nobody() {
    let test = notes().await;
    let db = one_laned(&test, |_| {}).await;
    read(&db, 1).await.unwrap();
    assert_eq!(all_pages(&db).await.unwrap().len(), PAGES);
    let before = lanes(&db);
    // More than a connection holds for those who do not read.
    let mut unattended = [pin!(all_pages(&db)), pin!(all_pages(&db))];
    for read in &mut unattended {
        assert!(futures::poll!(read.as_mut()).is_pending());
    }
    assert_eq!(lanes(&db).in_flight, 2);
    assert_eq!(read(&db, 2).await.unwrap(), words(2));
    for read in unattended {
        assert_eq!(read.await.unwrap().len(), PAGES);
    }
    let after = lanes(&db);
    assert_eq!(after.reads, before.reads + 3);
    assert_eq!(after.bypassed, before.bypassed);
}
