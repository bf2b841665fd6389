//! A network in front of a server that can be cut, in one direction or both.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) struct Network {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    to_server_cut: AtomicBool,
    to_client_cut: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Network {
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let made = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) {
                    connect(client, server, &made);
                }
            }
        });
        Self { port, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on bytes in those directions vanish; the connections seem to stand.
    pub(crate) fn cut(&self, to_server: bool, to_client: bool) {
        self.shared.to_server_cut.store(to_server, Ordering::SeqCst);
        self.shared.to_client_cut.store(to_client, Ordering::SeqCst);
    }

    /// The connections break, and new ones work.
    pub(crate) fn mend(&self) {
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        self.cut(false, false);
    }
}

fn connect(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    let mut connections = shared.connections.lock().unwrap();
    connections.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
    let (to_server, to_client) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
    for ((from, to), is_to_server) in [(to_server, true), (to_client, false)] {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || carry(from, to, &shared, is_to_server));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, shared: &Shared, to_server: bool) {
    let cut = if to_server { &shared.to_server_cut } else { &shared.to_client_cut };
    let mut bytes = [0; 4096];
    let mut broken = false;
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        // What vanished once leaves nothing that could be read after it on the same connection.
        broken |= cut.load(Ordering::SeqCst);
        if !broken && to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
