//! Tests of scopes.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::{ServiceRegistry, ServiceStatistics};

fn of(services: &ServiceRegistry, name: &str) -> ServiceStatistics {
    services.statistics()[name]
}

#[tokio::test]
async fn the_innermost_scope_counts_and_the_outer_one_comes_back() {
    let services = ServiceRegistry::default();
    let (outer, inner) = (services.recorder("outer"), services.recorder("inner"));
    OperationScope::with(outer, async {
        OperationScope::record_query();
        OperationScope::with(inner, async {
            OperationScope::record_hit();
            OperationScope::record_miss();
        })
        .await;
        OperationScope::record_query();
    })
    .await;
    OperationScope::record_query();
    let (outer, inner) = (of(&services, "outer"), of(&services, "inner"));
    assert_eq!((outer.queries, outer.hits, outer.misses), (2, 0, 0));
    assert_eq!((inner.queries, inner.hits, inner.misses), (0, 1, 1));
    assert!(OperationScope::current().is_none());
}

#[tokio::test]
async fn a_spawned_task_has_the_scope_only_if_it_is_carried() {
    let services = ServiceRegistry::default();
    let service = services.recorder("restaurants");
    OperationScope::with(service, async {
        let scope = OperationScope::current();
        assert_eq!(scope.as_ref().unwrap().name(), "restaurants");
        let bare = tokio::spawn(async { OperationScope::record_query() });
        let carried = tokio::spawn(OperationScope::with(scope, async {
            OperationScope::record_miss();
        }));
        bare.await.unwrap();
        carried.await.unwrap();
    })
    .await;
    let counted = of(&services, "restaurants");
    assert_eq!((counted.queries, counted.misses), (0, 1));
}

#[tokio::test]
async fn no_scope_can_be_entered_too() {
    let services = ServiceRegistry::default();
    let service = services.recorder("outer");
    OperationScope::with(service, async {
        OperationScope::with(None, async { OperationScope::record_query() }).await;
    })
    .await;
    assert_eq!(of(&services, "outer").queries, 0);
}

#[tokio::test]
async fn a_measured_call_counts_by_its_end() {
    let services = ServiceRegistry::default();
    let service = services.recorder("users");
    let found = OperationScope::measure(Arc::clone(&service), "by_id", async {
        OperationScope::record_query();
        Ok::<_, ()>(7)
    });
    assert_eq!(found.await, Ok(7));
    let failed = OperationScope::measure(Arc::clone(&service), "by_id", async { Err::<(), _>(8) });
    assert_eq!(failed.await, Err(8));
    let counted = of(&services, "users");
    assert_eq!((counted.calls, counted.errors, counted.queries), (2, 1, 1));
}

#[tokio::test]
async fn a_call_whose_caller_went_away_counts_and_is_no_error() {
    let services = ServiceRegistry::default();
    let service = services.recorder("users");
    let mut call = Box::pin(OperationScope::measure(
        service,
        "by_id",
        pending::<Result<(), ()>>(),
    ));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(call.as_mut().poll(&mut context), Poll::Pending));
    assert_eq!(of(&services, "users").calls, 0);
    drop(call);
    let counted = of(&services, "users");
    assert_eq!((counted.calls, counted.errors), (1, 0));
}

#[test]
fn a_call_that_panics_is_an_error() {
    let services = ServiceRegistry::default();
    let service = services.recorder("users");
    let panics = async { panic!("on purpose") };
    let mut call = Box::pin(OperationScope::measure::<(), ()>(service, "by_id", panics));
    let poll = AssertUnwindSafe(move || {
        let mut context = Context::from_waker(Waker::noop());
        let _ = call.as_mut().poll(&mut context);
    });
    assert!(std::panic::catch_unwind(poll).is_err());
    let counted = of(&services, "users");
    assert_eq!((counted.calls, counted.errors), (1, 1));
}

#[tokio::test]
async fn a_spawned_task_is_carried_the_operation_too() {
    let services = ServiceRegistry::default();
    let service = services.recorder("users");
    let class = || {
        OperationScope::threshold(|class, _| match class {
            Some(("users", Some("by_id"))) => Duration::from_secs(1),
            _ => Duration::ZERO,
        })
    };
    assert_eq!(class(), None);
    let spawned = OperationScope::measure(service, "by_id", async {
        tokio::spawn(OperationScope::carry(async move { class() })).await
    });
    assert_eq!(spawned.await.unwrap(), Some(Duration::from_secs(1)));
}
