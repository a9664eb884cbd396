//! Ends a connection if the peer does not read an answer in time.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::room::Place;

/// The maximum time for a peer to read an answer. An answer has at most a few thousand bytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream that fails if the peer does not read an answer in time. While the peer does not read,
/// its place is marked as blocked.
pub(super) struct Attended<S> {
    stream: S,
    place: Place,
    patience: Duration,
    /// The time by which the peer must accept the whole answer. `None` if no data is waiting to be
    /// sent.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Attended<S> {
    pub(super) fn new(stream: S, place: Place) -> Self {
        Self { stream, place, patience: PATIENCE, deadline: None }
    }

    /// Waits for the peer, and fails when the deadline has passed.
    fn stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.place.set_blocked(true);
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer does not read its answers",
            ))),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Removes the deadline, because the peer has accepted the whole answer.
    fn flowing(&mut self) {
        self.deadline = None;
        self.place.set_blocked(false);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Attended<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Attended<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, buf) {
            Poll::Pending => self.stalled(cx),
            // The deadline is kept when the peer accepts only a part of the answer. A peer could
            // otherwise extend it by reading slowly.
            ready => ready,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush ends when the peer has accepted all data.
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.stalled(cx),
            ready => {
                self.flowing();
                ready
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.stalled(cx),
            ready => ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::listen::room::Room;

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_given_up_and_one_that_does_is_not() {
        let place = Room::new().admit(IpAddr::from([127, 0, 0, 1])).await.0;
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut ours =
            Attended { patience: Duration::from_secs(5), ..Attended::new(ours, place.clone()) };
        let reader = tokio::spawn(async move {
            let mut taken = vec![0; 256];
            tokio::time::sleep(Duration::from_millis(100)).await;
            theirs.read_exact(&mut taken).await.map(|_| theirs)
        });
        ours.write_all(&[7; 256]).await.expect("it is read in time");
        ours.flush().await.expect("it is read in time");
        place.unblocked().await;
        // From now on the peer reads only one byte every 200 ms.
        let mut theirs = reader.await.unwrap().unwrap();
        let trickle = tokio::spawn(async move {
            while theirs.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        let failed = ours.write_all(&[7; 1024]).await.expect_err("it takes too long");
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        trickle.abort();
    }
}
