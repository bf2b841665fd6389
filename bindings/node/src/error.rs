//! Errors as Node gets them: `CODE|retry|message`, which the TypeScript layer turns into the error's class.
//!
//! A promise's rejection carries a message and nothing else, so all of it is in the message, from synchronous functions too.

use memcore::Retry;
use napi::Status;

/// The result of every native function.
pub(crate) type Result<T> = napi::Result<T>;

/// Puts code, retry advice and message into one text.
pub(crate) fn to_node(error: memcore::Error) -> napi::Error {
    let retry = match error.retry() {
        Retry::Never => "never",
        Retry::Safe => "safe",
        Retry::CheckFirst => "check_first",
    };
    napi::Error::new(Status::GenericFailure, format!("{}|{retry}|{}", error.code(), error.message()))
}

/// What Node gets of a result.
pub(crate) trait ToNode<T> {
    /// Translates the error.
    fn to_node(self) -> Result<T>;
}

impl<T> ToNode<T> for memcore::Result<T> {
    fn to_node(self) -> Result<T> {
        self.map_err(to_node)
    }
}

/// Runs work on the disk off the threads that serve the network, and off Node's.
pub(crate) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> memcore::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(memcore::Error::new(memcore::ErrorKind::Internal, format!("the work failed: {e}"))))
        .to_node()
}
