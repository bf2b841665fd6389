//! The HTTP server: a listening socket around the API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::api::Api;
use super::connection::{self, Shared};
use super::hosts::Hosts;
use crate::error::{Error, Result};
use crate::runtime::{Config, ServerHandle};

/// How long a shutdown waits for connections: a little longer than each of them has.
const DRAIN_WITHIN: Duration = Duration::from_secs(7);
/// Between two tries to accept while the process has no descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// A running HTTP server.
#[derive(Debug)]
pub struct HttpServer {
    api: Api,
    address: SocketAddr,
    url: String,
    stop: watch::Sender<bool>,
    /// As many places as there may be connections.
    places: Arc<Semaphore>,
    most: u32,
    accepting: JoinHandle<()>,
}

/// Serves REST, live data and the page of a server that was started with that configuration. Where `http.listen` is `off` it takes a
/// free port of the loopback interface: who calls this wants it served.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) where the address is in use, and as the records.
///
/// ```
/// # async fn f() -> memcore::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let mut config = memcore::Config::at(folder.path().join("site"));
/// config.gateway.listen = "127.0.0.1:0".parse().unwrap();
/// config.http.listen = Some("127.0.0.1:0".parse().unwrap());
/// let server = memcore::serve(config.clone()).await?;
/// let http = memcore::rest::serve(server.handle(), config).await?;
/// assert!(http.url().starts_with("http://127.0.0.1:"));
/// assert!(http.first_link().await?.is_some());
/// http.shutdown().await;
/// server.shutdown().await
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(f()).unwrap();
/// ```
pub async fn serve(server: ServerHandle, config: Config) -> Result<HttpServer> {
    let listen = config.http.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let tls = if config.http.is_tls(listen) { Some(Arc::new(server.https_config()?)) } else { None };
    let api = Api::open(server, config.clone()).await?;
    let failed = |e| Error::io(format!("http.listen: listen on {listen}"), e);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = url(&config, address, tls.is_some());
    let hosts = Hosts::of(&config, address);
    let most = u32::try_from(config.http.connections).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
    let places = Arc::new(Semaphore::new(most as usize));
    let (stop, stopping) = watch::channel(false);
    let shared = Arc::new(Shared { router: api.router(), hosts, config: config.http, tls });
    let accepting = tokio::spawn(accept(listener, shared, places.clone(), stopping));
    tracing::info!(%address, %url, "serving HTTP");
    Ok(HttpServer { api, address, url, stop, places, most, accepting })
}

/// Takes connections until the server ends. One that finds no place is closed at once.
async fn accept(listener: TcpListener, shared: Arc<Shared>, places: Arc<Semaphore>, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, from)) => {
                if let Ok(place) = places.clone().try_acquire_owned() {
                    tokio::spawn(connection::serve(shared.clone(), stream, from, place, stop.clone()));
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Where a browser finds it, with a slash at the end.
fn url(config: &Config, address: SocketAddr, tls: bool) -> String {
    if let Some(public) = &config.http.public_url {
        return format!("{public}/");
    }
    let scheme = if tls { "https" } else { "http" };
    let host = match address.ip() {
        ip if ip.is_unspecified() => config.gateway.names.first().map_or("localhost", String::as_str),
        _ => return format!("{scheme}://{address}/"),
    };
    format!("{scheme}://{host}:{}/", address.port())
}

impl HttpServer {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a browser finds it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The link by which the first admin is made, while there is no user: shown once, good once.
    ///
    /// # Errors
    /// As the records.
    pub async fn first_link(&self) -> Result<Option<String>> {
        Ok(self.api.accounts().first_link().await?.map(|invited| invited.at(&self.url())))
    }

    /// What is served.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Stops: no new connections, live views told and closed, answers under way ended.
    pub async fn shutdown(self) {
        self.api.end_live_views();
        self.stop.send_replace(true);
        let _ = self.accepting.await;
        let _ = tokio::time::timeout(DRAIN_WITHIN, self.places.acquire_many(self.most)).await;
    }
}
