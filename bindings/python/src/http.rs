//! A server with REST and the page around it.

use std::net::SocketAddr;
use std::sync::Arc;

use memcore::rest::HttpServer;
use memcore::{Config, Result, Server, ServerHandle};
use tokio::sync::Mutex;

/// HTTP of a server, until it is ended.
pub(crate) type Http = Arc<Mutex<Option<HttpServer>>>;

/// What is to be ended.
pub(crate) struct Running {
    http: Http,
    url: Option<String>,
    server: Server,
}

impl Running {
    /// Starts both; where HTTP cannot be, the server is ended too.
    pub(crate) async fn start(config: Config, http: bool) -> Result<Self> {
        let server = Box::pin(memcore::serve(config.clone())).await?;
        if !http {
            return Ok(Self { http: Http::default(), url: None, server });
        }
        match Box::pin(memcore::rest::serve(server.handle(), config)).await {
            Ok(http) => Ok(Self { url: Some(http.url()), http: Arc::new(Mutex::new(Some(http))), server }),
            Err(error) => {
                Box::pin(server.shutdown()).await?;
                Err(error)
            }
        }
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn http(&self) -> Http {
        self.http.clone()
    }

    pub(crate) fn url(&self) -> Option<String> {
        self.url.clone()
    }

    /// Ends who asks, then what is asked.
    pub(crate) async fn end(self) -> Result<()> {
        if let Some(http) = self.http.lock().await.take() {
            http.shutdown().await;
        }
        Box::pin(self.server.shutdown()).await
    }
}

/// The link by which the first admin is made, while there is no user.
pub(crate) async fn first_link(http: Http) -> Result<Option<String>> {
    match &*http.lock().await {
        Some(http) => http.first_link().await,
        None => Ok(None),
    }
}
