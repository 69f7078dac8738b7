//! Passwords that are fetched at each connect: rotated, expired, not to be had.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_pool::{ConnectErrorCause, ConnectOptions, Error, PasswordRequest, SecretString};
use larder_testing::TestDatabase;

use super::{pool, refusal};
use crate::support::accounts;

/// A role of the test's own that logs in by password.
struct Role {
    test: TestDatabase,
    name: String,
}

impl Role {
    async fn create(password: &str) -> Option<Self> {
        let test = accounts().await;
        if test.is_embedded() {
            return None;
        }
        let (_, database) = test.url().rsplit_once('/').unwrap();
        let name = format!("role_of_{database}");
        let role = Self { test, name };
        role.sql(&format!("CREATE ROLE {{}} LOGIN PASSWORD '{password}'"))
            .await;
        Some(role)
    }

    /// Runs a statement in which `{}` stands for the role.
    async fn sql(&self, statement: &str) {
        let statement = statement.replace("{}", &self.name);
        let db = self.test.database();
        db.sql(statement).execute().await.unwrap();
    }

    /// Options without any password.
    fn options(&self) -> ConnectOptions {
        let place = self.test.url().rsplit_once('@').unwrap().1;
        ConnectOptions::parse(&format!("postgres://{}@{place}", self.name)).unwrap()
    }

    async fn drop(self) {
        self.sql("DROP ROLE {}").await;
    }
}

#[tokio::test]
async fn a_password_that_is_rotated_holds_from_the_next_connect_on() {
    let Some(role) = Role::create("first-one").await else {
        return;
    };
    let current = Arc::new(Mutex::new("first-one".to_owned()));
    let calls = Arc::new(AtomicUsize::new(0));
    let request: Arc<Mutex<Option<PasswordRequest>>> = Arc::default();
    let options = {
        let (current, calls) = (Arc::clone(&current), Arc::clone(&calls));
        let seen = Arc::clone(&request);
        role.options().password_provider(move |request| {
            calls.fetch_add(1, Ordering::Relaxed);
            *seen.lock().unwrap() = Some(request);
            let password = SecretString::from(current.lock().unwrap().as_str());
            async move { Ok(password) }
        })
    };
    assert!(!format!("{options:?}").contains("first-one"));
    let pool = pool(options);
    pool.session().await.unwrap().discard();
    role.sql("ALTER ROLE {} PASSWORD 'second-one'").await;
    "second-one".clone_into(&mut current.lock().unwrap());
    let session = pool.session().await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    drop(session);
    // A connection that is kept needs no password.
    drop(pool.session().await.unwrap());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let request = request.lock().unwrap().clone().unwrap();
    assert_eq!(request.user, role.name);
    let place = format!("@{}:{}/{}", request.host, request.port, request.database);
    assert!(role.test.url().ends_with(&place), "{request:?}");
    role.drop().await;
}

#[tokio::test]
async fn a_token_that_has_expired_is_refused_and_the_next_one_is_taken() {
    let Some(role) = Role::create("t0ken-of-today").await else {
        return;
    };
    role.sql("ALTER ROLE {} VALID UNTIL '2020-01-01'").await;
    let options = role
        .options()
        .password_provider(async |_| Ok(SecretString::from("t0ken-of-today")));
    let pool = pool(options);
    let Err(Error::Connect(error)) = pool.session().await else {
        panic!("a token that has expired was taken");
    };
    assert_eq!(error.cause(), ConnectErrorCause::Authentication);
    assert!(!format!("{error} {error:?}").contains("t0ken"), "{error:?}");
    role.sql("ALTER ROLE {} VALID UNTIL 'infinity'").await;
    drop(pool.session().await.unwrap());
    role.drop().await;
}

#[tokio::test]
async fn a_provider_without_an_answer_is_a_cause_of_its_own() {
    let Some(role) = Role::create("never-asked").await else {
        return;
    };
    let failing = role
        .options()
        .password_provider(async |_| Err("the vault is sealed".into()));
    let error = refusal(failing).await;
    assert_eq!(error.cause(), ConnectErrorCause::Password);
    let text = error.to_string();
    assert!(
        text.contains("no password could be had: the vault is sealed"),
        "{text}"
    );

    let mut silent = role.options().password_provider(|_| pending());
    silent.connect_timeout = Duration::from_secs(1);
    let error = refusal(silent).await;
    assert_eq!(error.cause(), ConnectErrorCause::Password);
    let text = error.to_string();
    assert!(
        text.contains("the password provider gave no answer within"),
        "{text}"
    );

    let calls = Arc::new(AtomicUsize::new(0));
    let panicking = {
        let calls = Arc::clone(&calls);
        role.options().password_provider(move |_| {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                assert!(!first, "the first call panics");
                Ok(SecretString::from("never-asked"))
            }
        })
    };
    // The task of the pool survives it, and whoever waits gets the next connection.
    drop(pool(panicking).session().await.unwrap());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    role.drop().await;
}

#[tokio::test]
async fn a_file_is_read_at_each_connect() {
    let Some(role) = Role::create("first-one").await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("password");
    let error = refusal(role.options().password_file(&path)).await;
    assert_eq!(error.cause(), ConnectErrorCause::Password);
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    std::fs::write(&path, "\n").unwrap();
    let error = refusal(role.options().password_file(&path)).await;
    assert!(error.to_string().contains("it is empty"), "{error}");

    std::fs::write(&path, "first-one\n").unwrap();
    let pool = pool(role.options().password_file(&path));
    pool.session().await.unwrap().discard();
    role.sql("ALTER ROLE {} PASSWORD 'second one '").await;
    std::fs::write(&path, "second one ").unwrap();
    drop(pool.session().await.unwrap());
    role.drop().await;
}
