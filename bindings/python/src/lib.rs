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

    /// Runs the command line; the first argument is the program's name. Returns the exit status.
    #[pyfunction]
    fn cli_main(args: Vec<String>) -> i32 {
        if args.get(1).map(String::as_str) == Some("--version") {
            println!("memcore {}", env!("CARGO_PKG_VERSION"));
            return 0;
        }
        eprintln!("memcore: this build has no command line beyond --version");
        2
    }
}
