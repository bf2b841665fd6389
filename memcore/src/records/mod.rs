//! Relational records of a server: users, sessions, tokens, alarms, plans that were kept. SQLite in the site's folder by default,
//! PostgreSQL by configuration; one set of statements for both.
//!
//! Statements keep to what both understand: `$1` for parameters, `BIGINT` for instants in microseconds, `TEXT` for names and JSON,
//! `ON CONFLICT`, `RETURNING`. Every table is made by a migration in [`migrations`].

mod migrations;

use std::path::Path;

use sqlx::AnyPool;
use sqlx::any::{AnyPoolOptions, install_default_drivers};

use crate::error::{Error, ErrorKind, Result};

/// Connections at a time. Full-policy: the next one waits.
const CONNECTIONS: u32 = 4;

/// A pool of connections to the records. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Records {
    pool: AnyPool,
}

impl Records {
    /// Opens the records of the site in that folder, or those at a `postgres://` address, and brings their tables up to date.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the file cannot be written, [`Connection`](ErrorKind::Connection) where the database does not
    /// answer, [`Unsupported`](ErrorKind::Unsupported) for records of a newer memcore.
    pub async fn open(site: &Path, url: Option<&str>) -> Result<Self> {
        install_default_drivers();
        let own = format!("sqlite://{}?mode=rwc", site.join("records.sqlite").display());
        let url = url.unwrap_or(&own);
        let pool = AnyPoolOptions::new().max_connections(CONNECTIONS).connect(url).await.map_err(failed)?;
        let records = Self { pool };
        migrations::apply(&records).await?;
        Ok(records)
    }

    /// The connections.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Closes the connections, once what is under way has ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// What a database refused, as an error of ours.
pub(crate) fn failed(e: sqlx::Error) -> Error {
    let kind = match &e {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => ErrorKind::Connection,
        sqlx::Error::PoolClosed => ErrorKind::Closed,
        sqlx::Error::Database(database) if database.is_unique_violation() => ErrorKind::Conflict,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("records: {e}")).caused_by(e)
}
