//! A connection whose peer has to take what it is answered: an answer that lies there for too long
//! ends it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::room::Place;

/// How long a peer may take to read an answer; the longest has a few thousand bytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream that fails when its peer does not read, and says so meanwhile to its place.
pub(super) struct Attended<S> {
    stream: S,
    place: Place,
    patience: Duration,
    /// Runs from the first byte that the peer did not take until it has taken all.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Attended<S> {
    pub(super) fn new(stream: S, place: Place) -> Self {
        Self { stream, place, patience: PATIENCE, deadline: None }
    }

    /// Waits for the peer, up to the deadline.
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

    /// The peer has taken all of the answer: the deadline is over.
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
            // Some of it has gone; that it trickles does not begin the wait anew.
            ready => ready,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is flushed when all that was to be written has been handed over.
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
        // From now on a byte is read now and then.
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
