//! One connection: bytes out in groups, replies in, and the queue that knows which reply belongs
//! to which command.
//!
//! The rules it keeps: commands that may share a write leave in one write; every wait is bounded; a
//! reply that is not awaited is never taken for the answer to something else.

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

/// The most bytes of one write; larger groups take several.
const SLICE: usize = 64 * 1024;

/// The most pieces that are read at once; no server has more to say to all that can be under way.
const MOST_PIECES: usize = 16;

/// What lies under a connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Lets the server know at once that what it has written has arrived. A server that writes each
    /// reply of a group by itself is held back by its own kernel until then (RFC 896), and ours
    /// waits 40 ms for something to send with it (RFC 1122 section 4.2.3.2).
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        {
            let stream = match self {
                Self::Plain(stream) => stream,
                Self::Tls(stream) => stream.get_ref().0,
            };
            // Without it the replies come later, and no less.
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

/// A group that could not be written whole.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) fault: Fault,
    /// Whether the last byte of the group's message (of the group, where it holds none) may have
    /// left all the same.
    pub(super) may_have_left: bool,
}

/// What went wrong in either direction. The two are apart because answers may still be there to be
/// read when a write has failed.
#[derive(Debug, Default)]
pub(super) struct Broken {
    pub(super) writing: Option<String>,
    pub(super) reading: Option<String>,
}

/// A connection and what is under way on it.
pub(super) struct Connection {
    stream: Stream,
    limits: Limits,
    inbox: ReplyBuffer,
    outbox: Vec<u8>,
    /// How much of the outbox `exchange` has handed over.
    handed_over: usize,
    /// Whether what was handed over may still be held back (by TLS).
    is_unflushed: bool,
    /// Where a message in the outbox ends, its final dot included.
    message_end: Option<usize>,
    /// The steps whose replies have not come yet, those of unwritten commands included, oldest
    /// first.
    pending: VecDeque<Step>,
    /// Whether something has been read since the last group was written.
    has_read: bool,
}

/// A process that was stopped finds its time limits over before it has read what came meanwhile;
/// it looks once more for so long.
const GRACE: Duration = Duration::from_millis(20);

/// Waits until a time limit is over and nothing has come in the moment after it.
pub(super) async fn expired(deadline: Instant) {
    sleep_until(deadline).await;
    sleep(GRACE).await;
}

/// What the future gives within the time limit.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = expired(Instant::now() + limit) => None,
    }
}

impl Connection {
    /// A connection over `stream`, of which nothing has been read.
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

