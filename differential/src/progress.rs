//! What a person sees while a run goes on.

use indicatif::{ProgressBar, ProgressStyle};

/// A line that moves, at a terminal; nothing elsewhere.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// For a run of this name and so many steps.
    pub(crate) fn new(name: &str, steps: u64) -> Self {
        let bar = ProgressBar::new(steps);
        let style = ProgressStyle::with_template("{prefix:<20} [{bar:24}] {pos:>7}/{len} steps");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        Self(bar)
    }

    /// So many steps are done.
    pub(crate) fn tell(&self, steps: u64) {
        self.0.set_position(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
