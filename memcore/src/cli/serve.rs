//! `memcore serve`.

use clap::Args;

use super::{Common, format, interrupted, live};
use crate::error::Result;
use crate::model::Pattern;
use crate::runtime::{Server, raise_descriptors};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The address to listen on [default: 0.0.0.0:23123]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Shows no readings
    #[arg(long, short)]
    quiet: bool,
    /// Which series to show, such as `home1.*.power`
    #[arg(long, value_name = "PATTERN", default_value = "*/>")]
    show: Pattern,
}

impl Serve {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(self.listen.as_deref())?;
        let site = config.path.display().to_string();
        // Every connection is a descriptor.
        raise_descriptors();
        let interrupted = interrupted();
        let server = Server::start(config.clone()).await?;
        let http = crate::rest::serve(server.handle(), config).await?;
        format::note(&format!("memcore: page at {}", http.url()));
        let handle = server.handle();
        let version = env!("CARGO_PKG_VERSION");
        format::note(&format!("memcore {version} listening on {} for site {site}", server.address()));
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
        http.shutdown().await;
        server.shutdown().await?;
        // Being asked to end is how a server ends.
        ended.map(|_| 0)
    }
}
