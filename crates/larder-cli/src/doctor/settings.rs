//! Whether the settings are valid, and where they come from.

use larder_config::{Config, Error};

use super::check::Verdict;

/// What is wrong with settings that cannot be used.
pub(super) fn faults(error: &Error) -> Vec<Verdict> {
    let faults = error.faults().iter();
    faults
        .map(|fault| {
            let seen = format!("{} {} ({})", fault.key, fault.problem, fault.source);
            Verdict::failure(seen, &fault.cure)
        })
        .collect()
}

/// Where valid settings come from, and what is allowed of them and should not go unseen.
pub(super) fn verdicts(config: &Config) -> Vec<Verdict> {
    let explicit = config.settings().filter(|one| one.source.is_explicit());
    let file = match config.file() {
        Some(file) => format!("file {}", file.display()),
        None => "no file".to_owned(),
    };
    let seen = format!(
        "profile {} ({}), {file}, {} of {} set by hand",
        config.profile(),
        config.profile_source(),
        explicit.count(),
        config.settings().count(),
    );
    let notices = config.notices().iter().map(|notice| {
        let cure = format!("see `{}` in larder config show", notice.key);
        Verdict::warning(notice.to_string(), cure)
    });
    [Verdict::ok(seen)].into_iter().chain(notices).collect()
}
