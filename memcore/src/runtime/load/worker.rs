//! A process with devices of a load: reads its plan and then orders, one JSON line each, and says what came of them.

use std::io::{BufRead, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::crowd::{Crowd, Done, Order, Plan};
use crate::error::{Error, ErrorKind, Result};

/// How often it says how far it is.
const EVERY: Duration = Duration::from_millis(200);

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    Progress { devices: usize, rows: u64 },
    Done(Box<Done>),
    Failed(String),
}

/// Runs the devices that the standard input describes, until it ends: the other half of [`run_load`](super::run_load).
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) where the standard input holds no plan.
pub async fn run_load_worker() -> Result<()> {
    crate::runtime::descriptors::raise();
    let mut lines = lines();
    let Some(plan) = lines.recv().await else { return Ok(()) };
    let plan: Plan = serde_json::from_str(&plan).map_err(|e| Error::invalid(format!("no plan of a load: {e}")))?;
    let mut crowd = match Crowd::gather(plan) {
        Ok(crowd) => crowd,
        Err(e) => return say(&Said::Failed(e.to_string())),
    };
    while let Some(line) = lines.recv().await {
        let order: Order = serde_json::from_str(&line).map_err(|e| Error::invalid(format!("no order of a load: {e}")))?;
        let progress = crowd.progress();
        let mut obeying = std::pin::pin!(crowd.obey(order));
        let done = loop {
            tokio::select! {
                done = &mut obeying => break done?,
                () = tokio::time::sleep(EVERY) => {
                    let (devices, rows) = progress();
                    say(&Said::Progress { devices, rows })?;
                }
            }
        };
        say(&Said::Done(Box::new(done)))?;
        if order == Order::Leave {
            break;
        }
    }
    Ok(())
}

/// The lines of the standard input, read by a thread of their own: it may wait for ever.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::io::Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn say(said: &Said) -> Result<()> {
    let mut line = serde_json::to_vec(said).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(|e| Error::io("write to the standard output", e))
}
