//! A TCP proxy that makes the loopback as far away as a server elsewhere: what enters leaves half a
//! round trip later.
//!
//! The rule it keeps: it delays, and limits nothing. Reading never waits for writing, so as much is
//! in flight as the sender sends. TCP itself ends at the proxy: slow start and acknowledgements do
//! not take the round trip that they would take on a real path.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A running proxy; it takes no new connections once it is dropped.
pub(crate) struct RttProxy {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// Octets and the moment when they arrive at the other side.
type Parcel = (Instant, Vec<u8>);

impl RttProxy {
    /// Starts a proxy to `server` over which a round trip takes `rtt`.
    pub(crate) fn start(server: SocketAddr, rtt: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stopped);
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Relaxed) {
                    return;
                }
                // A connection that cannot be carried on is closed, which its client notices.
                let _ = client.and_then(|client| connect(client, server, rtt / 2));
            }
        });
        Ok(Self { address, stopped })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RttProxy {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        // Wakes the thread that accepts; where nothing can connect any more there is nothing to
        // wake.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(client: TcpStream, server: SocketAddr, delay: Duration) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    carry(client.try_clone()?, server.try_clone()?, delay);
    carry(server, client, delay);
    Ok(())
}

/// Carries one direction until it ends.
fn carry(from: TcpStream, to: TcpStream, delay: Duration) {
    let (sender, receiver) = channel();
    thread::spawn(move || collect(from, &sender, delay));
    thread::spawn(move || deliver(to, &receiver));
}

/// Reads whatever comes and notes when it is due. Dropping the sender tells the other side of the
/// end, after all that is under way.
fn collect(mut from: TcpStream, parcels: &Sender<Parcel>, delay: Duration) {
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || parcels.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}

fn deliver(mut to: TcpStream, parcels: &Receiver<Parcel>) {
    for (due, octets) in parcels {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&octets).is_err() {
            break;
        }
    }
    // The other side may have closed already; then there is nothing to shut.
    let _ = to.shutdown(Shutdown::Write);
}
