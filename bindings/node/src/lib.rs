//! The native half of the Node package: translates the public face of memcore, decides nothing.

use napi_derive::napi;

/// The version of memcore.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Runs the command line; the first argument is the program's name. Returns the exit status.
#[napi(catch_unwind)]
pub fn cli_main(args: Vec<String>) -> i32 {
    if args.get(1).map(String::as_str) == Some("--version") {
        println!("memcore {}", env!("CARGO_PKG_VERSION"));
        return 0;
    }
    eprintln!("memcore: this build has no command line beyond --version");
    2
}
