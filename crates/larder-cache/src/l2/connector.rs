//! How connections are made: to one server, to the master that Sentinels name, to a Cluster.

use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::{ClusterClient, ClusterClientBuilder};
use ::redis::cluster_async::ClusterConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisFuture, RedisResult,
    Value,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::error::RedisError;
use super::options::{RedisOptions, RedisServer};

/// How long a request to one server of a Cluster is followed up, after its caller went on.
const CLUSTER_RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Makes connections.
pub(super) struct Connector {
    place: Place,
    connect_timeout: Duration,
}

enum Place {
    Single(ConnectionInfo),
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        service: String,
        settings: Settings,
    },
    Cluster {
        nodes: Vec<ConnectionInfo>,
    },
}

/// What a URL says beside the host.
#[derive(Clone, Default)]
struct Settings {
    redis: RedisConnectionInfo,
    tls: bool,
}

/// A connection for commands. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

impl Connector {
    /// Checks the options.
    pub(super) fn new(options: &RedisOptions) -> Result<Self, RedisError> {
        let place = match &options.server {
            RedisServer::Single { url } => Place::Single(read_url(url)?),
            RedisServer::Sentinel {
                hosts,
                service,
                url,
            } => {
                let settings = Settings::of(url.as_ref())?;
                // A Sentinel has no databases.
                let settings_of_sentinels = Settings {
                    redis: settings.redis.clone().set_db(0),
                    ..settings.clone()
                };
                Place::Sentinel {
                    sentinels: settings_of_sentinels.at_each(hosts, "Sentinel")?,
                    service: service.clone(),
                    settings,
                }
            }
            RedisServer::Cluster { hosts, url } => Place::Cluster {
                nodes: Settings::of(url.as_ref())?.at_each(hosts, "server of the Cluster")?,
            },
        };
        let connector = Self {
            place,
            connect_timeout: options.connect_timeout,
        };
        if connector.uses_tls() && rustls::crypto::CryptoProvider::get_default().is_none() {
            // Otherwise a program with a second provider would panic at the first connection.
            // Fails if another thread was faster, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(connector)
    }

    fn uses_tls(&self) -> bool {
        let tls = |info: &ConnectionInfo| matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        match &self.place {
            Place::Single(info) => tls(info),
            Place::Sentinel { settings, .. } => settings.tls,
            Place::Cluster { nodes } => nodes.iter().any(tls),
        }
    }

    /// Whether it is a Cluster: keys of one pipeline may then be on different servers.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.place, Place::Cluster { .. })
    }

    /// Where it connects to, without passwords.
    pub(super) fn describe(&self) -> String {
        let list = |infos: &[ConnectionInfo]| {
            let addresses: Vec<String> = infos.iter().map(|one| one.addr().to_string()).collect();
            addresses.join(", ")
        };
        match &self.place {
            Place::Single(info) => info.addr().to_string(),
            Place::Sentinel {
                sentinels, service, ..
            } => format!("{service} of the sentinels {}", list(sentinels)),
            Place::Cluster { nodes } => format!("the cluster of {}", list(nodes)),
        }
    }

