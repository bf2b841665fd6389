//! Compiles C for a test, with the sanitizers where the tool chain has them.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program made of that source, or none where there is no compiler or no OpenSSL; in CI, which installs both, that fails.
pub(crate) fn compiled(source: &Path, folder: &Path) -> Option<PathBuf> {
    let program = folder.join("program");
    let compile = |flags: &[&str]| {
        let mut command = Command::new("cc");
        command.args(["-std=c11", "-g", "-Wall", "-Wextra", "-Werror"]).args(flags).arg(source).arg("-o").arg(&program);
        command.args(["-lssl", "-lcrypto"]).output()
    };
    let sanitized = compile(&["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    if sanitized.is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    let why = match compile(&[]) {
        Ok(output) if output.status.success() => return Some(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(e) => format!("cc: {e}"),
    };
    let absent = why.starts_with("cc: ") || why.contains("openssl/") && why.contains("No such file");
    let message = format!("{} was not compiled; get it: apt-get install gcc libc6-dev libssl-dev\n{why}", source.display());
    assert!(absent && std::env::var_os("CI").is_none(), "{message}");
    eprintln!("skipped: {message}");
    None
}
