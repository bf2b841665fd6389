//! Relational records of a server: users, sessions, tokens, alarms, plans that were kept. SQLite in the site's folder by default,
//! PostgreSQL by configuration; one set of statements for both.
//!
//! Statements keep to what both understand: `$1` for parameters, `BIGINT` for instants in microseconds, `TEXT` for names and JSON,
//! `ON CONFLICT`, `RETURNING`. Every table is made by a migration in [`migrations`].

mod migrations;

use std::fmt::Write;
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyConnection, AnyPool, Executor, Transaction};

use crate::error::{Error, ErrorKind, Result};

/// Connections at a time. Full-policy: the next one waits.
const CONNECTIONS: u32 = 4;

/// How long one waits for a connection, or for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What each connection to a file of SQLite is told. Readers do not wait for who writes, and what is committed is on the disk.
const FILE_RULES: [&str; 4] =
    ["PRAGMA busy_timeout = 5000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"];

/// A pool of connections to the records. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Records {
    pool: AnyPool,
    kind: Kind,
}

/// What keeps the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Records {
    /// Opens the records of the site in that folder, or those at a `postgres://` address, and brings their tables up to date.
    /// Any number of processes may open the same records at once.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for an address that is none of PostgreSQL's, [`Io`](ErrorKind::Io) where the file cannot be
    /// written, [`Connection`](ErrorKind::Connection) where the database does not answer,
    /// [`Unsupported`](ErrorKind::Unsupported) for records of a newer memcore.
    pub async fn open(site: &Path, url: Option<&str>) -> Result<Self> {
        install_default_drivers();
        let (options, kind) = match url {
            Some(url) => (postgres(url)?, Kind::Postgres),
            None => (file_of(site)?, Kind::Sqlite),
        };
        let pool = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        let pool = pool.after_connect(move |connection, _| Box::pin(prepare(connection, kind)));
        let pool = pool.connect_with(options).await.map_err(failed)?;
        let records = Self { pool, kind };
        match migrations::apply(&records).await {
            Ok(()) => Ok(records),
            Err(e) => {
                records.close().await;
                Err(e)
            }
        }
    }

    /// The connections.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins what is to be written as a whole or not at all. In a file nobody else writes from here on, so that what is read
    /// first still holds when it is written; in PostgreSQL a row has to be locked for that.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>> {
        match self.kind {
            Kind::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed),
            Kind::Postgres => self.pool.begin().await.map_err(failed),
        }
    }

    /// Closes the connections, once what is under way has ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn prepare(connection: &mut AnyConnection, kind: Kind) -> sqlx::Result<()> {
    if kind == Kind::Sqlite {
        for rule in FILE_RULES {
            connection.execute(rule).await?;
        }
    }
    Ok(())
}

/// The site's own file, which only its owner can read: what SQLite puts beside it has the same permissions.
fn file_of(site: &Path) -> Result<AnyConnectOptions> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(site);
    made.map_err(|e| Error::io(format!("create {}", site.display()), e))?;
    let path = site.join("records.sqlite");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    file.map_err(|e| Error::io(format!("open {}", path.display()), e))?;
    let path = std::path::absolute(&path).map_err(|e| Error::io(format!("find {}", path.display()), e))?;
    let text = path.to_str().ok_or_else(|| Error::invalid(format!("path is {path:?}, expected a name in UTF-8")))?;
    let mut url = "sqlite://".to_owned();
    for byte in text.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => url.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(byte)),
            byte => drop(write!(url, "%{byte:02X}")),
        }
    }
    url.push_str("?mode=rw");
    url.parse().map_err(failed)
}

/// An address may hold a password: it is not repeated.
fn postgres(url: &str) -> Result<AnyConnectOptions> {
    let expected = "expected postgres://user:password@host/database";
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(Error::invalid(format!("records.url is no address of PostgreSQL, {expected}")));
    }
    url.parse().map_err(|_| Error::invalid(format!("records.url cannot be read, {expected}")))
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
