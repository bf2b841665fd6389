//! A bad network for datagrams, between one who asks and a board: loses, doubles, delays, reorders, and adds bytes.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What happens to each datagram, of a hundred.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// Each is held back for up to so many milliseconds of its own, so that later ones overtake it.
    pub(crate) delay: u64,
    /// Bytes that the board seems to send after its reply.
    pub(crate) trailing: &'static [u8],
}

/// SplitMix64: the same weather in every run.
struct Chance(Mutex<u64>);

impl Chance {
    fn below(&self, bound: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// The network; it ends when it is dropped.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Wire {
    pub(crate) async fn to(board: SocketAddr, weather: Weather) -> Self {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        far.connect(board).await.unwrap();
        let (address, cut) = (near.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let (chance, is_cut) = (Arc::new(Chance(Mutex::new(7))), cut.clone());
        let task = tokio::spawn(async move {
            let (mut question, mut reply, mut client) = ([0; 2048], [0; 2048], None);
            loop {
                let (from, to, bytes) = tokio::select! {
                    Ok((length, source)) = near.recv_from(&mut question) => {
                        client = Some(source);
                        (far.clone(), None, question[..length].to_vec())
                    }
                    Ok(length) = far.recv(&mut reply) => {
                        (near.clone(), client, [&reply[..length], weather.trailing].concat())
                    }
                    else => continue,
                };
                if is_cut.load(Ordering::Relaxed) || chance.below(100) < weather.lost {
                    continue;
                }
                for _ in 0..=u64::from(chance.below(100) < weather.doubled) {
                    let (from, bytes, delay) = (from.clone(), bytes.clone(), chance.below(weather.delay));
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(delay)).await;
                        let _ = match to {
                            Some(client) => from.send_to(&bytes, client).await,
                            None => from.send(&bytes).await,
                        };
                    });
                }
            }
        });
        Self { address, cut, task }
    }

    /// Nothing gets through any more, or all does again.
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}
