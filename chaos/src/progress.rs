//! What a person sees while a run goes on.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that moves, at a terminal; nothing elsewhere.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// For runs of this name and length.
    pub(crate) fn new(name: &str, duration: Duration) -> Self {
        let bar = ProgressBar::new(duration.as_secs().max(1));
        let style =
            ProgressStyle::with_template("{prefix:<20} [{bar:24}] {pos:>3}/{len} s  {wide_msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        Self(bar)
    }

    /// What happens now, and so much of the time is left.
    pub(crate) fn tell(&self, what: &str, left: Option<Duration>) {
        let length = self.0.length().unwrap_or(0);
        let left = left.map_or(0, |left| left.as_secs());
        self.0.set_position(length.saturating_sub(left));
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
