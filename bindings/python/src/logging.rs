//! What the core traces appears in Python's `logging`, under `memcore`.

use log::{LevelFilter, Log, Metadata, Record};
use pyo3::prelude::*;
use pyo3_log::{Caching, Logger};

use crate::runtime::Visit;

/// Hands records on while there is an interpreter to take them.
struct WhileOpen(Logger);

impl Log for WhileOpen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(_visit) = Visit::begin() {
            self.0.log(record);
        }
    }

    fn flush(&self) {}
}

/// Levels are Python's to choose at any time, so only loggers are cached; crates below speak up from warnings on.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let logger = Logger::new(py, Caching::Loggers)?
        .filter(LevelFilter::Warn)
        .filter_target("memcore".to_owned(), LevelFilter::Debug);
    // Another module of this process may have installed one; then records go there.
    if log::set_boxed_logger(Box::new(WhileOpen(logger))).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
    Ok(())
}
