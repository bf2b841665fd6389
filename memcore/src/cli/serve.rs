//! `memcore serve`.

use clap::Args;

use super::{Common, format, interrupted, live};
use crate::error::Result;
use crate::model::Pattern;
use crate::rest::HttpServer;
use crate::runtime::{Config, Server, ServerHandle, raise_descriptors};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The address to listen on [default: 0.0.0.0:23123]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where the page and the API listen; `off` for neither [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT|off")]
    http: Option<String>,
    /// Shows no readings
    #[arg(long, short)]
    quiet: bool,
    /// Which series to show, such as `home1.*.power`
    #[arg(long, value_name = "PATTERN", default_value = "*/>")]
    show: Pattern,
}

impl Serve {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config_with(self.listen.as_deref(), self.http.as_deref())?;
        let site = config.path.display().to_string();
        // Every connection is a descriptor.
        raise_descriptors();
        let interrupted = interrupted();
        let server = Server::start(config.clone()).await?;
        let handle = server.handle();
        let version = env!("CARGO_PKG_VERSION");
        format::note(&format!("memcore {version} listening on {} for site {site}", server.address()));
        let http = match page(&handle, config).await {
            Ok(http) => http,
            Err(e) => {
                server.shutdown().await?;
                return Err(e);
            }
        };
        let showing = async {
            if !self.quiet {
                live::follow(&handle, &self.show).await?;
            }
            // The reader of the readings has gone; the server goes on.
            std::future::pending::<Result<()>>().await
        };
        let ended = tokio::select! {
            signal = interrupted => signal,
            failed = showing => failed.map(|()| 0),
        };
        format::note("memcore: shutting down");
        if let Some(http) = http {
            http.shutdown().await;
        }
        server.shutdown().await?;
        // Being asked to end is how a server ends.
        ended.map(|_| 0)
    }
}

/// Opens the page, and says where it is; while there is no user yet, the link by which the first is made.
async fn page(handle: &ServerHandle, config: Config) -> Result<Option<HttpServer>> {
    if config.http.listen.is_none() {
        return Ok(None);
    }
    let http = Box::pin(crate::rest::serve(handle.clone(), config)).await?;
    format::note(&format!("memcore: page at {}", http.url()));
    if let Some(link) = http.first_link().await? {
        format::note(&format!("memcore: nobody can sign in yet: the first admin is made, once, at {link}"));
    }
    Ok(Some(http))
}
