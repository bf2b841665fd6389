//! The `memcore` command line: a thin layer over the runtime's handle.

use std::ffi::OsString;

/// Runs the command line with those arguments (the program's name first) and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let _ = args.into_iter().count();
    2
}
