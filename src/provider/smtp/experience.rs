//! How many messages may be under way on a session.

use std::sync::atomic::{AtomicBool, Ordering};

use super::session::Session;
use super::settings::Settings;

/// Whether the operator knows that a window does nothing here.
#[derive(Debug, Default)]
pub(super) struct Experience {
    is_reported: AtomicBool,
}

impl Experience {
    /// How many messages may be under way on this session; `None` where chunks are not to be used.
    pub(super) fn width(&self, settings: &Settings, session: &Session) -> Option<usize> {
        if settings.window < 2 || session.relay.has_broken_chunks() {
            return None;
        }
        if !(session.extensions.chunking && session.groups) {
            if !self.is_reported.swap(true, Ordering::Relaxed) {
                tracing::info!(
                    server = settings.host,
                    "`window` does nothing here: the server does not announce both CHUNKING and PIPELINING"
                );
            }
            return None;
        }
        Some(if session.relay.takes_chunks.load(Ordering::Relaxed) {
            affordable(settings.window, session)
        } else {
            1
        })
    }
}

/// RSETs behind a refusal that one connection is to be asked for at most. Exim closes after ten
/// that it takes for idle talk.
const MOST_SPARE_RESETS: u32 = 8;

/// How many messages may be under way: each one behind the first begins with RSET, which is a spare
/// one where the message before it is refused.
fn affordable(window: usize, session: &Session) -> usize {
    if session.spare_resets == 0 && !session.relay.counts_resets.load(Ordering::Relaxed) {
        return window;
    }
    window.min(1 + MOST_SPARE_RESETS.saturating_sub(session.spare_resets) as usize)
}
