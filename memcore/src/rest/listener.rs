//! The HTTP server: a listening socket around the API.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::api::Api;
use crate::error::{Error, Result};
use crate::runtime::{Config, ServerHandle};

/// A running HTTP server.
#[derive(Debug)]
pub struct HttpServer {
    api: Api,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

/// Serves REST, live data and the page of a server that was started with that configuration.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) where the address is in use, and as the records.
pub async fn serve(server: ServerHandle, config: Config) -> Result<HttpServer> {
    let listen = config.http.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let api = Api::open(server, config).await?;
    let listener = TcpListener::bind(listen).await.map_err(|e| Error::io(format!("listen on {listen}"), e))?;
    let address = listener.local_addr().map_err(|e| Error::io("listen", e))?;
    let router = api.router();
    let serving = tokio::spawn(async move {
        let _ = axum::serve(listener, router.into_make_service()).await;
    });
    Ok(HttpServer { api, address, serving })
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
        format!("http://{}/", self.address)
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

    /// Stops: no new connections, answers under way ended, live views closed.
    pub async fn shutdown(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}
