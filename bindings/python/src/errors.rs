//! Errors of the core as the exceptions of `memcore._errors`.

use memcore::{Error, ErrorKind, Retry};
use pyo3::prelude::*;

/// The exception for an error of the core.
pub(crate) fn raised(error: Error) -> PyErr {
    let retry = match error.retry() {
        Retry::Never => "never",
        Retry::Safe => "safe",
        Retry::CheckFirst => "check_first",
    };
    let made = crate::runtime::enter(|py| {
        let exception = PyModule::import(py, "memcore._errors")?.getattr("error_from")?.call1((
            error.code(),
            retry,
            error.message(),
        ))?;
        Ok::<_, PyErr>(PyErr::from_value(exception))
    });
    match made {
        Some(Ok(exception)) => exception,
        Some(Err(failed)) => failed,
        None => pyo3::exceptions::PyRuntimeError::new_err("the interpreter is ending"),
    }
}

/// The exception for an argument that does not say what it must.
pub(crate) fn invalid(message: impl Into<String>) -> PyErr {
    raised(Error::invalid(message))
}

/// What was closed.
pub(crate) fn closed(what: &str) -> PyErr {
    raised(Error::new(ErrorKind::Closed, format!("the {what} was closed")))
}

/// JSON of a value of the core, for `json.loads`.
pub(crate) fn json(value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|e| raised(Error::new(ErrorKind::Internal, format!("no JSON: {e}"))))
}
