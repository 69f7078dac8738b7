//! The picture of a second, made once for all who watch.

use std::sync::{Arc, Mutex, PoisonError};

use crate::sampler::Beat;

/// The last picture that was made, as JSON. Where nobody watches none is made.
#[derive(Debug, Default)]
pub(crate) struct SharedPicture(Mutex<Option<(Beat, Arc<str>)>>);

impl SharedPicture {
    /// The picture of this second or of a later one, with the beat it was made at. The first who
    /// asks makes it, which takes about a millisecond, and the others wait for it. `None` where it
    /// cannot be made.
    pub(crate) fn at(
        &self,
        beat: Beat,
        make: impl FnOnce() -> Option<String>,
    ) -> Option<(Beat, Arc<str>)> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, picture)) = &*last
            && *made >= beat
        {
            return Some((*made, Arc::clone(picture)));
        }
        let picture: Arc<str> = make()?.into();
        *last = Some((beat, Arc::clone(&picture)));
        Some((beat, picture))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_once_a_beat() {
        let shared = SharedPicture::default();
        let at = |beat: Beat, text: Option<&str>| {
            let picture = shared.at(beat, || text.map(str::to_owned));
            picture.map(|(beat, picture)| (beat, picture.to_string()))
        };
        assert_eq!(at(0, None), None);
        assert_eq!(at(0, Some("first")), Some((0, "first".to_owned())));
        assert_eq!(at(0, Some("another")), Some((0, "first".to_owned())));
        assert_eq!(at(2, Some("second")), Some((2, "second".to_owned())));
        // Who comes late sees the last one.
        assert_eq!(at(1, Some("late")), Some((2, "second".to_owned())));
    }
}
