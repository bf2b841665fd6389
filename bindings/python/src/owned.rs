//! What belongs to the process that made it. After a fork the child neither uses it nor takes it down: its threads stayed
//! with the parent, and so did the lock on its files.

use std::sync::{Mutex, PoisonError};

use memcore::{Error, ErrorKind};
use pyo3::PyResult;

use crate::errors::{closed, raised};
use crate::runtime::drop_outside;

/// A value that can be taken out once, by the process that put it in.
pub(crate) struct Owned<T: Send> {
    value: Mutex<Option<T>>,
    process: u32,
    what: &'static str,
}

impl<T: Send> Owned<T> {
    pub(crate) fn new(what: &'static str, value: T) -> Self {
        Self { value: Mutex::new(Some(value)), process: std::process::id(), what }
    }

    /// A copy of the value, or of a handle to it.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> PyResult<R> {
        self.check_process()?;
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        value.as_ref().map(f).ok_or_else(|| closed(self.what))
    }

    /// The value, where nobody took it before.
    pub(crate) fn take(&self) -> PyResult<Option<T>> {
        self.check_process()?;
        Ok(self.value.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    fn check_process(&self) -> PyResult<()> {
        let here = std::process::id();
        if here == self.process {
            return Ok(());
        }
        let (what, process) = (self.what, self.process);
        let message = format!("the {what} belongs to process {process}, this is {here}: open it after the fork");
        Err(raised(Error::new(ErrorKind::Closed, message)))
    }
}

impl<T: Send> Drop for Owned<T> {
    fn drop(&mut self) {
        let value = self.value.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if std::process::id() == self.process {
            drop_outside(value);
        } else {
            std::mem::forget(value);
        }
    }
}
