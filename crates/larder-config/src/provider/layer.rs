//! What a provider's rule sets, as a layer: above the built-in profile, below the user.

use super::{Detection, ProviderEffect, detect};
use crate::database_url::DatabaseUrl;
use crate::definition::Unit;
use crate::layers::{Entry, Layers};
use crate::parse::{Parse, PoolerMode, TlsMode};
use crate::sections::definition;
use crate::source::Source;

/// Adds what the provider of the URL in effect sets, and says what that was.
pub(crate) fn apply(layers: Layers) -> (Layers, Option<Detection>) {
    let url = layers.value::<Option<DatabaseUrl>>("database.url");
    let Some((Some(url), _)) = url else {
        return (layers, None);
    };
    let Some(mut detection) = detect(&url) else {
        return (layers, None);
    };
    let provider = detection.provider;
    let mut added = Vec::new();
    for effect in &mut detection.effects {
        effect.overruled_by = overruled_by(&layers, effect);
        let Some(row) = definition(effect.key).filter(|_| effect.overruled_by.is_none()) else {
            continue;
        };
        let source = Source::Provider {
            provider,
            rule: detection.rule.clone(),
        };
        added.push(Entry::textual(row, effect.value, source, Unit::Plain));
    }
    let mut entries = layers.into_entries();
    // Whoever writes `auto` asks for just this.
    let asks = |entry: &Entry| {
        added
            .iter()
            .any(|of| of.definition.key == entry.definition.key)
    };
    entries.retain(|entry| !(is_auto(entry) && entry.source.is_explicit() && asks(entry)));
    // Profiles come first, so this is where users begin.
    let end = entries
        .iter()
        .position(|entry| entry.source.is_explicit())
        .unwrap_or(entries.len());
    entries.splice(end..end, added);
    (Layers::merge(entries), Some(detection))
}

/// What keeps an effect from holding: a user, or a profile that wants more TLS.
fn overruled_by(layers: &Layers, effect: &ProviderEffect) -> Option<Source> {
    let winner = layers.winner(effect.key)?;
    let is_stronger = effect.key == "database.tls" && {
        let mode = |value| TlsMode::parse(value, &winner.reading()).ok();
        mode(&winner.value) >= mode(&effect.value.into())
    };
    let holds = (winner.source.is_explicit() && !is_auto(winner)) || is_stronger;
    holds.then(|| winner.source.clone())
}

fn is_auto(entry: &Entry) -> bool {
    let mode = || PoolerMode::parse(&entry.value, &entry.reading());
    entry.definition.key == "database.pooler" && mode() == Ok(PoolerMode::Auto)
}
