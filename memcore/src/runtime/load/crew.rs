//! The processes in which the devices of a load live.

use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};

use tokio::sync::mpsc;

use super::crowd::{Done, Order, Plan};
use super::stage::command;
use super::worker::Said;
use super::{LoadOptions, LoadProgress};
use crate::error::{Error, ErrorKind, Result};

/// Descriptors that a process needs beside its connections.
const BESIDE: usize = 200;

/// All devices of a load.
pub(super) struct Crew {
    workers: Vec<Worker>,
    /// What the workers say, each with its number.
    heard: mpsc::Receiver<(usize, Option<Said>)>,
}

struct Worker {
    child: Child,
    orders: ChildStdin,
    members: usize,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Crew {
    /// Starts the processes and tells each its part of the plan.
    pub(super) fn gather(options: &LoadOptions, plan: Plan) -> Result<Self> {
        let most = crate::runtime::descriptors::raise().map_or(usize::MAX, |most| most.saturating_sub(BESIDE).max(1));
        let processes = options.processes.unwrap_or_else(|| plan.members.len().div_ceil(most));
        let each = plan.members.len().div_ceil(processes);
        if each > most {
            let message = format!("processes is {processes}, expected more: one may have {most} connections open");
            return Err(Error::invalid(message));
        }
        // Bounded: a worker says a few words a second.
        let (saying, heard) = mpsc::channel(64);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pinned = options.pin.then(|| if cores > 1 { format!("1-{}", cores - 1) } else { "0".to_owned() });
        let mut workers = Vec::new();
        for (number, members) in plan.members.chunks(each).enumerate() {
            let part = Plan { members: members.to_vec(), ..plan.clone() };
            workers.push(Worker::start(options, pinned.as_deref(), number, &part, saying.clone())?);
        }
        Ok(Self { workers, heard })
    }

    pub(super) fn processes(&self) -> usize {
        self.workers.len()
    }

    /// Everyone obeys; what came of it, all processes together.
    pub(super) async fn obey(
        &mut self,
        order: Order,
        phase: &'static str,
        on_progress: &mut impl FnMut(LoadProgress),
    ) -> Result<Done> {
        for worker in &mut self.workers {
            worker.tell(&order)?;
        }
        let of = self.workers.iter().map(|worker| worker.members).sum();
        let (mut done, mut parts) = (Done::default(), vec![(0, 0); self.workers.len()]);
        let mut missing = self.workers.len();
        while missing > 0 {
            let (number, said) = self.heard.recv().await.ok_or_else(gone)?;
            match said {
                Some(Said::Progress { devices, rows }) => parts[number] = (devices, rows),
                Some(Said::Done(part)) => {
                    parts[number].0 = self.workers[number].members;
                    done.add(*part);
                    missing -= 1;
                }
                Some(Said::Failed(message)) => return Err(Error::new(ErrorKind::Connection, message)),
                None => return Err(gone()),
            }
            let rows = parts.iter().map(|(_, rows)| rows).sum();
            on_progress(LoadProgress { phase, done: parts.iter().map(|(devices, _)| devices).sum(), of, rows });
        }
        Ok(done)
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Connection, "a process with devices of the load has ended")
}

impl Worker {
    fn start(
        options: &LoadOptions,
        cores: Option<&str>,
        number: usize,
        plan: &Plan,
        saying: mpsc::Sender<(usize, Option<Said>)>,
    ) -> Result<Self> {
        let mut command = command(&options.program, cores);
        command.args(["bench-link", "--worker"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| Error::io("start a process for devices", e))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else { return Err(gone()) };
        std::thread::spawn(move || {
            let lines = std::io::BufRead::lines(std::io::BufReader::new(answers));
            for line in lines.map_while(std::io::Result::ok) {
                let said = serde_json::from_str(&line).unwrap_or(Said::Failed(line));
                if saying.blocking_send((number, Some(said))).is_err() {
                    return;
                }
            }
            let _ = saying.blocking_send((number, None));
        });
        let mut worker = Self { child, orders, members: plan.members.len() };
        worker.tell(plan)?;
        Ok(worker)
    }

    fn tell(&mut self, what: &impl serde::Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(what).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        line.push(b'\n');
        let told = self.orders.write_all(&line).and_then(|()| self.orders.flush());
        told.map_err(|e| Error::io("tell a process of the load what to do", e))
    }
}
