//! Decides how many messages may be in progress on a session.

use std::sync::atomic::{AtomicBool, Ordering};

use super::session::Session;
use super::settings::Settings;

/// Whether mailbatch has already logged that a window has no effect here.
#[derive(Debug, Default)]
pub(super) struct Experience {
    is_reported: AtomicBool,
}

impl Experience {
    /// Returns how many messages may be in progress on this session. Returns `None` if chunks must
    /// not be used.
    pub(super) fn width(&self, settings: &Settings, session: &Session) -> Option<usize> {
        if settings.window < 2 || session.relay.has_broken_chunks() {
            return None;
        }
        if !(session.extensions.chunking && session.groups) {
            if !self.is_reported.swap(true, Ordering::Relaxed) {
                tracing::info!(
                    server = settings.host,
                    "`window` has no effect here: the server does not announce both CHUNKING and PIPELINING"
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

/// The maximum number of unnecessary RSETs on one connection. Exim closes a connection after ten,
/// because it counts them as wasted commands.
const MOST_SPARE_RESETS: u32 = 8;

/// Returns how many messages may be in progress. Each message after the first begins with RSET.
/// That RSET is unnecessary if the server refuses the message before it.
fn affordable(window: usize, session: &Session) -> usize {
    if session.spare_resets == 0 && !session.relay.counts_resets.load(Ordering::Relaxed) {
        return window;
    }
    window.min(1 + MOST_SPARE_RESETS.saturating_sub(session.spare_resets) as usize)
}
