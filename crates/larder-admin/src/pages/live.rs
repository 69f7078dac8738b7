//! The overview each second, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State as Given};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::Problem;
use crate::admin::State;
use crate::guard::Visitor;
use crate::picture::Picture;
use crate::sampler::Beat;

/// Somebody who watches. He does not keep the pages: when they are gone, or his visit is over, his
/// stream ends.
struct Watcher {
    visitor: Visitor,
    state: std::sync::Weak<State>,
    beats: watch::Receiver<Beat>,
    stopped: CancellationToken,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn live(
    Given(state): Given<Arc<State>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<impl IntoResponse, Problem> {
    let place = Arc::clone(&state.watchers).try_acquire_owned();
    let place = place.map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "as many watch live as may; close a dashboard that is not looked at",
        )
    })?;
    let mut beats = state.sampler.beats();
    // The first picture is of now.
    beats.mark_changed();
    let watcher = Watcher {
        visitor,
        state: Arc::downgrade(&state),
        beats,
        stopped: state.stopped().clone(),
        _place: place,
    };
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(10));
    Ok(Sse::new(pictures(watcher)).keep_alive(keep_alive))
}

fn pictures(watcher: Watcher) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(watcher, |mut watcher| async move {
        loop {
            tokio::select! {
                () = watcher.stopped.cancelled() => return None,
                changed = watcher.beats.changed() => changed.ok()?,
            }
            let state = watcher.state.upgrade()?;
            let beat = *watcher.beats.borrow_and_update();
            if !state.guard.is_still_in(&watcher.visitor) {
                return None;
            }
            let shown = Arc::clone(&state);
            let make = move || serde_json::to_string(&Picture::take(&shown)).ok();
            let picture = state.picture.since(Some(beat.at), make).await;
            let picture = picture.as_deref().map(std::str::from_utf8);
            // What cannot be written is left out; the next second brings another.
            if let Some(Ok(picture)) = picture {
                let event = Event::default()
                    .event("picture")
                    .id(beat.number.to_string());
                return Some((Ok(event.data(picture)), watcher));
            }
        }
    })
}
