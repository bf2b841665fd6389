//! The native half of the Python package: translates the public face of memcore, decides nothing.
//!
//! The half in Python (`python/src/memcore`) has the names, defaults and types that users see; what crosses between the
//! two is plain: integers of microseconds, bytes, Arrow capsules, and JSON for descriptions.

mod channel;
mod columns;
mod device;
mod errors;
mod live;
mod logging;
mod owned;
mod result;
mod runtime;
mod server;
mod simulation;
mod site;

use pyo3::prelude::*;

/// The module `memcore._memcore`.
#[pymodule]
mod _memcore {
    #[pymodule_export]
    use super::device::Device;
    #[pymodule_export]
    use super::live::Feed;
    #[pymodule_export]
    use super::result::{Column, Table};
    #[pymodule_export]
    use super::runtime::leave;
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::simulation::Simulation;
    #[pymodule_export]
    use super::site::Site;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        logging::install(module.py())?;
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
