//! Many devices in one process, which do the same at the same time: arrive, send, are cut off, leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::peer::{Arrival, Fleet, Peer, Sending, WINDOW_ROWS};
use super::rows::{Messages, channels};
use crate::client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::DeviceName;
use crate::protocol::{Bundle, Encoding};
use crate::runtime::process::cpu_time;

/// What a crowd is to be: everything that a process of its own needs to know. It holds secrets: it travels through pipes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Without a word: connections that send nothing at all.
    pub(super) silent: bool,
    pub(super) resume: bool,
    pub(super) cbor: bool,
    pub(super) rate: Option<f64>,
    pub(super) rows: usize,
    pub(super) channels: usize,
    pub(super) length_us: u64,
    pub(super) patience_us: u64,
    pub(super) server: String,
    pub(super) ca_pem: String,
    /// How many devices there are in all processes.
    pub(super) of: usize,
    pub(super) members: Vec<(DeviceName, Option<String>)>,
}

/// What a crowd, or a part of it, has done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Done {
    /// From the order to the last report.
    pub(super) seconds: f64,
    /// What the process has used meanwhile.
    pub(super) cpu_seconds: f64,
    /// Devices that did it.
    pub(super) devices: usize,
    pub(super) failed: usize,
    pub(super) failure: Option<String>,
    pub(super) arrived_ms: Vec<f32>,
    pub(super) handshake_ms: Vec<f32>,
    pub(super) attempts: u64,
    pub(super) refused: u64,
    pub(super) resumed: usize,
    pub(super) rows: u64,
    pub(super) unacknowledged: u64,
    pub(super) rejected: u64,
    pub(super) ack_ms: Vec<f32>,
}

impl Done {
    /// Takes in what another part has done at the same time.
    pub(super) fn add(&mut self, other: Self) {
        self.seconds = self.seconds.max(other.seconds);
        self.cpu_seconds += other.cpu_seconds;
        self.devices += other.devices;
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
        self.arrived_ms.extend(other.arrived_ms);
        self.handshake_ms.extend(other.handshake_ms);
        self.attempts += other.attempts;
        self.refused += other.refused;
        self.resumed += other.resumed;
        self.rows += other.rows;
        self.unacknowledged += other.unacknowledged;
        self.rejected += other.rejected;
        self.ack_ms.extend(other.ack_ms);
    }

    fn arrived(&mut self, arrival: Arrival) {
        self.arrived_ms.push(arrival.total.as_secs_f32() * 1e3);
        self.handshake_ms.push(arrival.handshake.as_secs_f32() * 1e3);
        self.attempts += u64::from(arrival.attempts);
        self.refused += u64::from(arrival.refused);
        self.resumed += usize::from(arrival.resumed);
    }

    fn sent(&mut self, sending: Sending) {
        self.rows += sending.rows;
        self.unacknowledged += sending.unacknowledged;
        self.rejected += sending.rejected;
        self.ack_ms.extend(sending.acks);
    }
}

/// What all devices do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Connect and be welcomed.
    Arrive,
    /// Send, until everything is acknowledged.
    Send,
    /// Hang up without a word.
    Cut,
    /// Take leave; the end.
    Leave,
}

type Report = std::result::Result<Outcome, String>;

enum Outcome {
    Arrived(Arrival),
    Sent(Sending),
    Obeyed,
}

/// The devices of one process.
pub(super) struct Crowd {
    orders: watch::Sender<Option<Order>>,
    reports: mpsc::UnboundedReceiver<Report>,
    fleet: Option<Arc<Fleet>>,
    members: usize,
    reported: Arc<AtomicUsize>,
}

