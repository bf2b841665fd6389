//! Long work that says how far it is, and ends when the interpreter has had enough of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use memcore::{Error, ErrorKind, Progress, Result};
use pyo3::prelude::*;

use crate::bulk::told;
use crate::runtime::{enter, work};

/// Ends the work when nobody waits for it any more.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Does work that calls `tell` with rows, points, part and seconds. What it raises, Ctrl-C among it, ends the work.
pub(crate) fn work_told<T: Send + 'static>(
    py: Python<'_>,
    tell: Option<Py<PyAny>>,
    f: impl FnOnce(&mut dyn FnMut(&Progress) -> Result<()>) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let given_up = Waits(Arc::default());
    let raised: Arc<Mutex<Option<PyErr>>> = Arc::default();
    let (ends, raises) = (Arc::clone(&given_up.0), Arc::clone(&raised));
    let done = work(py, move || {
        let ended = || Error::new(ErrorKind::Closed, "the work was given up");
        f(&mut |progress| {
            if ends.load(Ordering::Acquire) {
                return Err(ended());
            }
            let Some(tell) = &tell else { return Ok(()) };
            match enter(|py| tell.call1(py, told(progress))) {
                Some(Ok(_)) => Ok(()),
                Some(Err(e)) => {
                    *raises.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
                    Err(ended())
                }
                None => Err(ended()),
            }
        })
    });
    let own = raised.lock().unwrap_or_else(PoisonError::into_inner).take();
    own.map_or(done, Err)
}

/// As [`work_told`], for work that says how many bytes of how many are done.
pub(crate) fn work_on_bytes<T: Send + 'static>(
    py: Python<'_>,
    tell: Option<Py<PyAny>>,
    f: impl FnOnce(&mut dyn FnMut(u64, u64) -> Result<()>) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let begun = std::time::Instant::now();
    work_told(py, tell, move |tell| f(&mut |done, total| tell(&Progress::of_bytes(done, total, begun))))
}
