//! Looks up the result of a batch for a message whose outcome is unknown.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::Value;

use super::results::Recent;
use super::{MailersIo, results};
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{InDoubt, Log, Logged, Trouble, Unfinished};
use crate::provider::http;
use crate::provider::pending::Pending;

impl Log for MailersIo {
    fn unfinished(&self, detail: &str) -> Option<Unfinished> {
        Pending::of(detail).map(|_| Unfinished { every: self.every, patience: self.patience })
    }

    /// Requests the batch that is named in the stored reason. Without a batch id nothing can be
    /// looked up.
    fn look_up<'a>(
        &'a self,
        about: &'a InDoubt<'a>,
    ) -> BoxFuture<'a, Result<Option<Logged>, Trouble>> {
        Box::pin(async move {
            let Some(Pending { batch: id }) = Pending::of(about.detail) else { return Ok(None) };
            let mut recent = self.recent.lock().await;
            if recent
                .as_ref()
                .is_none_or(|recent| recent.id != id || recent.at.elapsed() > self.every / 2)
            {
                *recent = None;
                let answer = self.http.ask(self, &self.question(id)).await?;
                if answer.status == StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                let body: Value = http::parsed(&answer)?;
                *recent = Some(Recent { id: id.to_owned(), at: Instant::now(), answer, body });
            }
            let Some(Recent { answer, body, .. }) = recent.as_ref() else { return Ok(None) };
            let words = answer.refusal(Reason::NoReply, "", &format!("the batch {id}")).detail;
            Ok(results::of(&self.names, answer, body, about.to)
                .map(|verdict| Logged { verdict, words }))
        })
    }
}
