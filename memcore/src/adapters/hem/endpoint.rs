//! A served HEM endpoint: apps that were written for a board ask it, and get what memcore knows.
//!
//! [`answer`] is pure. The shell around it answers one datagram with one, on a loopback address unless it is told otherwise,
//! since whoever reaches it may switch: the protocol has no proof of identity. What is no request is dropped without a word; so
//! is what comes too often, and what comes from outside of private networks: an answer is longer than its question, and must
//! not serve to flood somebody whose address was forged.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::message::{HemQuantity, NODES, NodeValues, Nodes, PORT, REQUEST_BYTES, Reply, Request};
use crate::error::{Error, Result};

/// Orders whose outcome is waited for. Full-policy: the next is dropped, as a lost datagram.
const SWITCHING: usize = 32;

/// Addresses that are remembered with their rate. Full-policy: those that were silent for a second are forgotten, and where
/// there is none, a new one gets no answer.
const SOURCES: usize = 256;

/// What a board reads from its nodes.
pub trait BoardView {
    /// The latest values, one a node; none at all where the board has nothing to say to that question.
    fn values(&self, quantity: HemQuantity) -> Option<NodeValues>;
}

/// What a board says to a request: of an order, the status that stands. None where it says nothing.
#[must_use]
pub fn answer(request: Request, view: &dyn BoardView) -> Option<Reply> {
    let (quantity, nodes) = match request {
        Request::Read(quantity, nodes) => (quantity, nodes),
        Request::Switch { nodes, .. } => (HemQuantity::NodeStatus, nodes),
    };
    let mut values = view.values(quantity)?;
    let outside = values.iter_mut().enumerate().filter(|(node, _)| !nodes.contains(*node));
    outside.for_each(|(_, value)| *value = None);
    Some(Reply { quantity, nodes, values })
}

/// Who stands behind an endpoint.
pub trait EndpointHost: BoardView + Send + Sync + 'static {
    /// Switches a node, and returns once it is confirmed or given up; the status is read afterwards.
    fn switch(&self, node: u8, on: bool) -> impl Future<Output = ()> + Send;
}

/// Where and for whom an endpoint answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointOptions {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Takes an address that others can reach. Whoever can send a datagram to it can then switch the nodes.
    pub allow_network: bool,
    /// How many requests of one address are answered a second.
    pub requests_per_second: u32,
}

impl Default for EndpointOptions {
    /// Port 9931 of the loopback interface, 50 requests a second.
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], PORT)), allow_network: false, requests_per_second: 50 }
    }
}

impl EndpointOptions {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for an address that others can reach and no word that they may.
    pub fn check(&self) -> Result<()> {
        if self.listen.ip().is_loopback() || self.allow_network {
            return Ok(());
        }
        let listen = self.listen;
        Err(Error::invalid(format!(
            "hem endpoint: listen is {listen}, expected a loopback address such as 127.0.0.1:{PORT}, or allow_network = true: \
             the protocol has no passwords, and whoever reaches the port can switch the nodes"
        )))
    }
}

