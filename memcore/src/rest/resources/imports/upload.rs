//! A file as it is received: into the site's folder, for nobody else to read, and gone when the import has ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use super::job::Job;
use crate::error::{Error, Result};
use crate::rest::problem::Problem;

/// A client that sends nothing for so long is gone.
const SILENT_WITHIN: Duration = Duration::from_secs(60);

/// A file that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Received(PathBuf);

impl Received {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(file = %self.0.display(), %error, "a file that was taken in cannot be removed");
        }
    }
}

pub(super) fn too_large(most: u64) -> Problem {
    let detail = format!("the file has more than {most} bytes, the most that http.import_bytes allows");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_REACHED", detail)
}

/// Receives the body of a request, at most so many bytes of it.
pub(super) async fn receive(
    cleared: &OnceCell<()>,
    folder: &Path,
    job: &Job,
    body: Body,
    most: u64,
) -> Result<Received, Problem> {
    let own = folder.to_owned();
    let clear = || async { tokio::task::spawn_blocking(move || clear(&own)).await.unwrap_or(Ok(())) };
    cleared.get_or_try_init(clear).await?;
    let path = folder.join(format!("{}.part", job.id()));
    let file = create(&path).await.map_err(|e| failed(&path, e))?;
    let received = Received(path);
    let mut file = tokio::io::BufWriter::with_capacity(256 << 10, file);
    let (mut body, mut bytes) = (body.into_data_stream(), 0);
    loop {
        let next = tokio::time::timeout(SILENT_WITHIN, body.next()).await;
        let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", "nothing of the file came for 60 s");
        let Some(piece) = next.map_err(late)? else { break };
        let piece = piece.map_err(|e| Problem::invalid("body", format!("the body broke off: {e}")))?;
        bytes += piece.len() as u64;
        if bytes > most {
            return Err(too_large(most));
        }
        if !job.received(piece.len()) {
            return Err(Problem::new(StatusCode::CONFLICT, "CONFLICT", "the import was cancelled"));
        }
        file.write_all(&piece).await.map_err(|e| failed(received.path(), e))?;
    }
    file.flush().await.map_err(|e| failed(received.path(), e))?;
    if bytes == 0 {
        return Err(Problem::invalid("body", "the body is empty, expected a file"));
    }
    Ok(received)
}

async fn create(path: &Path) -> std::io::Result<tokio::fs::File> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await
}

fn failed(path: &Path, e: std::io::Error) -> Problem {
    let full = e.kind() == std::io::ErrorKind::StorageFull;
    tracing::warn!(file = %path.display(), error = %e, "a file cannot be taken in");
    let status = if full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR };
    Problem::new(status, "IO", format!("the file cannot be kept: {e}"))
}

/// An empty folder: what an earlier server left is removed.
fn clear(folder: &Path) -> Result<()> {
    let doing = |e| Error::io(format!("make {}", folder.display()), e);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(doing)?;
    for entry in std::fs::read_dir(folder).map_err(doing)? {
        let path = entry.map_err(doing)?.path();
        if path.extension().is_some_and(|ending| ending == "part") {
            std::fs::remove_file(path).map_err(doing)?;
        }
    }
    Ok(())
}