    /// Gives the plain stream back for a TLS handshake; `None` where something that was sent in
    /// clear text would be read after it.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        match self.stream {
            Stream::Plain(stream) if self.inbox.is_empty() => Some(stream),
            _ => None,
        }
    }

    /// Puts a command into the group to be written next.
    pub(super) fn queue(&mut self, step: Step, line: &str) {
        self.outbox.extend_from_slice(line.as_bytes());
        self.outbox.extend_from_slice(b"\r\n");
        self.pending.push_back(step);
    }

    /// Puts a whole message with its final dot into the group to be written next.
    /// What it returns goes before the group, and is not copied.
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

    /// Whether TLS lies under it.
    pub(super) fn is_encrypted(&self) -> bool {
        self.stream.is_tls()
    }

    /// Puts a whole message as one chunk into what `exchange` writes, and says where it ends there.
    pub(super) fn queue_chunk(&mut self, message: &[u8]) -> usize {
        super::body::append_chunk(&mut self.outbox, message);
        self.pending.push_back(Step::Message);
        self.outbox.len()
    }

    /// The bytes of the outbox, those that `exchange` has handed over included; none once it has
    /// handed over all.
    pub(super) fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// How much of the outbox has been handed over for certain.
    pub(super) fn handed_over(&self) -> usize {
        self.handed_over
    }

    /// Where the next write of `exchange` ends in the outbox, at most.
    pub(super) fn slice_end(&self) -> usize {
        self.outbox.len().min(self.handed_over + SLICE)
    }

    /// How much of the outbox may have left when no more is written, `end` being where the last
    /// write was to end: the kernel has taken exactly what it says; a TLS write that fails may have
    /// encrypted and sent all that it was given.
    pub(super) fn may_have_left(&self, end: usize) -> usize {
        if self.stream.is_tls() { end.max(self.handed_over) } else { self.handed_over }
    }

    /// The longest waits.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Writes the outbox up to `end` and reads what has come, whichever can be done; so neither
    /// side waits for the other to read. Without a time limit of its own. When it is dropped,
    /// nothing is lost.
    pub(super) async fn exchange(&mut self, end: usize) -> Broken {
        std::future::poll_fn(|cx| {
            let mut broken = Broken::default();
            let has_read = self.poll_inbox(cx, &mut broken).is_ready();
            let has_written = self.poll_outbox(cx, end, &mut broken).is_ready();
            if has_read || has_written { Poll::Ready(broken) } else { Poll::Pending }
        })
        .await
    }

    /// Reads all that is there, so that a connection that is closed already is seen to be before
    /// more is begun on it.
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

    /// Forgets what is queued.
    pub(super) fn discard(&mut self) {
        self.outbox.clear();
        self.handed_over = 0;
    }

    /// The oldest answer that has been read, and the step that it belongs to.
    pub(super) fn answered(&mut self) -> Result<Option<(Step, Answer)>, Fault> {
        let Some(&step) = self.pending.front() else { return Ok(None) };
        let answer = self.inbox.next().map_err(|what| Fault::Garbled(step, what.into()))?;
        Ok(answer.map(|answer| {
            self.pending.pop_front();
            (step, answer)
        }))
    }

    /// The step whose answer comes next.
    pub(super) fn awaited(&self) -> Option<Step> {
        self.pending.front().copied()
    }

    /// Whether a reply is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes the group.
    pub(super) async fn flush(&mut self) -> Result<(), Unsent> {
        self.flush_after(&[]).await
    }

    /// Writes `before` and the group. The time limit applies to each write, so that a large message
    /// on a slow line is not cut off while it moves.
    pub(super) async fn flush_after(&mut self, before: &[u8]) -> Result<(), Unsent> {
        let Some(&step) = self.pending.back() else { return Ok(()) };
        let limit = self.limits.data;
        let total = before.len() + self.outbox.len();
        self.has_read &= total == 0;
        let message_end = self.message_end.take().unwrap_or(total);
        let mut sent = 0;
        while sent < total {
            let end = total.min(sent + SLICE);
            // The kernel has taken exactly what it says; a TLS write that fails may have encrypted
            // and sent all that it was given.
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

    /// The next reply and the step that it belongs to; `None` when no reply is waited for.
    pub(super) async fn next(&mut self) -> Result<Option<(Step, Answer)>, Fault> {
        let limit = self.awaited().map_or(Duration::ZERO, |step| self.limits.answer(step));
        self.next_within(limit).await
    }

    /// The same with a time limit of its own.
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

    /// Writes one command and waits for its answer, which must be the only one under way.
    pub(super) async fn command(&mut self, step: Step, line: &str) -> Result<Answer, Fault> {
        self.queue(step, line);
        self.flush().await.map_err(|unsent| unsent.fault)?;
        self.only_answer(step).await
    }

    /// Waits for the greeting, which answers no command.
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
            _ => Err(Fault::Garbled(step, "an answer to something else".into())),
        }
    }

    /// Whether the server has said something or closed while nothing was asked of it.
    pub(super) fn has_been_disturbed(&mut self) -> bool {
        if self.is_waiting() || !self.inbox.is_empty() {
            return true;
        }
        // Polled once: pending is what silence looks like.
        self.stream.read(&mut [0]).now_or_never().is_some()
    }

    /// Says good-bye and waits until the server has closed; a second at most.
    pub(super) async fn quit(mut self) {
        let good_bye = async {
            self.queue(Step::Quit, "QUIT");
            if self.flush().await.is_ok() {
                let mut rest = [0; 512];
                while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
            }
        };
        // Whether the server was polite does not matter any more.
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
        // Some replies of the group have come without the others.
        if std::mem::replace(&mut self.has_read, true) {
            self.stream.acknowledge();
        }
        // Not into a piece of its own: that would be a part of this future, and be moved about with
        // it.
        match self.stream.read_buf(self.inbox.room()).await {
            Ok(0) => Err(Fault::Lost(step, "closed by the server".into())),
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Lost(step, error.to_string())),
        }
    }
}