/// An endpoint that answers. Dropping it ends it soon; [`close`](HemEndpoint::close) waits for the end.
#[derive(Debug)]
pub struct HemEndpoint {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HemEndpoint {
    /// Begins to answer on behalf of `host`.
    ///
    /// # Errors
    /// As [`EndpointOptions::check`]; [`Io`](crate::ErrorKind::Io) where the address is in use or not of this machine.
    pub async fn listen(options: EndpointOptions, host: impl EndpointHost) -> Result<Self> {
        options.check()?;
        let listening = |e| Error::io(format!("listen on UDP {}", options.listen), e);
        let socket = UdpSocket::bind(options.listen).await.map_err(listening)?;
        let address = socket.local_addr().map_err(listening)?;
        let rates = Rates { each: f64::from(options.requests_per_second.max(1)), sources: HashMap::new() };
        let shell = Shell { socket, host: Arc::new(host), rates, switching: JoinSet::new() };
        Ok(Self { address, task: tokio::spawn(shell.run()) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it. When this returns nothing answers any more, and the address is free.
    pub async fn close(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for HemEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shell<H> {
    socket: UdpSocket,
    host: Arc<H>,
    rates: Rates,
    /// Orders on their way, each with who is to hear of it.
    switching: JoinSet<(SocketAddr, Request)>,
}

impl<H: EndpointHost> Shell<H> {
    async fn run(mut self) {
        // One byte more than a request may have: what fills it is longer than any.
        let mut buffer = [0; REQUEST_BYTES + 1];
        loop {
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, source)) => self.heed(&buffer[..length], source).await,
                    // The word that an earlier answer reached nobody.
                    Err(error) => {
                        tracing::debug!(%error, "hem endpoint");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                },
                Some(ended) = self.switching.join_next() => {
                    if let Ok((source, request)) = ended {
                        self.reply(request, source).await;
                    }
                }
            }
        }
    }

    async fn heed(&mut self, bytes: &[u8], source: SocketAddr) {
        if !is_near(source.ip()) || !self.rates.take(source.ip(), Instant::now()) {
            return tracing::debug!(%source, "a hem request too many, or from too far");
        }
        match Request::parse(bytes) {
            Some(Request::Switch { nodes, on }) => self.switch(nodes, on, source),
            Some(request) => self.reply(request, source).await,
            None => tracing::debug!(%source, "a datagram that is no hem request"),
        }
    }

    fn switch(&mut self, nodes: Nodes, on: bool, source: SocketAddr) {
        if self.switching.len() >= SWITCHING {
            return tracing::warn!(%source, "a hem order was dropped: {SWITCHING} are on their way");
        }
        let host = self.host.clone();
        self.switching.spawn(async move {
            let mut ordered = JoinSet::new();
            for node in (0..NODES).filter(|node| nodes.contains(*node)) {
                let host = host.clone();
                ordered.spawn(async move { host.switch(node as u8, on).await });
            }
            ordered.join_all().await;
            (source, Request::Switch { nodes, on })
        });
    }

    async fn reply(&self, request: Request, to: SocketAddr) {
        let Some(reply) = answer(request, &*self.host) else { return };
        if let Err(error) = self.socket.send_to(reply.to_text().as_bytes(), to).await {
            tracing::debug!(%to, %error, "hem endpoint");
        }
    }
}

/// Whether an address is of this machine or of a private network: nobody else has a board here to ask.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// How many requests each address has left: as many as a second allows, filled up evenly.
struct Rates {
    each: f64,
    sources: HashMap<IpAddr, (f64, Instant)>,
}

impl Rates {
    fn take(&mut self, source: IpAddr, now: Instant) -> bool {
        if self.sources.len() >= SOURCES && !self.sources.contains_key(&source) {
            self.sources.retain(|_, (_, last)| now.duration_since(*last) < Duration::from_secs(1));
            if self.sources.len() >= SOURCES {
                return false;
            }
        }
        let (left, last) = self.sources.entry(source).or_insert((self.each, now));
        *left = (*left + now.duration_since(*last).as_secs_f64() * self.each).min(self.each);
        *last = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Kitchen;

    impl BoardView for Kitchen {
        fn values(&self, quantity: HemQuantity) -> Option<NodeValues> {
            match quantity {
                HemQuantity::DcPower => Some([Some(0.185), None, Some(85.6), None, None, None, None, Some(12.5)]),
                HemQuantity::NodeStatus => Some([Some(1.0); NODES]),
                _ => None,
            }
        }
    }

    fn said(request: &str) -> Option<String> {
        answer(Request::parse(request.as_bytes()).unwrap(), &Kitchen).map(|reply| reply.to_text())
    }

    #[test]
    fn an_app_gets_what_a_board_would_say() {
        let all = r#"{"NODE":"ALL","TYPE":"DCPOWER","VALUE":[0.185,0,85.6,0,0,0,0,12.5]}"#;
        assert_eq!(said("api/getdcpower/all").unwrap(), all, "a node without a value reads 0");
        assert_eq!(said("/api/getdcpower/2").unwrap(), r#"{"NODE":"2","TYPE":"DCPOWER","VALUE":[85.6]}"#);
        assert_eq!(said("api/turnoff/2").unwrap(), r#"{"NODE":"2","TYPE":"NODESTATUS","VALUE":[1]}"#, "as it stands");
        assert_eq!(said("api/getacvoltage/all"), None, "a board is silent about what it does not measure");
    }

    #[test]
    fn others_are_let_in_only_on_purpose() {
        let mut options = EndpointOptions { listen: "0.0.0.0:9931".parse().unwrap(), ..EndpointOptions::default() };
        let e = options.check().unwrap_err();
        assert!(e.message().contains("listen is 0.0.0.0:9931") && e.message().contains("allow_network"), "{e}");
        options.allow_network = true;
        options.check().unwrap();
        EndpointOptions::default().check().unwrap();
    }

    #[test]
    fn only_near_addresses_are_answered() {
        for near in
            ["127.0.0.1", "192.168.1.7", "10.0.0.1", "172.16.0.9", "::1", "fe80::1", "fd00::1", "::ffff:192.168.0.1"]
        {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "255.255.255.255", "224.0.0.1"] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }

    #[test]
    fn one_who_asks_too_often_waits_and_others_do_not() {
        let (start, mut rates) = (Instant::now(), Rates { each: 10.0, sources: HashMap::new() });
        let (greedy, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        assert_eq!((0..100).filter(|_| rates.take(greedy, start)).count(), 10);
        assert!(rates.take(other, start));
        let later = start + Duration::from_millis(500);
        assert_eq!((0..100).filter(|_| rates.take(greedy, later)).count(), 5);
    }

    #[test]
    fn no_number_of_addresses_fills_the_memory() {
        let (start, mut rates) = (Instant::now(), Rates { each: 10.0, sources: HashMap::new() });
        let address = |number: u32| IpAddr::from([10, (number >> 16) as u8, (number >> 8) as u8, number as u8]);
        let served = (0..10_000).filter(|number| rates.take(address(*number), start)).count();
        assert_eq!((served, rates.sources.len()), (SOURCES, SOURCES));
        assert!(rates.take(address(20_000), start + Duration::from_secs(2)), "the silent ones are forgotten");
    }
}
