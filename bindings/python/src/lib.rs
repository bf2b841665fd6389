//! The native half of the Python package: translates the public face of memcore, decides nothing.

use pyo3::prelude::*;

/// The module `memcore._memcore`.
#[pymodule]
mod _memcore {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
