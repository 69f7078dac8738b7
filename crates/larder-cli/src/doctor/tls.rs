//! How the connection is encrypted: what the server offers, what the settings demand, and how
//! long the certificate is good.
//!
//! Nothing but the handshake is made here, so the certificate is looked at whoever signed it. That
//! it is good enough for `database.tls` is found out by logging in.

use std::sync::Arc;

use larder_pool::{TlsMode, TlsOptions};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::check::{Outcome, Verdict};
use super::network::{Place, Reached};

/// PostgreSQL's question whether there is TLS: its length, and a number that is no version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// From how many days before its end on a certificate is worth a warning.
const DAYS_LEFT: i64 = 14;

/// What a handshake shows.
struct Offer {
    /// The version and the cipher, such as `TLSv1.3 TLS_AES_256_GCM_SHA384`.
    agreed: String,
    /// When the certificate ends, in seconds since 1970; `None` where it cannot be read.
    not_after: Option<i64>,
}

/// Compares what the server offers with what is demanded.
pub(super) async fn check(options: &TlsOptions, reached: &Reached) -> Outcome {
    let (Place::Tcp { host, .. }, Some(address)) = (&reached.place, reached.address) else {
        return Verdict::skipped("a socket of this machine is not encrypted").into();
    };
    let is_local = address.ip().is_loopback();
    let demanded = name_of(options.mode);
    match offer(host, address).await {
        Ok(Some(offer)) => verdicts(&offer, options.mode, is_local).into(),
        Ok(None) if is_demanded(options.mode) => Outcome::missing(Verdict::failure(
            format!("the server offers no TLS, and database.tls is {demanded}"),
            "switch ssl on at the server, or lower database.tls where the network is trusted",
        )),
        Ok(None) if is_local => Verdict::ok(format!(
            "none: the server is on this machine, mode {demanded}"
        ))
        .into(),
        Ok(None) => Verdict::warning(
            "the server offers no TLS: passwords and data travel as they are",
            "switch ssl on at the server, and set database.tls to verify-full",
        )
        .into(),
        Err(error) => {
            let seen = format!("no handshake: {error}");
            let cure = "see whether it is a PostgreSQL that listens there, and which versions of \
                        TLS it takes (ssl_min_protocol_version)";
            match is_demanded(options.mode) {
                true => Outcome::missing(Verdict::failure(seen, cure)),
                false => Verdict::warning(seen, cure).into(),
            }
        }
    }
}

fn verdicts(offer: &Offer, mode: TlsMode, is_local: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let (agreed, demanded) = (&offer.agreed, name_of(mode));
    verdicts.push(match mode {
        TlsMode::VerifyFull | TlsMode::VerifyCa => Verdict::ok(format!(
            "{agreed}, mode {demanded}: the login proves the certificate"
        )),
        TlsMode::Disable if is_local => {
            Verdict::ok(format!("{agreed} is offered and not used, mode {demanded}"))
        }
        TlsMode::Disable => Verdict::warning(
            format!("{agreed} is offered and not used, mode {demanded}"),
            "set database.tls to verify-full",
        ),
        _ if is_local => Verdict::ok(format!(
            "{agreed}, certificate not verified, mode {demanded}"
        )),
        _ => Verdict::warning(
            format!("{agreed}, certificate not verified, mode {demanded}: somebody in between can pose as the server"),
            "set database.tls to verify-full, and database.tls_root_certificate to the authority where it is the provider's own",
        ),
    });
    verdicts.extend(expiry(offer.not_after, mode));
    verdicts
}

/// How long the certificate is good.
fn expiry(not_after: Option<i64>, mode: TlsMode) -> Option<Verdict> {
    let end = chrono::DateTime::from_timestamp(not_after?, 0)?;
    let left = end.signed_duration_since(chrono::Utc::now()).num_days();
    let date = end.format("%Y-%m-%d");
    const CURE: &str = "renew the certificate of the server";
    let is_over = end < chrono::Utc::now();
    let is_verified = matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
    Some(match (is_over, left) {
        (true, _) if is_verified => {
            Verdict::failure(format!("the certificate has expired on {date}"), CURE)
        }
        (true, _) => Verdict::warning(format!("the certificate has expired on {date}"), CURE),
        (false, left) if left < DAYS_LEFT => Verdict::warning(
            format!("the certificate expires on {date}, in {left} days"),
            CURE,
        ),
        (false, left) => Verdict::ok(format!("the certificate is good until {date}, {left} days")),
    })
}

fn is_demanded(mode: TlsMode) -> bool {
    !matches!(mode, TlsMode::Disable | TlsMode::Prefer)
}

fn name_of(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::Disable => "disable",
        TlsMode::Prefer => "prefer",
        TlsMode::Require => "require",
        TlsMode::VerifyCa => "verify-ca",
        TlsMode::VerifyFull => "verify-full",
    }
}

/// Asks for TLS and shakes hands; `None` if the server has none.
async fn offer(
    host: &str,
    address: std::net::SocketAddr,
) -> Result<Option<Offer>, Box<dyn std::error::Error + Send + Sync>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&SSL_REQUEST).await?;
    match stream.read_u8().await? {
        b'S' => {}
        b'N' => return Ok(None),
        _ => return Err("what listens there does not speak PostgreSQL's protocol".into()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Onlooker { provider }))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let (_, session) = stream.get_ref();
    let version = session.protocol_version();
    let version = version
        .and_then(|version| version.as_str())
        .unwrap_or("TLS");
    let cipher = session.negotiated_cipher_suite();
    let cipher = cipher.and_then(|suite| suite.suite().as_str());
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    // rustls writes TLSv1_3.
    let version = version.replace('_', ".");
    Ok(Some(Offer {
        agreed: format!(
            "{version} {}",
            cipher.unwrap_or_default().replace("TLS13_", "TLS_")
        )
        .trim_end()
        .to_owned(),
        not_after: certificate.and_then(end_of),
    }))
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<i64> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate.validity.not_after;
    i64::try_from(end.to_unix_duration().as_secs()).ok()
}

/// Takes every certificate, to look at it: nothing is sent over such a connection.
#[derive(Debug)]
struct Onlooker {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
