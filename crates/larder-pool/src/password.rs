//! Passwords that are fetched anew at each connect.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use secrecy::SecretString;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What a password is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordRequest {
    /// The host that will get it, as it is written in the URL.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The user who logs in; empty where the URL names none.
    pub user: String,
    /// The database; empty where the URL names none.
    pub database: String,
}

type Provide =
    dyn Fn(PasswordRequest) -> BoxFuture<'static, Result<SecretString, BoxError>> + Send + Sync;

/// Where passwords come from. It has no `Debug`: it may hold a secret.
#[derive(Clone)]
pub(crate) struct PasswordProvider(Arc<Provide>);

impl PasswordProvider {
    pub(crate) fn new<F, Fut>(provide: F) -> Self
    where
        F: Fn(PasswordRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<SecretString, BoxError>> + Send + 'static,
    {
        Self(Arc::new(move |request| provide(request).boxed()))
    }

    /// The content of a file, read each time.
    pub(crate) fn file(path: PathBuf) -> Self {
        let path = Arc::new(path);
        Self::new(move |_| {
            let path = Arc::clone(&path);
            async move {
                let unusable = |problem: &str| {
                    BoxError::from(format!("the file {}: {problem}", path.display()))
                };
                let content = tokio::fs::read_to_string(&*path)
                    .await
                    .map_err(|error| unusable(&error.to_string()))?;
                let password = content.strip_suffix('\n').unwrap_or(&content);
                let password = password.strip_suffix('\r').unwrap_or(password);
                match password {
                    "" => Err(unusable("it is empty")),
                    password => Ok(SecretString::from(password)),
                }
            }
        })
    }

    /// # Errors
    ///
    /// What the provider says, or that it panicked: a panic here would end a task of the pool.
    pub(crate) async fn password(
        &self,
        request: PasswordRequest,
    ) -> Result<SecretString, BoxError> {
        let asked = async { (self.0)(request).await };
        match AssertUnwindSafe(asked).catch_unwind().await {
            Ok(answer) => answer,
            Err(_) => Err("the password provider panicked".into()),
        }
    }
}