    /// A connection for commands, with RESP3, or with RESP2 where RESP3 is not known.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        match self.connect_with(ProtocolVersion::RESP3).await {
            Err(error) if refuses_resp3(&error) => self.connect_with(ProtocolVersion::RESP2).await,
            connected => connected,
        }
    }

    async fn connect_with(&self, protocol: ProtocolVersion) -> RedisResult<Connection> {
        if let Place::Cluster { nodes } = &self.place {
            let client = self.cluster_client(nodes, protocol)?;
            return client.get_async_connection().await.map(Connection::Cluster);
        }
        let info = self.server().await?;
        let connection = self.connect_to(&info, protocol).await?;
        Ok(Connection::Single(connection))
    }

    /// A client of a server at which hints are heard. The servers of a Cluster pass them on.
    pub(super) async fn listening_client(&self) -> RedisResult<Client> {
        let info = match &self.place {
            Place::Cluster { nodes } => match fastrand::choice(nodes) {
                Some(node) => node.clone(),
                None => return Err((ErrorKind::InvalidClientConfig, "no host is named").into()),
            },
            _ => self.server().await?,
        };
        // Whatever speaks only RESP2 can do this too.
        Client::open(with_protocol(&info, ProtocolVersion::RESP2))
    }

    fn cluster_client(
        &self,
        nodes: &[ConnectionInfo],
        protocol: ProtocolVersion,
    ) -> RedisResult<ClusterClient> {
        let nodes = nodes.iter().map(|node| with_protocol(node, protocol));
        ClusterClientBuilder::new(nodes)
            .use_protocol(protocol)
            .connection_timeout(self.connect_timeout)
            .response_timeout(CLUSTER_RESPONSE_TIMEOUT)
            .retries(2)
            .build()
    }

    async fn connect_to(
        &self,
        info: &ConnectionInfo,
        protocol: ProtocolVersion,
    ) -> RedisResult<MultiplexedConnection> {
        // Deadlines are ours.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(1_024);
        Client::open(with_protocol(info, protocol))?
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// The server to connect to: the one, or the master that the first Sentinel names that
    /// answers.
    async fn server(&self) -> RedisResult<ConnectionInfo> {
        match &self.place {
            Place::Single(info) => Ok(info.clone()),
            Place::Cluster { nodes } => match nodes.first() {
                Some(node) => Ok(node.clone()),
                None => Err((ErrorKind::InvalidClientConfig, "no host is named").into()),
            },
            Place::Sentinel {
                sentinels,
                service,
                settings,
            } => {
                let mut last = (ErrorKind::EmptySentinelList, "no sentinel is named").into();
                for sentinel in sentinels {
                    match self.ask_sentinel(sentinel, service).await {
                        Ok((host, port)) => return settings.at(&host, port),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    async fn ask_sentinel(
        &self,
        sentinel: &ConnectionInfo,
        service: &str,
    ) -> RedisResult<(String, u16)> {
        // Most Sentinels ask for no password, and refuse one.
        let unnamed = RedisConnectionInfo::default();
        let without = sentinel.clone().set_redis_settings(unnamed);
        let asked = match self.ask_this_sentinel(&without, service).await {
            Err(error) if error.code() == Some("NOAUTH") => {
                self.ask_this_sentinel(sentinel, service).await
            }
            asked => asked,
        };
        asked?.ok_or_else(|| {
            let text = "no sentinel knows the master";
            (
                ErrorKind::MasterNameNotFoundBySentinel,
                text,
                service.to_owned(),
            )
                .into()
        })
    }

    async fn ask_this_sentinel(
        &self,
        sentinel: &ConnectionInfo,
        service: &str,
    ) -> RedisResult<Option<(String, u16)>> {
        let ask = async {
            let mut connection = self.connect_to(sentinel, ProtocolVersion::RESP2).await?;
            let mut command = ::redis::cmd("SENTINEL");
            command.arg("get-master-addr-by-name").arg(service);
            command.query_async(&mut connection).await
        };
        // Several of them may have to be asked in the time that there is.
        match timeout(self.connect_timeout / 3, ask).await {
            Ok(asked) => asked,
            Err(_) => Err((ErrorKind::Io, "a sentinel did not answer").into()),
        }
    }
}

fn refuses_resp3(error: &::redis::RedisError) -> bool {
    // Servers put the name of the command between different quotes.
    let text = error.to_string();
    error.kind() == ErrorKind::RESP3NotSupported
        || error.code() == Some("NOPROTO")
        || text.contains("unknown command") && text.contains("HELLO")
}

fn with_protocol(info: &ConnectionInfo, protocol: ProtocolVersion) -> ConnectionInfo {
    let redis = info.redis_settings().clone().set_protocol(protocol);
    info.clone().set_redis_settings(redis)
}

fn read_url(url: &SecretString) -> Result<ConnectionInfo, RedisError> {
    let info = url.expose_secret().into_connection_info();
    info.map_err(|_| RedisError::InvalidUrl)
}

impl Settings {
    fn of(url: Option<&SecretString>) -> Result<Self, RedisError> {
        let Some(url) = url else {
            return Ok(Self::default());
        };
        let info = read_url(url)?;
        Ok(Self {
            redis: info.redis_settings().clone(),
            tls: matches!(info.addr(), ConnectionAddr::TcpTls { .. }),
        })
    }

    fn at(&self, host: &str, port: u16) -> RedisResult<ConnectionInfo> {
        let host = host.to_owned();
        let address = if self.tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info = address.into_connection_info()?;
        Ok(info.set_redis_settings(self.redis.clone()))
    }

    fn at_each(
        &self,
        hosts: &[(String, u16)],
        of: &'static str,
    ) -> Result<Vec<ConnectionInfo>, RedisError> {
        if hosts.is_empty() {
            return Err(RedisError::NoHosts { of });
        }
        let infos = hosts.iter().map(|(host, port)| self.at(host, *port));
        let infos: RedisResult<_> = infos.collect();
        infos.map_err(|_| RedisError::InvalidUrl)
    }
}
