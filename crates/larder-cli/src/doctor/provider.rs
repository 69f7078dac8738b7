//! Who runs the database, as host and port tell, and what follows for settings.

use larder_config::Config;

use super::check::Verdict;

/// Which rule was applied and why, and what of it does not hold.
pub(super) fn verdicts(config: &Config) -> Vec<Verdict> {
    let Some(detection) = config.provider() else {
        return vec![Verdict::ok("no provider is known by this host and port")];
    };
    let mut verdicts = vec![Verdict::ok(detection.to_string())];
    let overruled = detection.effects.iter().filter_map(|effect| {
        let source = effect.overruled_by.as_ref()?;
        let (key, value, why) = (effect.key, effect.value, effect.why);
        let holds = config.setting(key).map(|setting| setting.value.to_string());
        // Whoever says the same says it twice.
        (holds.as_deref() != Some(value)).then(|| {
            let cure = format!("leave {key} out, or set it to {value}");
            Verdict::warning(
                format!("{key} = {value} is overruled by {source}: {why}"),
                cure,
            )
        })
    });
    verdicts.extend(overruled);
    let notes = detection.notes.iter().map(|note| Verdict::ok(*note));
    verdicts.extend(notes);
    verdicts
}
