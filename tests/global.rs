//! The process-wide instance: there between init and shutdown, and only then.
//!
//! One test, because there is one instance.

use larder::ErrorKind;
use larder::prelude::*;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

fn builder(url: &str) -> LarderBuilder {
    let variables = vec![("DATABASE_URL".to_owned(), url.to_owned())];
    Larder::builder()
        .profile(Profile::Test)
        .load_with(|loader| loader.no_file().environment(variables))
}

#[tokio::test]
async fn the_life_of_the_process_wide_instance() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();

    let error = larder::get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInitialized);
    assert!(
        error.to_string().contains("it has not been started"),
        "{error}"
    );
    assert_eq!(
        larder::shutdown().await.unwrap_err().kind(),
        ErrorKind::NotInitialized
    );

    // An attempt that fails, or is given up, leaves the place free.
    let refused = larder::init_with(builder("mysql://localhost/shop"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    let given_up = futures::future::select(
        Box::pin(larder::init_with(builder(test.url()))),
        Box::pin(tokio::task::yield_now()),
    )
    .await;
    drop(given_up);

    let first = larder::init_with(builder(test.url())).await.unwrap();
    let one: i32 = larder::get()
        .unwrap()
        .db()
        .sql("SELECT 1")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(one, 1);

    let again = larder::init_with(builder(test.url())).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyInitialized);
    assert!(again.to_string().contains("larder::get()"), "{again}");

    larder::shutdown().await.unwrap();
    let error = larder::get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInitialized);
    assert!(
        error.to_string().contains("it has been shut down"),
        "{error}"
    );
    assert!(
        first.db().session().await.is_err(),
        "clones are shut down too"
    );

    larder::init_with(builder(test.url())).await.unwrap();
    larder::shutdown().await.unwrap();
}
