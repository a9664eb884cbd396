//! The names that Mailers.io's API is assumed to use: those of requests and answers, each of which
//! can be changed under `names`, and those of the events that it posts.
//!
//! The rule it keeps: no name of a path, header, field or status stands anywhere else (a test reads
//! the other files of this folder for one).

use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use crate::model::error::Result;
use crate::provider::ProviderSettings;
use crate::provider::http::Keys;

/// Where the service is.
pub(super) const BASE: &str = "https://api.mailers.io";

/// Declares the names with what is assumed for each.
macro_rules! names {
    ($($(#[$meta:meta])* $name:ident = $assumed:literal,)+) => {
        /// What the API calls things. Where an answer holds a thing further inside, its name is a
        /// path with dots.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct Names { $($(#[$meta])* pub(super) $name: String,)+ }

        /// Every key of `names`.
        pub(super) const ALL: &[&str] = &[$(stringify!($name),)+];

        impl Default for Names {
            fn default() -> Self {
                Self { $($name: $assumed.to_owned(),)+ }
            }
        }
    };
}

names! {
    /// Where a batch is submitted, and under which, after a slash and its id, it is asked for.
    path = "/batches",
    auth_header = "authorization",
    auth_prefix = "Bearer ",
    key_header = "idempotency-key",
    from = "from",
    recipients = "recipients",
    email = "email",
    name = "name",
    subject = "subject",
    html = "html",
    text = "text",
    headers = "headers",
    metadata = "metadata",
    /// The batch's own, in the answer to a submission.
    id = "id",
    /// Of the batch.
    status = "status",
    completed = "completed",
    /// The list of recipients in an answer.
    results = "recipients",
    /// The fields of one recipient in an answer.
    result_email = "email",
    result_status = "status",
    result_reason = "reason",
    message_id = "message_id",
    sent = "sent",
    suppressed = "suppressed",
    rejected = "rejected",
    error_code = "error.code",
    error_message = "error.message",
}

/// Where an event that is posted to us says what, as JSON pointers; of several the first that is
/// filled counts. Those from [`SAID`](posted::SAID) on are below [`DATA`](posted::DATA), where
/// there is such an object.
pub(super) mod posted {
    pub(in super::super) const KIND: [&str; 2] = ["/type", "/event"];
    pub(in super::super) const ID: &str = "/id";
    pub(in super::super) const AT: [&str; 3] = ["/timestamp", "/created_at", "/data/timestamp"];
    pub(in super::super) const BATCH: [&str; 2] = ["/batch_id", "/data/batch_id"];
    pub(in super::super) const DATA: &str = "/data";
    pub(in super::super) const SAID: [&str; 3] = ["/diagnostic", "/reason", "/message"];
    pub(in super::super) const BOUNCE_TYPE: [&str; 2] = ["/bounce_type", "/bounce/type"];
    pub(in super::super) const HARD: [&str; 2] = ["hard", "permanent"];
    pub(in super::super) const SOFT: [&str; 2] = ["soft", "transient"];
    pub(in super::super) const STATUS: &str = "/status";
    pub(in super::super) const FEEDBACK_TYPE: &str = "/feedback_type";
    pub(in super::super) const URL: &str = "/url";
    pub(in super::super) const RECIPIENT: [&str; 3] = ["/email", "/recipient", "/to"];
    pub(in super::super) const MESSAGE_ID: [&str; 2] = ["/message_id", "/id"];
    pub(in super::super) const METADATA: &str = "/metadata";
}

impl Names {
    /// The assumed names with those of the settings in their place.
    pub(super) fn of(keys: &Keys<'_>, settings: &ProviderSettings) -> Result<Self> {
        let Some(value) = settings.keys.get("names") else { return Ok(Self::default()) };
        let hint = format!("write names = {{ NAME = \"…\" }} with any of: {}", ALL.join(", "));
        let names: Self = value.clone().try_into().map_err(|_| {
            keys.error("names", "an unknown name, or one that is not a text").hint(&hint)
        })?;
        for (key, header) in
            [("auth_header", &names.auth_header), ("key_header", &names.key_header)]
        {
            if HeaderName::try_from(header).is_err() {
                return Err(keys
                    .error(&format!("names.{key}"), "not the name of a header")
                    .hint("write a name such as X-Api-Key"));
            }
        }
        let is_path = names.path.starts_with('/')
            && names.path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b));
        if !is_path
            || names.path.ends_with('/')
            || names.path.split('/').any(|part| part == "." || part == "..")
        {
            return Err(keys
                .error("names.path", "not a path")
                .hint("write a path such as /v1/batches"));
        }
        Ok(names)
    }
}

/// The value that a name or a path with dots leads to.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| value.get(part))
}

/// The same as a text; empty for anything else.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    find(value, path).and_then(Value::as_str).unwrap_or_default()
}