impl Crowd {
    /// A crowd whose devices wait for their first order.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the plan's server or CA is none.
    pub(super) fn gather(plan: Plan) -> Result<Self> {
        let (orders, listening) = watch::channel(None);
        // As many reports as devices, and none before the next order.
        let (reporting, reports) = mpsc::unbounded_channel();
        let (members, reported) = (plan.members.len(), Arc::new(AtomicUsize::new(0)));
        if plan.silent {
            for _ in 0..members {
                tokio::spawn(silent(plan.server.clone(), listening.clone(), reporting.clone()));
            }
            return Ok(Self { orders, reports, fleet: None, members, reported });
        }
        let (device, credential) = plan.members.first().cloned().ok_or_else(|| Error::invalid("a load without devices"))?;
        let bundle = Bundle {
            device,
            server: plan.server.clone(),
            ca_pem: plan.ca_pem,
            credential,
            certificate_pem: None,
            key_pem: None,
        };
        let encoding = if plan.cbor { Encoding::Cbor } else { Encoding::JsonLines };
        let mut tls = (*client::client_config(&bundle, encoding)?).clone();
        tls.resumption = Resumption::disabled();
        let fleet = Arc::new(Fleet {
            server_name: client::server_name(&bundle)?,
            address: plan.server,
            encoding,
            messages: Messages::new(encoding, channels(plan.channels)?, plan.rows),
            rate: plan.rate,
            length: Duration::from_micros(plan.length_us),
            window: (WINDOW_ROWS / plan.of as u64).max(4 * plan.rows as u64),
            patience: Duration::from_micros(plan.patience_us),
            durable: AtomicU64::new(0),
        });
        let shared = Arc::new(tls);
        for (device, credential) in plan.members {
            let tls = match plan.resume {
                false => shared.clone(),
                // Each keeps its own tickets, as devices do.
                true => {
                    let mut own = (*shared).clone();
                    own.resumption = Resumption::in_memory_sessions(2);
                    Arc::new(own)
                }
            };
            let boot = client::new_boot()?;
            let peer = Peer { fleet: fleet.clone(), device, credential, tls, boot, sequence: 0, connection: None };
            tokio::spawn(live(peer, listening.clone(), reporting.clone()));
        }
        Ok(Self { orders, reports, fleet: Some(fleet), members, reported })
    }

    /// How many devices have reported, and how many rows are durable.
    pub(super) fn progress(&self) -> impl Fn() -> (usize, u64) + Send + use<> {
        let (reported, fleet) = (self.reported.clone(), self.fleet.clone());
        move || {
            let durable = fleet.as_ref().map_or(0, |fleet| fleet.durable.load(Ordering::Relaxed));
            (reported.load(Ordering::Relaxed), durable)
        }
    }

    /// Everyone obeys; what came of it.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) where a device's task has died.
    pub(super) async fn obey(&mut self, order: Order) -> Result<Done> {
        let (begun, cpu) = (Instant::now(), cpu_time(std::process::id()).unwrap_or_default());
        let mut done = Done::default();
        self.reported.store(0, Ordering::Relaxed);
        self.orders.send_replace(Some(order));
        for _ in 0..self.members {
            let report = self.reports.recv().await;
            self.reported.fetch_add(1, Ordering::Relaxed);
            match report.ok_or_else(|| Error::new(ErrorKind::Internal, "the devices of the load have gone"))? {
                Err(failure) => {
                    done.failed += 1;
                    done.failure.get_or_insert(failure);
                    continue;
                }
                Ok(Outcome::Arrived(arrival)) => done.arrived(arrival),
                Ok(Outcome::Sent(sending)) => done.sent(sending),
                Ok(Outcome::Obeyed) => {}
            }
            done.devices += 1;
        }
        let used = cpu_time(std::process::id()).unwrap_or_default().saturating_sub(cpu);
        (done.seconds, done.cpu_seconds) = (begun.elapsed().as_secs_f64(), used.as_secs_f64());
        Ok(done)
    }
}

/// A device: does what it is told, and answers the server's pings meanwhile.
async fn live(mut peer: Peer, mut orders: watch::Receiver<Option<Order>>, reports: mpsc::UnboundedSender<Report>) {
    loop {
        tokio::select! {
            order = orders.changed() => if order.is_err() { return },
            asked = peer.asked() => {
                if asked {
                    peer.answer().await;
                }
                continue;
            }
        }
        let Some(order) = *orders.borrow_and_update() else { continue };
        let report = match order {
            Order::Arrive => peer.arrive().await.map(Outcome::Arrived),
            Order::Send => peer.send().await.map(Outcome::Sent),
            Order::Cut => {
                peer.connection = None;
                Ok(Outcome::Obeyed)
            }
            Order::Leave => {
                peer.leave().await;
                Ok(Outcome::Obeyed)
            }
        };
        if reports.send(report).is_err() || order == Order::Leave {
            return;
        }
    }
}

/// A connection that never says anything.
async fn silent(address: String, mut orders: watch::Receiver<Option<Order>>, reports: mpsc::UnboundedSender<Report>) {
    let mut connection = None;
    while orders.changed().await.is_ok() {
        let Some(order) = *orders.borrow_and_update() else { continue };
        let begun = Instant::now();
        let report = match order {
            Order::Arrive => TcpStream::connect(&address).await.map_err(|e| e.to_string()).map(|stream| {
                connection = Some(stream);
                Outcome::Arrived(Arrival { total: begun.elapsed(), attempts: 1, ..Arrival::default() })
            }),
            Order::Send => Ok(Outcome::Obeyed),
            Order::Cut | Order::Leave => {
                connection = None;
                Ok(Outcome::Obeyed)
            }
        };
        if reports.send(report).is_err() || order == Order::Leave {
            return;
        }
    }
    drop(connection);
}
