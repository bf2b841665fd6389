//! The native half of the Python package: translates the public face of memcore, decides nothing.
//!
//! The half in Python (`python/src/memcore`) has the names, defaults and types that users see; what crosses between the
//! two is plain: integers of microseconds, bytes, Arrow capsules, and JSON for descriptions.

mod bulk;
mod channel;
mod columns;
mod control;
mod control_simulation;
mod describe;
mod device;
mod doctor;
mod energy;
mod errors;
mod frame;
mod hem;
mod http;
mod lent;
mod live;
mod logging;
mod network;
mod owned;
mod plan;
mod question;
mod result;
mod runtime;
mod server;
mod simulation;
mod site;
mod site_model;
mod told;
mod walk;

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;

/// The module `memcore._memcore`.
#[pymodule]
mod _memcore {
    #[pymodule_export]
    use super::bulk::Bulk;
    #[pymodule_export]
    use super::control::Control;
    #[pymodule_export]
    use super::control_simulation::{SimulatedControl, simulate_control, simulate_scenario};
    #[pymodule_export]
    use super::device::Device;
    #[pymodule_export]
    use super::doctor::{Findings, examine, examine_file};
    #[pymodule_export]
    use super::energy::{Balance, at, buckets, convert, increase, increases, integrate, localize, mean_power, resample};
    #[pymodule_export]
    use super::hem::{HemBoard, HemEmulator, HemEndpoint};
    #[pymodule_export]
    use super::live::Feed;
    #[pymodule_export]
    use super::network::PowerNetwork;
    #[pymodule_export]
    use super::plan::{PlanAsset, PlanHorizon, PlanPlanner, PlanSite, Planned, plan_many};
    #[pymodule_export]
    use super::result::{Batch, Column, Stream, Table};
    #[pymodule_export]
    use super::runtime::leave;
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::simulation::Simulation;
    #[pymodule_export]
    use super::site::Site;
    #[pymodule_export]
    use super::site_model::ControlModel;
    #[pymodule_export]
    use super::walk::{Walking, clear_sky, forecast_from_past, forecast_score, method_score, walk};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        logging::install(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Makes the site in `site` from a backup; points and bytes.
    #[pyfunction]
    fn restore(py: Python<'_>, backup: PathBuf, site: PathBuf, tell: Option<Py<PyAny>>) -> PyResult<(u64, u64)> {
        let report = super::told::work_on_bytes(py, tell, move |tell| memcore::restore(&backup, &site, tell))?;
        Ok((report.points, report.bytes))
    }

    /// Runs the command line; the first argument is the program's name. Returns the exit status.
    #[pyfunction]
    fn cli_main(py: Python<'_>, args: Vec<OsString>) -> u8 {
        // SAFETY: the process is a command line from here on: Ctrl-C is the core's to see, not the interpreter's.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        py.detach(|| memcore::cli::run(args))
    }
}
