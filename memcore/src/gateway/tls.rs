//! TLS of one connection, without buffers of its own: what is read is decrypted on the thread's buffer, and only a record
//! that has not arrived whole is kept. A quiet connection holds its keys, and nothing else.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The most that is read at once. It holds the largest handshake message that rustls takes, 64 KiB in records, so that a part
/// of one never fills it.
const READ_BYTES: usize = 96 << 10;

/// The plain text of one record.
const RECORD_BYTES: usize = 16 << 10;

/// What encryption adds to a record, at most: header, nonce, type, tag.
const RECORD_EXTRA: usize = 64;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A connection under TLS.
pub(super) struct Tls {
    stream: TcpStream,
    connection: Box<UnbufferedServerConnection>,
    /// The part of a record (or of a handshake message) whose rest has not arrived.
    incoming: Vec<u8>,
    /// Plain text that came with the end of the handshake.
    early: Vec<u8>,
    /// Encrypted; sent up to `written`.
    outgoing: Vec<u8>,
    written: usize,
    /// The peer has said that nothing more comes.
    ended: bool,
}

impl Tls {
    /// A connection whose client has sent `greeting` so far: see [`greeting`].
    pub(super) fn new(config: Arc<ServerConfig>, stream: TcpStream, greeting: Vec<u8>) -> io::Result<Self> {
        let connection = Box::new(UnbufferedServerConnection::new(config).map_err(invalid)?);
        let (early, outgoing) = (Vec::new(), Vec::new());
        Ok(Self { stream, connection, incoming: greeting, early, outgoing, written: 0, ended: false })
    }

    /// What was agreed on with the client.
    pub(super) fn state(&self) -> &CommonState {
        &self.connection
    }

    /// Answers what has arrived of the handshake, without waiting: this is where it takes the processor.
    pub(super) fn answer(&mut self) -> io::Result<()> {
        let mut early = std::mem::take(&mut self.early);
        let mut arrived = std::mem::take(&mut self.incoming);
        let answered = self.process(&mut arrived, &mut |plain| early.extend_from_slice(plain));
        self.early = early;
        answered.map(|_| ())
    }

