//! The `memcore` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(memcore::cli::run(std::env::args_os()))
}
