//! Represents one connection: it writes groups of commands, reads replies, and matches each reply
//! to its command.
//!
//! Commands that may share a write are sent in one write. Every wait has a limit. A reply that is
//! not expected is never matched to another command.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::client::TlsStream;

use super::fault::Fault;
use super::limits::Limits;
use super::reply::{Answer, ReplyBuffer};
use super::step::Step;
use crate::provider::Job;

/// The maximum number of bytes of one write. A larger group needs several writes.
const SLICE: usize = 64 * 1024;

/// The maximum number of reads in a row. More data cannot arrive for the commands that can be in
/// progress.
const MOST_PIECES: usize = 16;

/// The transport of a connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Sends the TCP acknowledgement at once. If a server writes each reply of a group separately,
    /// its kernel holds a reply back until the previous one is acknowledged (RFC 896). Without this
    /// call, the local kernel delays the acknowledgement by 40 ms to send it with data (RFC 1122
    /// section 4.2.3.2).
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        {
            let stream = match self {
                Self::Plain(stream) => stream,
                Self::Tls(stream) => stream.get_ref().0,
            };
            // If this call fails, replies only arrive later.
            let _ = stream.set_quickack(true);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// The error for a group that was not written completely.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) fault: Fault,
    /// Whether the last byte of the group's message may have been sent anyway. For a group without
    /// a message, the last byte of the group counts.
    pub(super) may_have_left: bool,
}

/// The errors in both directions. They are separate because replies can still be read after a write
/// has failed.
#[derive(Debug, Default)]
pub(super) struct Broken {
    pub(super) writing: Option<String>,
    pub(super) reading: Option<String>,
}

/// A connection and the commands in progress on it.
pub(super) struct Connection {
    stream: Stream,
    limits: Limits,
    inbox: ReplyBuffer,
    outbox: Vec<u8>,
    /// The number of bytes of the outbox that `exchange` has written.
    handed_over: usize,
    /// Whether TLS may still hold back written bytes.
    is_unflushed: bool,
    /// The end of a message in the outbox, including its final dot.
    message_end: Option<usize>,
    /// The steps that still wait for a reply, oldest first. They include the steps of unwritten
    /// commands.
    pending: VecDeque<Step>,
    /// Whether anything was read since the last group was written.
    has_read: bool,
}

/// The extra time to check for data after a limit. If the process was suspended, limits end before
/// it has read the data that arrived meanwhile.
const GRACE: Duration = Duration::from_millis(20);

/// Waits for a deadline, and a moment longer for data that has already arrived.
pub(super) async fn expired(deadline: Instant) {
    sleep_until(deadline).await;
    sleep(GRACE).await;
}

/// Returns the result of the future, or `None` after the time limit.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = expired(Instant::now() + limit) => None,
    }
}

impl Connection {
    /// Creates a connection over `stream`, from which nothing has been read.
    pub(super) fn new(stream: Stream, limits: Limits) -> Self {
        Self {
            stream,
            limits,
            inbox: ReplyBuffer::default(),
            outbox: Vec::new(),
            handed_over: 0,
            is_unflushed: false,
            message_end: None,
            pending: VecDeque::new(),
            has_read: false,
        }
    }

