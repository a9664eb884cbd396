//! Reads the result of each recipient of a batch from a reply of Mailers.io.
//!
//! A recipient's outcome is unknown if it has no result with a known status. It is also unknown if
//! the number of results for its address differs from the number of messages to it.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

use super::names::{Names, find, text};
use crate::model::address::key_of;
use crate::model::outcome::Reason;
use crate::provider::http::{Answer, Later, Read};
use crate::provider::pending::Pending;
use crate::provider::{Job, Verdict};

/// The latest reply about a batch. It is reused, because the recipients of one batch are looked up
/// one after another.
pub(super) struct Recent {
    pub(super) id: String,
    pub(super) at: Instant,
    pub(super) answer: Answer,
    pub(super) body: Value,
}

/// Returns the verdicts for a batch that was just accepted: all are unknown.
pub(super) fn nothing_yet(jobs: &[&Job], id: &str) -> Vec<Verdict> {
    let detail = Pending { batch: id }.to_string();
    jobs.iter().map(|_| Verdict::Unknown { detail: detail.clone() }).collect()
}

/// Returns the result of one address in a batch. Returns `None` if the result is not final, or if
/// the address has several different results.
pub(super) fn of(names: &Names, answer: &Answer, body: &Value, address: &str) -> Option<Verdict> {
    let is_theirs =
        |result: &&Value| text(result, &names.result_email).eq_ignore_ascii_case(address);
    let results: Vec<&Value> =
        find(body, &names.results)?.as_array()?.iter().filter(is_theirs).collect();
    let status = |result: &Value| text(result, &names.result_status).to_owned();
    if results.iter().any(|result| status(result) != status(results[0])) {
        return None;
    }
    let verdict = one(names, answer, results.first()?)?;
    Some(match verdict {
        // The reply does not say which of several ids belongs to which message.
        Verdict::Accepted { code, detail, .. } if results.len() > 1 => {
            Verdict::Accepted { provider_id: None, code, detail }
        }
        verdict => verdict,
    })
}

/// Reads a reply such as
/// `{"id":"…","status":"completed","total":2,"recipients":[{"email":"…","status":"sent","message_id":"…"},{"email":"…","status":"suppressed"}]}`.
/// Until the batch is completed, the list may be missing or contain only the recipients with final
/// results.
pub(super) fn read(
    names: &Names,
    jobs: &[&Job],
    answer: &Answer,
    body: &Value,
    later: Later,
) -> Read {
    let is_completed = text(body, &names.status) == names.completed;
    let mut listed: HashMap<String, Vec<&Value>> = HashMap::new();
    for result in find(body, &names.results).and_then(Value::as_array).into_iter().flatten() {
        listed.entry(key_of(text(result, &names.result_email))).or_default().push(result);
    }
    let mut times: HashMap<String, usize> = HashMap::new();
    jobs.iter().for_each(|job| *times.entry(job.to.folded()).or_default() += 1);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let verdict = |job: &&Job| {
        let address = job.to.folded();
        let results = listed.get(&address).map(Vec::as_slice).unwrap_or_default();
        let place = seen.entry(address.clone()).or_default();
        *place += 1;
        // Different results for one address cannot be matched to the messages.
        let agree = results.iter().all(|result| {
            text(result, &names.result_status) == text(results[0], &names.result_status)
        });
        match results.get(*place - 1) {
            Some(result) if agree && results.len() == times[&address] => one(names, answer, result),
            _ => None,
        }
    };
    let known: Vec<Option<Verdict>> = jobs.iter().map(verdict).collect();
    let detail = match is_completed {
        true => format!("batch {} is completed without a result that can be read", later.handle),
        false => Pending { batch: &later.handle }.to_string(),
    };
    let so_far = known
        .into_iter()
        .map(|known| known.unwrap_or_else(|| Verdict::Unknown { detail: detail.clone() }))
        .collect();
    if is_completed { Read::Each(so_far) } else { Read::Later(Later { so_far, ..later }) }
}

/// Returns the verdict for one result. Returns `None` if its status is not final.
fn one(names: &Names, answer: &Answer, result: &Value) -> Option<Verdict> {
    let status = text(result, &names.result_status);
    // This is `Some` only if the service uses the same word for the reason as mailbatch.
    let given: Option<Reason> = text(result, &names.result_reason).parse().ok();
    let words = Some(text(result, &names.error_message))
        .filter(|words| !words.is_empty())
        .unwrap_or(status);
    let refusal = |reason: Reason| answer.refusal(reason, status, words);
    if status == names.sent {
        let id = Some(text(result, &names.message_id)).filter(|id| !id.is_empty());
        return Some(Verdict::Accepted {
            provider_id: id.map(|id| answer.clean(id)),
            code: answer.clean(status),
            detail: String::new(),
        });
    }
    if status == names.suppressed {
        let reason = given.filter(|reason| {
            matches!(reason, Reason::HardBounce | Reason::Complaint | Reason::Unsubscribe)
        });
        return Some(Verdict::Suppressed(refusal(reason.unwrap_or(Reason::Manual))));
    }
    if status == names.rejected {
        let reason = given.filter(|reason| {
            matches!(reason, Reason::BadAddress | Reason::Content | Reason::Policy)
        });
        return Some(Verdict::Rejected(refusal(reason.unwrap_or(Reason::Policy))));
    }
    None
}
