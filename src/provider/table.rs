//! The table of providers: one row for each kind, in its own folder, and one line here.

use jiff::Timestamp;
use serde_json::Value;

use super::ProviderSpec;
use super::webhook::Webhook;
use crate::model::event::{Event, Source};

/// Every kind of provider there is.
pub const PROVIDERS: &[&ProviderSpec] = &[
    &super::sandbox::SPEC,
    &super::smtp::SPEC,
    &super::resend::SPEC,
    &super::sendgrid::SPEC,
    &super::postmark::SPEC,
    &super::mailgun::SPEC,
    &super::bird::SPEC,
    &super::emitlo::SPEC,
    &super::drin::SPEC,
    &super::mailersio::SPEC,
    &super::ses::SPEC,
];

/// The row for `kind`.
pub fn find(kind: &str) -> Option<&'static ProviderSpec> {
    PROVIDERS.iter().copied().find(|spec| spec.kind == kind)
}

/// How requests of every service that posts events are read.
pub fn webhooks() -> impl Iterator<Item = &'static Webhook> {
    PROVIDERS.iter().filter_map(|spec| spec.webhooks.first().copied())
}

/// How a provider of this kind posts events; `None` for those that do not.
pub(crate) fn webhook(kind: &str) -> Option<&'static Webhook> {
    find(kind)?.webhooks.first().copied()
}

/// The events of one JSON object out of an export or a log of a provider, whose kind stands in each
/// until the provider's name is known. It carries no signature: the person who ingests it vouches
/// for it.
pub fn read_export(raw: &[u8], now: Timestamp) -> Result<Vec<Event>, &'static str> {
    let value: Value =
        serde_json::from_slice(raw).map_err(|_| "a JSON object that cannot be read")?;
    let webhook = recognise(&value).ok_or("a JSON object in the form of no known provider")?;
    let mut events =
        webhook.read(raw, now).map_err(|_| "a provider's JSON object that cannot be read")?;
    for event in &mut events {
        event.source = Source::Export;
        webhook.kind.clone_into(&mut event.provider);
    }
    if events.is_empty() { Err("a message of the provider's about no mail") } else { Ok(events) }
}

/// Whose form a JSON value out of an export has; `None` where no provider's form fits.
pub fn recognise(value: &Value) -> Option<&'static Webhook> {
    let all = PROVIDERS.iter().flat_map(|spec| spec.webhooks.iter().copied());
    { all }.find(|webhook| (webhook.looks_like)(value))
}
