//! REST of a server: over HTTP with the page beside it, and asked by the program itself.

use std::sync::Arc;

use memcore::rest::{Api, Direct, HttpServer};
use memcore::{Config, Error, ErrorKind, Result, Server, ServerHandle};
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

/// A server with what is around it.
pub(crate) struct Running {
    around: Around,
    server: Server,
}

/// What is around a server, until it is ended. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Around(Arc<Inner>);

struct Inner {
    handle: ServerHandle,
    config: Config,
    url: Option<String>,
    http: Mutex<Option<HttpServer>>,
    direct: OnceCell<Direct>,
}

impl Running {
    /// Starts both; where HTTP cannot be, the server is ended too.
    pub(crate) async fn start(config: Config, with_http: bool) -> Result<Self> {
        let server = Box::pin(memcore::serve(config.clone())).await?;
        let handle = server.handle();
        let http = match with_http {
            false => None,
            true => match Box::pin(memcore::rest::serve(handle.clone(), config.clone())).await {
                Ok(http) => Some(http),
                Err(error) => {
                    Box::pin(server.shutdown()).await?;
                    return Err(error);
                }
            },
        };
        let url = http.as_ref().map(HttpServer::url);
        let inner = Inner { handle, config, url, http: Mutex::new(http), direct: OnceCell::new() };
        Ok(Self { around: Around(Arc::new(inner)), server })
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    pub(crate) fn around(&self) -> Around {
        self.around.clone()
    }

    /// Ends who asks, then what is asked.
    pub(crate) async fn end(self) -> Result<()> {
        if let Some(http) = self.around.0.http.lock().await.take() {
            http.shutdown().await;
        }
        Box::pin(self.server.shutdown()).await
    }
}

impl Around {
    pub(crate) fn url(&self) -> Option<String> {
        self.0.url.clone()
    }

    /// The link by which the first admin is made, while there is no user.
    pub(crate) async fn first_link(self) -> Result<Option<String>> {
        match &*self.0.http.lock().await {
            Some(http) => http.first_link().await,
            None => Ok(None),
        }
    }

    /// Asks a route; a body and the answer are JSON.
    pub(crate) async fn ask(self, by: String, method: String, target: String, body: Option<String>) -> Result<String> {
        let body: Option<Value> = body.as_deref().map(serde_json::from_str).transpose().map_err(not_json)?;
        let direct = self.0.direct.get_or_try_init(|| self.direct()).await?;
        Ok(direct.ask(&by, &method, &target, body.as_ref()).await?.to_string())
    }

    /// Over the API that HTTP serves, where it does: they share what was begun.
    async fn direct(&self) -> Result<Direct> {
        if let Some(http) = &*self.0.http.lock().await {
            return Ok(Direct::new(http.api()));
        }
        Ok(Direct::new(&Box::pin(Api::open(self.0.handle.clone(), self.0.config.clone())).await?))
    }
}

fn not_json(e: serde_json::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("body: {e}"))
}
