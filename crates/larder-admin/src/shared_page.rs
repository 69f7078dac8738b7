//! A page that is made once for all who ask for it at about the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// The last page that was made. Where nobody asks none is made.
///
/// It is made on a thread for what takes its time, not on one of those that run the service: the
/// more is counted, the longer it takes, and nobody but those who asked waits for it.
#[derive(Debug, Default)]
pub(crate) struct SharedPage(Arc<Mutex<Option<Made>>>);

#[derive(Debug)]
struct Made {
    /// What it shows is of this moment or later.
    at: Instant,
    page: Bytes,
}

impl SharedPage {
    /// How old a page may be that is given to who asks for that of now.
    pub(crate) const FRESH: Duration = Duration::from_millis(250);

    /// The page of now, at most [`FRESH`](Self::FRESH) old.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time: the page is made to its end, for the next.
    pub(crate) async fn of_now(
        &self,
        make: impl FnOnce() -> Option<String> + Send + 'static,
    ) -> Option<Bytes> {
        self.since(Instant::now().checked_sub(Self::FRESH), make)
            .await
    }

    /// The page as it was at this moment or later. The first who asks has it made, and the others
    /// wait for it. `None` where it cannot be made. Without a moment, any page will do.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time: the page is made to its end, for the next.
    pub(crate) async fn since(
        &self,
        moment: Option<Instant>,
        make: impl FnOnce() -> Option<String> + Send + 'static,
    ) -> Option<Bytes> {
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some(made) = &*last
            && moment.is_none_or(|moment| made.at >= moment)
        {
            return Some(made.page.clone());
        }
        // The lock goes along: if whoever asked leaves, nobody has it made a second time meanwhile.
        let making = spawn_blocking(move || {
            let at = Instant::now();
            let page = Bytes::from(make()?);
            *last = Some(Made {
                at,
                page: page.clone(),
            });
            Some(page)
        });
        // It panicked, or the runtime ends.
        making.await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use futures::future::join_all;
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_page_is_made_anew_only_where_the_last_one_is_too_old() {
        let shared = SharedPage::default();
        let start = Instant::now();
        let at = async |moment: Instant, text: Option<&'static str>| {
            let page = shared.since(Some(moment), move || text.map(str::to_owned));
            page.await
                .map(|page| String::from_utf8(page.to_vec()).unwrap())
        };
        assert_eq!(at(start, None).await, None);
        assert_eq!(at(start, Some("first")).await.as_deref(), Some("first"));
        assert_eq!(at(start, Some("another")).await.as_deref(), Some("first"));
        let later = Instant::now();
        assert_eq!(at(later, Some("second")).await.as_deref(), Some("second"));
        // Who comes late sees the last one.
        assert_eq!(at(start, Some("late")).await.as_deref(), Some("second"));
        // One that cannot be made keeps none back.
        let now = Instant::now();
        assert_eq!(at(now, None).await, None);
        assert_eq!(at(now, Some("third")).await.as_deref(), Some("third"));
    }

    #[tokio::test]
    async fn all_who_ask_meanwhile_get_the_same_page_and_hold_nothing_up() {
        let shared = SharedPage::default();
        let made = Arc::new(AtomicUsize::new(0));
        let (go, gone) = mpsc::channel();
        let gone = Arc::new(std::sync::Mutex::new(gone));
        let start = Instant::now();
        let ask = || {
            let (made, gone) = (Arc::clone(&made), Arc::clone(&gone));
            shared.since(Some(start), move || {
                if made.fetch_add(1, Ordering::Relaxed) > 0 {
                    return None;
                }
                // Made on the only thread of this runtime, it would wait for itself.
                gone.lock().unwrap().recv_timeout(PATIENCE).ok()
            })
        };
        let asking = join_all((0..20).map(|_| ask()));
        let begun = Arc::clone(&made);
        let (pages, ()) = tokio::join!(asking, async move {
            while begun.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            go.send("page".to_owned()).unwrap();
        });
        assert!(pages.iter().all(|page| page.as_deref() == Some(b"page")));
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_page_is_made_to_its_end_though_its_reader_left() {
        let shared = Arc::new(SharedPage::default());
        let start = Instant::now();
        let (go, gone) = mpsc::channel::<String>();
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let asking = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let make = move || {
                    begun.send(()).ok();
                    gone.recv_timeout(PATIENCE).ok()
                };
                shared.since(Some(start), make).await
            }
        });
        timeout(PATIENCE, begins.recv()).await.unwrap().unwrap();
        asking.abort();
        go.send("of who left".to_owned()).unwrap();
        let page = shared.since(Some(start), || Some("another".to_owned()));
        let page = timeout(PATIENCE, page).await.unwrap();
        assert_eq!(page.as_deref(), Some(b"of who left".as_slice()));
    }
}