    /// Goes on until the handshake is complete.
    pub(super) async fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            self.flush().await?;
            if !self.connection.is_handshaking() {
                return Ok(());
            }
            let mut early = std::mem::take(&mut self.early);
            let read = poll_fn(|cx| self.poll_records(cx, &mut |plain| early.extend_from_slice(plain))).await;
            self.early = early;
            if read? == 0 && self.connection.is_handshaking() && self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Hands what has arrived to `sink`; 0 bytes at the end of the connection. Cancel-safe.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, sink: &mut impl FnMut(&[u8])) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            sink(&early);
            return Poll::Ready(Ok(early.len()));
        }
        loop {
            let taken = ready!(self.poll_records(cx, sink))?;
            // Less than a record, or a message of TLS's own, is nothing to hand on yet.
            if taken > 0 || self.ended {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    /// Reads once, and takes every whole record of it.
    fn poll_records(&mut self, cx: &mut Context<'_>, sink: &mut impl FnMut(&[u8])) -> Poll<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            let held = self.incoming.len();
            let mut rest = ReadBuf::new(&mut buffer[held..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut rest))?;
            let length = rest.filled().len();
            if length == 0 {
                self.ended = true;
                return Poll::Ready(Ok(0));
            }
            buffer[..held].copy_from_slice(&std::mem::take(&mut self.incoming));
            Poll::Ready(self.process(&mut buffer[..held + length], sink))
        })
    }

    /// Takes the records in `arrived`, keeps what is not whole, and makes what TLS itself has to answer.
    fn process(&mut self, arrived: &mut [u8], sink: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        let (mut start, mut taken) = (0, 0);
        loop {
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(&mut arrived[start..]);
            let mut done = false;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        discard += record.discard;
                        taken += record.payload.len();
                        sink(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut self.outgoing, 512, |space| match data.encode(space) {
                        Err(EncodeError::InsufficientSize(e)) => Ok(Err(e.required_size)),
                        encoded => encoded.map(Ok).map_err(invalid),
                    })?;
                }
                // Whatever is written goes out behind it.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => (self.ended, done) = (true, true),
                Ok(_) => done = true,
                Err(e) => {
                    self.alert(&mut arrived[start + discard..]);
                    return Err(invalid(e));
                }
            }
            start += discard;
            if done {
                self.incoming = arrived[start..].to_vec();
                return Ok(taken);
            }
        }
    }

    /// Says why, as far as the socket takes it at once. TLS is asked once, with what it has not read: asked for more after its
    /// alert, it would go on reading where it has failed.
    fn alert(&mut self, rest: &mut [u8]) {
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = self.connection.process_tls_records(rest).state {
            // Where there is no room for it the peer sees its connection end.
            let _ = encode(&mut self.outgoing, 512, |space| match data.encode(space) {
                Err(EncodeError::InsufficientSize(e)) => Ok(Err(e.required_size)),
                encoded => encoded.map(Ok).map_err(invalid),
            });
        }
        let _ = self.stream.try_write(&self.outgoing[self.written..]);
    }

    /// Encrypts and writes all of it. When it is cancelled, what was encrypted goes out with the next write.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(RECORD_BYTES) {
            self.encrypt(Some(part))?;
            self.flush().await?;
        }
        Ok(())
    }

    /// Says that nothing more comes from here.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.encrypt(None)?;
        self.flush().await?;
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await
    }

    /// Encrypts a part that fits one record, or the farewell.
    fn encrypt(&mut self, part: Option<&[u8]>) -> io::Result<()> {
        loop {
            // Every whole record was taken when it arrived, so that this changes nothing of what is held.
            match self.connection.process_tls_records(&mut self.incoming).state.map_err(invalid)? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let likely = part.map_or(0, <[u8]>::len) + RECORD_EXTRA;
                    return encode(&mut self.outgoing, likely, |space| {
                        let encrypted = match part {
                            Some(part) => traffic.encrypt(part, space),
                            None => traffic.queue_close_notify(space),
                        };
                        match encrypted {
                            Err(EncryptError::InsufficientSize(e)) => Ok(Err(e.required_size)),
                            encrypted => encrypted.map(Ok).map_err(invalid),
                        }
                    });
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    encode(&mut self.outgoing, 512, |space| match data.encode(space) {
                        Err(EncodeError::InsufficientSize(e)) => Ok(Err(e.required_size)),
                        encoded => encoded.map(Ok).map_err(invalid),
                    })?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => return Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    /// Writes what was encrypted. Cancel-safe.
    async fn flush(&mut self) -> io::Result<()> {
        while self.written < self.outgoing.len() {
            let rest = &self.outgoing[self.written..];
            let written = poll_fn(|cx| Pin::new(&mut self.stream).poll_write(cx, rest)).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written += written;
        }
        (self.outgoing, self.written) = (Vec::new(), 0);
        Ok(())
    }

    /// The socket below, for what comes after the farewell.
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

/// Appends what `write` puts into the space it is given; where that was too little it says how much it needs.
fn encode(
    outgoing: &mut Vec<u8>,
    likely: usize,
    mut write: impl FnMut(&mut [u8]) -> io::Result<Result<usize, usize>>,
) -> io::Result<()> {
    let (start, mut space) = (outgoing.len(), likely);
    loop {
        outgoing.resize(start + space, 0);
        match write(&mut outgoing[start..]) {
            Ok(Ok(length)) => {
                outgoing.truncate(start + length);
                return Ok(());
            }
            Ok(Err(needed)) if needed > space => space = needed,
            Ok(Err(_)) => return Err(io::ErrorKind::InvalidData.into()),
            Err(e) => return Err(e),
        }
    }
}

fn invalid(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e)
}

/// What a TLS handshake begins with: a record of that type, of a version 3.x, that holds something and not more than it may.
const HANDSHAKE: u8 = 22;
const HEADER_BYTES: usize = 5;

/// Reads until the client's first record, its hello, is whole: TLS has nothing to do before that, and whoever sends nothing, or
/// one byte after the other, costs no more than those bytes. Cancel-safe only in that nothing is written.
pub(super) async fn greeting(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        stream.readable().await?;
        let read = BUFFER.with_borrow_mut(|buffer| {
            let length = stream.try_read(&mut buffer[..RECORD_BYTES])?;
            bytes.reserve_exact(length);
            bytes.extend_from_slice(&buffer[..length]);
            io::Result::Ok(length)
        });
        match read {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if is_whole(&bytes)? => return Ok(bytes),
            Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e),
            _ => {}
        }
    }
}

/// Whether the first record is there; an error as soon as it can be none of a handshake.
fn is_whole(bytes: &[u8]) -> io::Result<bool> {
    let wrong = || Err(invalid("this is no TLS handshake"));
    if bytes[0] != HANDSHAKE || bytes.get(1).is_some_and(|version| *version != 3) {
        return wrong();
    }
    let Some(length) = bytes.get(3..HEADER_BYTES) else { return Ok(false) };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if length == 0 || length > RECORD_BYTES {
        return wrong();
    }
    Ok(bytes.len() >= HEADER_BYTES + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_handshake_is_known_by_its_first_bytes() {
        assert!(is_whole(b"GET / HTTP/1.1\r\n").is_err());
        assert!(is_whole(&[22, 2]).is_err());
        assert!(is_whole(&[22, 3, 1, 0, 0]).is_err());
        assert!(is_whole(&[22, 3, 1, 0xff, 0xff]).is_err());
        assert!(!is_whole(&[22]).unwrap());
        assert!(!is_whole(&[22, 3, 1, 0, 2, 1]).unwrap());
        assert!(is_whole(&[22, 3, 1, 0, 2, 1, 0]).unwrap());
    }
}
