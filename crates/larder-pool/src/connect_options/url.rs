//! Reading a URL, with the parameters that libpq knows.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use url::form_urlencoded;

use super::{ConnectOptions, Place, PoolerMode, TargetSessionAttrs};
use crate::Error;
use crate::server_error::with_causes;
use crate::tls::{ChannelBinding, TlsMode, TlsOptions};

/// What names the system's authorities where a file of them is expected, as in libpq.
const SYSTEM: &str = "system";

/// What a URL says of TCP, which stands above what settings say of every connection.
#[derive(Debug, Clone, Default)]
pub(super) struct TcpParameters {
    /// `keepalives=0`.
    pub(super) no_keepalives: bool,
    idle: Option<Duration>,
    interval: Option<Duration>,
    count: Option<u32>,
    /// `tcp_user_timeout`; zero leaves it to the system.
    pub(super) user_timeout: Option<Duration>,
}

/// What tokio-postgres does not know, or not as libpq does.
#[derive(Default)]
struct OwnParameters {
    mode: Option<TlsMode>,
    tls: TlsOptions,
    root_certificate: Option<String>,
    target_session_attrs: TargetSessionAttrs,
    connect_timeout: Option<Duration>,
    tcp: TcpParameters,
}

pub(super) fn parse(url: &str) -> Result<ConnectOptions, Error> {
    let options = |problem: &str| Error::Options(problem.to_owned());
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| options("the URL has no scheme; it should begin with postgres://"))?;
    let scheme = scheme.split('+').next().unwrap_or_default();
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(options(
            "the scheme of the URL is not postgres:// or postgresql://",
        ));
    }
    // Not parsed as a URL of the web: PostgreSQL's may name several hosts.
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    // What is not encoded would become part of a host or of a parameter, and be shown.
    if place.matches('@').count() > 1 {
        return Err(options(
            "the URL has several `@`; in user and password it is written %40",
        ));
    }
    let (own, query) = take_own_parameters(query)?;
    let server = Config::from_str(&format!("postgres://{place}?{query}")).map_err(|error| {
        Error::Options(format!("the URL cannot be used: {}", with_causes(&error)))
    })?;
    let options = ConnectOptions {
        places: Place::all(&server)?,
        server,
        tls: tls_options(own.mode, own.tls, own.root_certificate.as_deref())?,
        connect_timeout: own.connect_timeout.unwrap_or(Duration::from_secs(10)),
        settings: Vec::new(),
        answer_timeout: None,
        cancel_requests: true,
        pooler: PoolerMode::None,
        target_session_attrs: own.target_session_attrs,
        password: None,
        tcp: own.tcp.clone(),
    };
    // Without these a connection whose other end is gone would look alive for hours.
    let idle = own.tcp.idle.unwrap_or(Duration::from_secs(30));
    let interval = own.tcp.interval.unwrap_or(Duration::from_secs(10));
    Ok(options.keepalive(idle, interval, own.tcp.count.unwrap_or(3)))
}

/// Takes out of the query what is read here; gives the rest.
fn take_own_parameters(query: &str) -> Result<(OwnParameters, String), Error> {
    let mut own = OwnParameters::default();
    let mut rest = form_urlencoded::Serializer::new(String::new());
    // libpq reads a plus sign as itself and not as a space.
    let query = query.replace('+', "%2B");
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if !key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(Error::Options(
                "the URL has a parameter with an impossible name; in user and password `?` is written %3F and `&` %26".to_owned(),
            ));
        }
        match &*key {
            // tokio-postgres would take several for one with commas in its name.
            "host" => value.split(',').for_each(|host| {
                rest.append_pair("host", host);
            }),
            _ if own.take(&key, &value)? => {}
            _ => {
                rest.append_pair(&key, &value);
            }
        }
    }
    Ok((own, rest.finish().replace('+', "%20")))
}

impl OwnParameters {
    /// Reads a parameter; says whether it is one of these.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, Error> {
        match key {
            "sslmode" => self.mode = Some(TlsMode::from_str(value)?),
            "sslrootcert" => self.root_certificate = Some(value.to_owned()),
            "sslcert" => self.tls.certificate = file(value),
            "sslkey" => self.tls.key = file(value),
            "sslsni" => self.tls.server_name_indication = flag(key, value)?,
            "channel_binding" => self.tls.channel_binding = ChannelBinding::from_str(value)?,
            "target_session_attrs" => self.target_session_attrs = value.parse()?,
            "connect_timeout" => {
                let seconds = number(key, value)?;
                // Zero means no limit to libpq; here something always ends the waiting.
                self.connect_timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            "keepalives" => self.tcp.no_keepalives = !flag(key, value)?,
            "keepalives_idle" => self.tcp.idle = seconds(key, value)?,
            "keepalives_interval" => self.tcp.interval = seconds(key, value)?,
            // The second is tokio-postgres' name for it.
            "keepalives_count" | "keepalives_retries" => {
                let count = number(key, value)?;
                self.tcp.count = u32::try_from(count).ok().filter(|count| *count > 0);
            }
            // Milliseconds, as libpq has it; tokio-postgres would read seconds.
            "tcp_user_timeout" => {
                self.tcp.user_timeout = Some(Duration::from_millis(number(key, value)?));
            }
            // What we do in any case: no encryption by GSSAPI.
            "gssencmode" if matches!(value, "disable" | "prefer") => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What several parameters mean together.
fn tls_options(
    mode: Option<TlsMode>,
    tls: TlsOptions,
    root_certificate: Option<&str>,
) -> Result<TlsOptions, Error> {
    let tls = TlsOptions {
        mode: mode.unwrap_or_default(),
        ..tls
    };
    let Some(path) = root_certificate.filter(|path| !path.is_empty()) else {
        return Ok(tls);
    };
    if path == SYSTEM {
        // Everybody can get a certificate from them, so only the name makes it the server's.
        return match mode {
            None | Some(TlsMode::VerifyFull) => Ok(TlsOptions {
                mode: TlsMode::VerifyFull,
                ..tls
            }),
            Some(weak) => Err(Error::Options(format!(
                "sslmode `{}` is too weak for sslrootcert=system; write sslmode=verify-full",
                weak.as_str()
            ))),
        };
    }
    Ok(TlsOptions {
        // As libpq does: whoever names authorities wants them asked.
        mode: match tls.mode {
            TlsMode::Require => TlsMode::VerifyCa,
            mode => mode,
        },
        root_certificate: Some(path.into()),
        ..tls
    })
}

fn file(path: &str) -> Option<PathBuf> {
    (!path.is_empty()).then(|| path.into())
}

fn number(key: &str, value: &str) -> Result<u64, Error> {
    // As large as libpq takes them: what is longer means no limit, and is written otherwise.
    let number = value.parse::<u64>().ok();
    number
        .filter(|number| *number <= i32::MAX.unsigned_abs().into())
        .ok_or_else(|| {
            Error::Options(format!(
                "{key} in the URL is not a whole number from 0 to {}",
                i32::MAX
            ))
        })
}

fn seconds(key: &str, value: &str) -> Result<Option<Duration>, Error> {
    let seconds = number(key, value)?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

fn flag(key: &str, value: &str) -> Result<bool, Error> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(Error::Options(format!(
            "{key} in the URL is neither 0 nor 1"
        ))),
    }
}

#[cfg(test)]
mod tests;
