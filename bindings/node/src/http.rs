//! The page and REST of a server: on a port of their own, or mounted into an application of the program.

use memcore::rest::{Api, Direct, HttpServer};
use memcore::{Config, Error, ErrorKind, Server};
use napi_derive::napi;

use crate::error::{Result, ToNode, to_node};
use crate::router::NativeRouter;
use crate::server::NativeServer;

/// What is to be ended.
pub(crate) struct Running {
    pub(crate) http: Option<HttpServer>,
    pub(crate) server: Server,
}

impl Running {
    /// A server with HTTP around it; where that cannot be, the server is ended too.
    pub(crate) async fn with_http(server: Server, config: Config) -> Result<Self> {
        match Box::pin(memcore::rest::serve(server.handle(), config)).await {
            Ok(http) => Ok(Self { http: Some(http), server }),
            Err(error) => {
                Box::pin(server.shutdown()).await.to_node()?;
                Err(to_node(error))
            }
        }
    }

    /// Ends who asks, then what is asked.
    pub(crate) async fn end(self, mounted: Option<&Api>) -> memcore::Result<()> {
        if let Some(api) = mounted {
            api.end_live_views();
        }
        if let Some(http) = self.http {
            http.shutdown().await;
        }
        Box::pin(self.server.shutdown()).await
    }
}

#[napi]
impl NativeServer {
    /// Where a browser finds the page, where HTTP is served.
    #[napi(getter, catch_unwind)]
    pub fn http_url(&self) -> Option<String> {
        self.url.clone()
    }

    /// The link by which the first admin is made, while there is no user.
    #[napi]
    pub async fn first_link(&self) -> Result<Option<String>> {
        match self.running.lock().await.as_ref() {
            Some(Running { http: Some(http), .. }) => http.first_link().await.to_node(),
            Some(_) => Ok(None),
            None => Err(to_node(Error::new(ErrorKind::Closed, "the server was closed"))),
        }
    }

    /// The API and the page, for requests of the program's own application.
    #[napi]
    pub async fn router(&self) -> Result<NativeRouter> {
        Ok(NativeRouter { router: self.api().await?.router(), closed: self.closed.subscribe() })
    }

    /// Asks a route of REST; a body and the answer are JSON.
    #[napi]
    pub async fn ask(&self, by: String, method: String, target: String, body: Option<String>) -> Result<String> {
        let body: Option<serde_json::Value> = body.as_deref().map(serde_json::from_str).transpose()?;
        let api = self.api().await?;
        let direct = self.direct.get_or_init(|| async { Direct::new(&api) }).await;
        Ok(direct.ask(&by, &method, &target, body.as_ref()).await.to_node()?.to_string())
    }

    /// One for HTTP, for every router and for the program itself: they share what was begun.
    async fn api(&self) -> Result<Api> {
        match self.running.lock().await.as_ref() {
            Some(Running { http: Some(http), .. }) => Ok(http.api().clone()),
            Some(_) => {
                let open = || Box::pin(Api::open(self.handle.clone(), self.config.clone()));
                self.api.get_or_try_init(open).await.cloned().to_node()
            }
            None => Err(to_node(Error::new(ErrorKind::Closed, "the server was closed"))),
        }
    }
}