    /// Returns the plain stream for a TLS handshake. Returns `None` if there is unread text from
    /// before TLS, which would otherwise be read as if it came over TLS.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        match self.stream {
            Stream::Plain(stream) if self.inbox.is_empty() => Some(stream),
            _ => None,
        }
    }

    /// Adds a command to the next group.
    pub(super) fn queue(&mut self, step: Step, line: &str) {
        self.outbox.extend_from_slice(line.as_bytes());
        self.outbox.extend_from_slice(b"\r\n");
        self.pending.push_back(step);
    }

    /// Adds a whole message with its final dot to the next group. The caller must write the
    /// returned bytes before the group; they are not copied.
    pub(super) fn queue_message<'m>(&mut self, job: &'m Job) -> &'m [u8] {
        let before: &[u8] = if job.lines_stand && self.outbox.is_empty() {
            self.outbox.extend_from_slice(b".\r\n");
            &job.message
        } else {
            super::body::append(&mut self.outbox, &job.message);
            &[]
        };
        self.message_end = Some(before.len() + self.outbox.len());
        self.pending.push_back(Step::Message);
        before
    }

    /// Returns whether the connection uses TLS.
    pub(super) fn is_encrypted(&self) -> bool {
        self.stream.is_tls()
    }

    /// Adds a whole message as one chunk to the outbox of `exchange`. Returns the position in the
    /// outbox where the message ends.
    pub(super) fn queue_chunk(&mut self, message: &[u8]) -> usize {
        super::body::append_chunk(&mut self.outbox, message);
        self.pending.push_back(Step::Message);
        self.outbox.len()
    }

    /// Returns the number of bytes in the outbox, including those that `exchange` has written. The
    /// number is 0 after all have been written.
    pub(super) fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Returns how many bytes of the outbox have certainly been written.
    pub(super) fn handed_over(&self) -> usize {
        self.handed_over
    }

    /// Returns the position in the outbox where the next write of `exchange` ends at most.
    pub(super) fn slice_end(&self) -> usize {
        self.outbox.len().min(self.handed_over + SLICE)
    }

    /// Returns how many bytes of the outbox may have been sent if no more are written. `end` is the
    /// planned end of the last write. The kernel reports exactly what it accepted, but a failed TLS
    /// write may have encrypted and sent all bytes.
    pub(super) fn may_have_left(&self, end: usize) -> usize {
        if self.stream.is_tls() { end.max(self.handed_over) } else { self.handed_over }
    }

    /// Returns the time limits of the connection.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Writes the outbox up to `end` or reads arrived data, whichever is possible, so that neither
    /// side blocks the other. There is no time limit. Dropping the future loses no data.
    pub(super) async fn exchange(&mut self, end: usize) -> Broken {
        std::future::poll_fn(|cx| {
            let mut broken = Broken::default();
            let has_read = self.poll_inbox(cx, &mut broken).is_ready();
            let has_written = self.poll_outbox(cx, end, &mut broken).is_ready();
            if has_read || has_written { Poll::Ready(broken) } else { Poll::Pending }
        })
        .await
    }

    /// Reads all available data, so that a closed connection is noticed before more commands are
    /// sent on it.
    fn poll_inbox(&mut self, cx: &mut Context<'_>, broken: &mut Broken) -> Poll<()> {
        let mut bytes = [0; 8192];
        let mut has_read = Poll::Pending;
        for _ in 0..MOST_PIECES {
            let mut piece = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut piece) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if piece.filled().is_empty() => {
                    broken.reading = Some("closed by the server".into())
                }
                Poll::Ready(Ok(())) => self.inbox.extend(piece.filled()),
                Poll::Ready(Err(error)) => broken.reading = Some(error.to_string()),
            }
            has_read = Poll::Ready(());
            if broken.reading.is_some() {
                break;
            }
        }
        has_read
    }

    fn poll_outbox(&mut self, cx: &mut Context<'_>, end: usize, broken: &mut Broken) -> Poll<()> {
        if self.handed_over < end {
            match std::task::ready!(
                Pin::new(&mut self.stream).poll_write(cx, &self.outbox[self.handed_over..end])
            ) {
                Ok(n) if n > 0 => self.handed_over += n,
                Ok(_) => broken.writing = Some("closed by the server".into()),
                Err(error) => broken.writing = Some(error.to_string()),
            }
            self.is_unflushed = true;
            return Poll::Ready(());
        }
        if !self.is_unflushed {
            return Poll::Pending;
        }
        let flushed = std::task::ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.is_unflushed = false;
        match flushed {
            Ok(()) if self.handed_over == self.outbox.len() => self.discard(),
            Ok(()) => {}
            Err(error) => broken.writing = Some(error.to_string()),
        }
        Poll::Ready(())
    }

    /// Discards the queued commands.
    pub(super) fn discard(&mut self) {
        self.outbox.clear();
        self.handed_over = 0;
    }

    /// Returns the oldest reply read, with the step to which the reply belongs.
    pub(super) fn answered(&mut self) -> Result<Option<(Step, Answer)>, Fault> {
        let Some(&step) = self.pending.front() else { return Ok(None) };
        let answer = self.inbox.next().map_err(|what| Fault::Garbled(step, what.into()))?;
        Ok(answer.map(|answer| {
            self.pending.pop_front();
            (step, answer)
        }))
    }

    /// Returns the step whose reply is expected next.
    pub(super) fn awaited(&self) -> Option<Step> {
        self.pending.front().copied()
    }

    /// Returns whether a reply is still expected.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes the queued group.
    pub(super) async fn flush(&mut self) -> Result<(), Unsent> {
        self.flush_after(&[]).await
    }

    /// Writes `before` and the queued group. The time limit applies to each write, so that a large
    /// message on a slow line is not aborted while it progresses.
    pub(super) async fn flush_after(&mut self, before: &[u8]) -> Result<(), Unsent> {
        let Some(&step) = self.pending.back() else { return Ok(()) };
        let limit = self.limits.data;
        let total = before.len() + self.outbox.len();
        self.has_read &= total == 0;
        let message_end = self.message_end.take().unwrap_or(total);
        let mut sent = 0;
        while sent < total {
            let end = total.min(sent + SLICE);
            // The kernel reports exactly what it accepted, but a failed TLS write may have
            // encrypted and sent all bytes.
            let may_have_left = sent >= message_end || (self.stream.is_tls() && end >= message_end);
            let bytes = [
                IoSlice::new(&before[sent.min(before.len())..end.min(before.len())]),
                IoSlice::new(
                    &self.outbox
                        [sent.saturating_sub(before.len())..end.saturating_sub(before.len())],
                ),
            ];
            let first = usize::from(bytes[0].is_empty());
            let fault = match within(limit, self.stream.write_vectored(&bytes[first..])).await {
                Some(Ok(n)) if n > 0 => {
                    sent += n;
                    continue;
                }
                Some(Ok(_)) => Fault::Lost(step, "closed by the server".into()),
                Some(Err(error)) => Fault::Lost(step, error.to_string()),
                None => Fault::Silent(step, limit),
            };
            return Err(Unsent { fault, may_have_left });
        }
        self.outbox.clear();
        let fault = match within(limit, self.stream.flush()).await {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => Fault::Lost(step, error.to_string()),
            None => Fault::Silent(step, limit),
        };
        Err(Unsent { fault, may_have_left: true })
    }

    /// Returns the next reply with the step to which the reply belongs. Returns `None` if no reply
    /// is expected.
    pub(super) async fn next(&mut self) -> Result<Option<(Step, Answer)>, Fault> {
        let limit = self.awaited().map_or(Duration::ZERO, |step| self.limits.answer(step));
        self.next_within(limit).await
    }

    /// Like [`Self::next`], with a separate time limit.
    pub(super) async fn next_within(
        &mut self,
        limit: Duration,
    ) -> Result<Option<(Step, Answer)>, Fault> {
        let Some(&step) = self.pending.front() else { return Ok(None) };
        let answer =
            within(limit, self.read_answer(step)).await.ok_or(Fault::Silent(step, limit))??;
        self.pending.pop_front();
        Ok(Some((step, answer)))
    }

    /// Writes one command and waits for its reply. No other command may be in progress.
    pub(super) async fn command(&mut self, step: Step, line: &str) -> Result<Answer, Fault> {
        self.queue(step, line);
        self.flush().await.map_err(|unsent| unsent.fault)?;
        self.only_answer(step).await
    }

    /// Waits for the greeting, which the server sends without a command.
    pub(super) async fn greeting(&mut self, limit: Duration) -> Result<Answer, Fault> {
        self.pending.push_back(Step::Greeting);
        self.only(Step::Greeting, limit).await
    }

    async fn only_answer(&mut self, step: Step) -> Result<Answer, Fault> {
        self.only(step, self.limits.answer(step)).await
    }

    async fn only(&mut self, step: Step, limit: Duration) -> Result<Answer, Fault> {
        match self.next_within(limit).await? {
            Some((_, answer)) if self.pending.is_empty() => Ok(answer),
            _ => Err(Fault::Garbled(step, "the server sent an unexpected extra answer".into())),
        }
    }

    /// Returns whether the server has sent something or closed the connection although no command
    /// is in progress.
    pub(super) fn has_been_disturbed(&mut self) -> bool {
        if self.is_waiting() || !self.inbox.is_empty() {
            return true;
        }
        // The read is polled only once. It is pending if the server has sent nothing.
        self.stream.read(&mut [0]).now_or_never().is_some()
    }

    /// Sends QUIT and waits, for at most a second, until the server has closed the connection.
    pub(super) async fn quit(mut self) {
        let good_bye = async {
            self.queue(Step::Quit, "QUIT");
            if self.flush().await.is_ok() {
                let mut rest = [0; 512];
                while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
            }
        };
        // The result of QUIT does not matter.
        let _ = timeout(Duration::from_secs(1), good_bye).await;
    }

    async fn read_answer(&mut self, step: Step) -> Result<Answer, Fault> {
        loop {
            if let Some(answer) =
                self.inbox.next().map_err(|what| Fault::Garbled(step, what.into()))?
            {
                return Ok(answer);
            }
            self.read_more(step).await?;
        }
    }

    async fn read_more(&mut self, step: Step) -> Result<(), Fault> {
        // A part of the group's replies has arrived without the rest, so they are acknowledged at
        // once.
        if std::mem::replace(&mut self.has_read, true) {
            self.stream.acknowledge();
        }
        // The data is read into the inbox directly. A separate buffer would be a part of this
        // future and be moved with it.
        match self.stream.read_buf(self.inbox.room()).await {
            Ok(0) => Err(Fault::Lost(step, "closed by the server".into())),
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Lost(step, error.to_string())),
        }
    }
}
