//! What the kernel says of a process: its CPU time, its memory. Nothing where there is no `/proc`.

use std::fs;
use std::time::Duration;

/// Clock ticks a second, as Linux tells them to programs on every architecture.
const TICKS: f64 = 100.0;

/// The CPU time that a process has used, user and system.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Fields 14 and 15; the program's name in field 2 may hold spaces, so count from its closing parenthesis.
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_secs_f64(ticks as f64 / TICKS))
}

/// The memory that a process has in use (RSS), in bytes.
pub(crate) fn memory(pid: u32) -> Option<u64> {
    kibibytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// What the kernel holds for all processes beside their own memory, in bytes: sockets are in it, and much else.
pub(crate) fn kernel_memory() -> Option<u64> {
    kibibytes("/proc/meminfo", "Slab:")
}

fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The memory that this process has in use (RSS), in bytes.
#[cfg(feature = "rest")]
pub(crate) fn memory_in_use() -> Option<u64> {
    memory(std::process::id())
}
