//! Implements the calls about events and the suppressions learned from them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::sqlite::{SqliteLedger, events, evidence, names, used_tokens};
use crate::ledger::{
    EventQuery, FeedbackStore, KeptEvent, LedgerResult, Person, Seen, Unfiled, UsedToken,
};
use crate::model::event::{Believe, Event};
use crate::provider::BoxFuture;

impl FeedbackStore for SqliteLedger {
    fn event(&self, mut event: Event, believe: Believe) -> BoxFuture<'_, LedgerResult<Seen>> {
        event.identify();
        let event = Arc::new(event);
        Box::pin(async move {
            // The first event builds the index of names. Each transaction adds a limited number of
            // names, so that other requests do not wait long.
            loop {
                let (event, place) = (event.clone(), Arc::clone(&self.place));
                let step = self
                    .writer
                    .ask(move |conn| {
                        place
                            .check()
                            .and_then(|()| events::take(conn, &event, believe, Timestamp::now()))
                    })
                    .await?;
                if let Some(seen) = step {
                    return Ok(seen);
                }
            }
        })
    }

    fn use_token(&self, token: UsedToken) -> BoxFuture<'_, LedgerResult<bool>> {
        self.write(move |conn| used_tokens::use_up(conn, &token))
    }

    fn events(&self, query: EventQuery) -> BoxFuture<'_, LedgerResult<Vec<KeptEvent>>> {
        self.long(move |conn| events::list(conn, &query))
    }

    fn has_feedback(&self, since: Timestamp) -> BoxFuture<'_, LedgerResult<bool>> {
        self.quick(move |conn| evidence::has_feedback(conn, since))
    }

    fn unfiled(&self, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<Unfiled>>> {
        self.quick(move |conn| events::unfiled(conn, limit))
    }

    fn filed(&self, numbers: Vec<i64>, done: bool) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| events::filed(conn, &numbers, done))
    }

    fn person(&self, token: &str) -> BoxFuture<'_, LedgerResult<Option<Person>>> {
        let token: Arc<str> = token.into();
        Box::pin(async move {
            loop {
                let token = token.clone();
                if let Some(person) = self
                    .writer
                    .ask(move |conn| names::person(conn, &token, Timestamp::now()))
                    .await?
                {
                    return Ok(person);
                }
            }
        })
    }
}
