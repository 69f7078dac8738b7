//! Words of the settings as the connector knows them.

use std::path::Path;

use larder_config::DatabaseConfig;
use larder_pool::{
    ChannelBinding, IsolationLevel, PoolerMode, TargetSessionAttrs, TlsMode, TlsOptions,
};

/// What stands for the system's authorities, as in libpq.
const SYSTEM: &str = "system";

pub(super) fn isolation_level(level: larder_config::IsolationLevel) -> IsolationLevel {
    match level {
        larder_config::IsolationLevel::RepeatableRead => IsolationLevel::RepeatableRead,
        larder_config::IsolationLevel::Serializable => IsolationLevel::Serializable,
        _ => IsolationLevel::ReadCommitted,
    }
}

fn tls_mode(mode: larder_config::TlsMode) -> TlsMode {
    match mode {
        larder_config::TlsMode::Disable => TlsMode::Disable,
        larder_config::TlsMode::Prefer => TlsMode::Prefer,
        larder_config::TlsMode::Require => TlsMode::Require,
        larder_config::TlsMode::VerifyCa => TlsMode::VerifyCa,
        _ => TlsMode::VerifyFull,
    }
}

pub(super) fn pooler_mode(mode: larder_config::PoolerMode) -> PoolerMode {
    match mode {
        // Where a provider is known, its mode stands here instead.
        larder_config::PoolerMode::Auto | larder_config::PoolerMode::None => PoolerMode::None,
        larder_config::PoolerMode::Session => PoolerMode::Session,
        larder_config::PoolerMode::Transaction => PoolerMode::Transaction,
    }
}

pub(super) fn target_session_attrs(
    attributes: larder_config::TargetSessionAttrs,
) -> TargetSessionAttrs {
    match attributes {
        larder_config::TargetSessionAttrs::Any => TargetSessionAttrs::Any,
        larder_config::TargetSessionAttrs::ReadWrite => TargetSessionAttrs::ReadWrite,
        larder_config::TargetSessionAttrs::ReadOnly => TargetSessionAttrs::ReadOnly,
        larder_config::TargetSessionAttrs::Primary => TargetSessionAttrs::Primary,
        larder_config::TargetSessionAttrs::Standby => TargetSessionAttrs::Standby,
        larder_config::TargetSessionAttrs::PreferStandby => TargetSessionAttrs::PreferStandby,
    }
}

/// What the settings say of TLS. What only a URL can say, they leave as it is.
pub(super) fn tls(url: &TlsOptions, database: &DatabaseConfig) -> TlsOptions {
    let root = database.tls_root_certificate.as_deref();
    let root = root.filter(|path| *path != Path::new(SYSTEM));
    let mut tls = url.clone();
    tls.mode = tls_mode(database.tls);
    tls.root_certificate = root.map(Path::to_owned);
    tls.certificate.clone_from(&database.tls_certificate);
    tls.key.clone_from(&database.tls_key);
    tls.channel_binding = match database.channel_binding {
        larder_config::ChannelBinding::Disable => ChannelBinding::Disable,
        larder_config::ChannelBinding::Prefer => ChannelBinding::Prefer,
        larder_config::ChannelBinding::Require => ChannelBinding::Require,
    };
    tls
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use larder_config::ConfigLoader;

    use super::*;
    use crate::DatabaseOptions;

    fn options(variables: &[(&str, &str)]) -> DatabaseOptions {
        let config = ConfigLoader::new()
            .no_file()
            .environment(variables.iter().copied())
            .load()
            .unwrap();
        let url = config.database.url.clone().unwrap();
        DatabaseOptions::from_config(&config, url.expose()).unwrap()
    }

    #[test]
    fn what_is_known_of_a_provider_reaches_the_connector() {
        let neon = (
            "DATABASE_URL",
            "postgres://app@ep-a-pooler.eu.aws.neon.tech/shop",
        );
        let options = options(&[neon]);
        assert_eq!(options.connect.pooler, PoolerMode::Transaction);
        assert_eq!(options.connect.tls.mode, TlsMode::Require);
    }

    #[test]
    fn settings_of_tls_and_hosts_reach_the_connector() {
        let options = options(&[
            ("DATABASE_URL", "postgres://app@a,b/shop?sslsni=0"),
            ("PGSSLMODE", "verify-ca"),
            ("PGSSLROOTCERT", "/etc/ca.pem"),
            ("PGSSLCERT", "/etc/app.pem"),
            ("PGSSLKEY", "/etc/app.key"),
            ("PGCHANNELBINDING", "require"),
            ("PGTARGETSESSIONATTRS", "primary"),
            ("LARDER_DATABASE__POOLER", "session"),
        ]);
        let connect = options.connect;
        assert_eq!(connect.tls.mode, TlsMode::VerifyCa);
        assert_eq!(connect.tls.root_certificate, Some("/etc/ca.pem".into()));
        assert_eq!(connect.tls.certificate, Some("/etc/app.pem".into()));
        assert_eq!(connect.tls.key, Some("/etc/app.key".into()));
        assert_eq!(connect.tls.channel_binding, ChannelBinding::Require);
        assert!(!connect.tls.server_name_indication);
        assert_eq!(connect.target_session_attrs, TargetSessionAttrs::Primary);
        assert_eq!(connect.pooler, PoolerMode::Session);
    }

    #[test]
    fn the_systems_authorities_are_no_file() {
        let options = options(&[
            ("DATABASE_URL", "postgres://app@db/shop"),
            ("PGSSLROOTCERT", "system"),
        ]);
        let tls = options.connect.tls;
        assert_eq!(
            (tls.mode, tls.root_certificate),
            (TlsMode::VerifyFull, None)
        );
    }
}
