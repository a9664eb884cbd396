//! Defines the names assumed in Mailers.io's API: those in requests and replies, which can be
//! changed under `names`, and those in webhook events.
//!
//! Every name of a path, header, field or status is defined in this file. A test checks that the
//! other files of this folder contain none.

use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use crate::model::error::Result;
use crate::provider::ProviderSettings;
use crate::provider::http::Keys;

/// The default address of the service.
pub(super) const BASE: &str = "https://api.mailers.io";

/// Declares each name with its assumed value.
macro_rules! names {
    ($($(#[$meta:meta])* $name:ident = $assumed:literal,)+) => {
        /// The names that the API uses. The name of a nested field in a reply is a path with dots.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct Names { $($(#[$meta])* pub(super) $name: String,)+ }

        /// Every key that `names` may contain.
        pub(super) const ALL: &[&str] = &[$(stringify!($name),)+];

        impl Default for Names {
            fn default() -> Self {
                Self { $($name: $assumed.to_owned(),)+ }
            }
        }
    };
}

names! {
    /// The path for submitting a batch. Followed by a slash and the batch's id, it is the path for
    /// the batch's status.
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
    /// The batch's id, in the reply to a submission.
    id = "id",
    /// The batch's status.
    status = "status",
    completed = "completed",
    /// The list of recipients in a reply.
    results = "recipients",
    /// The fields of one recipient in a reply.
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

/// JSON pointers into a webhook event. If there are several pointers for a value, the first one
/// with a value is used. The pointers from [`SAID`](posted::SAID) on start at
/// [`DATA`](posted::DATA) if the event has that object.
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
    /// Returns the assumed names, replaced by those in the settings.
    pub(super) fn of(keys: &Keys<'_>, settings: &ProviderSettings) -> Result<Self> {
        let Some(value) = settings.keys.get("names") else { return Ok(Self::default()) };
        let hint =
            format!("write names = {{ NAME = \"…\" }}, where NAME is any of: {}", ALL.join(", "));
        let names: Self = value.clone().try_into().map_err(|_| {
            keys.error("names", "an unknown name, or a value that is not a text").hint(&hint)
        })?;
        for (key, header) in
            [("auth_header", &names.auth_header), ("key_header", &names.key_header)]
        {
            if HeaderName::try_from(header).is_err() {
                return Err(keys
                    .error(&format!("names.{key}"), "not a valid header name")
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

/// Returns the value at a name or a path with dots.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| value.get(part))
}

/// Like [`find`], but returns a text, which is empty for any other type.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    find(value, path).and_then(Value::as_str).unwrap_or_default()
}
