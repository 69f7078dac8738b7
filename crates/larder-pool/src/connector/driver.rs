//! The task that runs the protocol of a connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::Context;

use tokio::sync::oneshot;
use tokio_postgres::AsyncMessage;

use super::{Connector, Route};
use crate::connection::{Driver, Lost};
use crate::lanes::Drain;

impl Connector {
    /// Runs the protocol of a connection in a task of its own until either side closes it.
    pub(super) fn drive<S, T>(
        &self,
        mut connection: tokio_postgres::Connection<S, T>,
        route: Route,
    ) -> Driver
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let sever = self.sever.clone();
        let on_notification = self.on_notification.clone();
        let replies = self.replies.clone();
        let lost = Arc::new(OnceLock::new());
        let cause = Arc::clone(&lost);
        let is_standby = connection.parameter("in_hot_standby") == Some("on");
        let (driving, mut driven) = oneshot::channel::<Infallible>();
        let task = self.drivers.spawn(async move {
            let _driving = driving;
            let mut drain = replies.map(Drain::new);
            let mut poll = |context: &mut Context<'_>| match &mut drain {
                Some(drain) => drain.poll(context, |context| connection.poll_message(context)),
                None => connection.poll_message(context),
            };
            while let Some(message) = poll_fn(&mut poll).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => {
                        tracing::debug!(severity = notice.severity(), "{}", notice.message());
                    }
                    Ok(AsyncMessage::Notification(notification)) => {
                        if let Some(on_notification) = &on_notification {
                            on_notification(notification.channel(), notification.payload());
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let error = Lost::by(&error);
                        tracing::debug!(error = error.text, "connection lost");
                        // Only the first is kept, and there is no second.
                        let _ = cause.set(error);
                        return;
                    }
                }
            }
        });
        // In a task of its own: the one that drives wakes up twice for each statement, and would
        // ask each time.
        let driver = task.abort_handle();
        tokio::spawn(async move {
            tokio::select! {
                () = sever.cancelled() => driver.abort(),
                _ = &mut driven => {}
            }
        });
        Driver {
            task,
            lost,
            is_standby,
            route,
        }
    }
}
