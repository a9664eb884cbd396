//! The keys of `[providers.NAME]` that only some kinds of provider accept.

use super::keys::{Key, key};

/// The keys of providers that only some kinds accept. A key with the same meaning for several kinds
/// has one row.
#[derive(Clone, Copy, Debug)]
pub struct ProviderKey {
    /// The kinds that accept the key.
    pub kinds: &'static [&'static str],
    pub key: Key,
}

const HTTP: &[&str] =
    &["resend", "sendgrid", "postmark", "mailgun", "bird", "emitlo", "drin", "mailersio", "ses"];
const WITH_KEY: &[&str] =
    &["resend", "sendgrid", "postmark", "mailgun", "bird", "emitlo", "drin", "mailersio"];
const ALL: &[&str] = &[
    "smtp",
    "resend",
    "sendgrid",
    "postmark",
    "mailgun",
    "bird",
    "emitlo",
    "drin",
    "mailersio",
    "ses",
];

const fn of(kinds: &'static [&'static str], key: Key) -> ProviderKey {
    ProviderKey { kinds, key }
}

/// The keys of `[providers.NAME]` that only some kinds accept.
pub const OF_PROVIDERS: &[ProviderKey] = &[
    of(
        &["sandbox"],
        key(
            "keep",
            "1000",
            "1000",
            "How many accepted messages to keep as .eml files; 0 keeps none.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "url",
            "\"smtp+starttls://user@mail.acme.example:587\"",
            "",
            "The relay's URL: smtp://, smtps:// or smtp+starttls://, with the user but without the password; required.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "password",
            "{ env = \"RELAY_PASSWORD\" }",
            "",
            "The user's password, or the XOAUTH2 token.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "auth",
            "\"plain\"",
            "a mechanism that the server offers",
            "The AUTH mechanism: `plain`, `login` or `xoauth2`.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "tls",
            "\"required\"",
            "required, except on loopback",
            "`required`: refuse to send without STARTTLS. `optional`: use STARTTLS if the server offers it.",
        ),
    ),
    of(
        &["smtp"],
        key("per_connection", "100", "100", "The maximum number of messages per connection."),
    ),
    of(
        &["smtp"],
        key("helo", "\"mail.acme.example\"", "the host's name", "The host name in EHLO."),
    ),
    of(
        &["smtp"],
        key(
            "window",
            "16",
            "1",
            "How many messages may be in flight on one connection, 1 to 64, if the server supports CHUNKING and PIPELINING.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "pipelining",
            "\"auto\"",
            "auto",
            "Which SMTP commands may be sent together: `auto`, `full`, `envelope` or `off`. See `mailbatch help providers`.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "dkim",
            "{ domain = \"acme.example\", selector = \"spring\", key = { file = \"dkim.pem\" } }",
            "the relay signs",
            "Signs each message with DKIM, for a relay that does not sign. A list of tables signs with several keys. See `mailbatch help providers`.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "timeouts",
            "{ connect = \"30s\", command = \"60s\", data = \"3m\", final = \"10m\" }",
            "as shown",
            "Timeouts: for the connection, a reply, a write, and the reply to the message.",
        ),
    ),
    of(WITH_KEY, key("api_key", "{ env = \"API_KEY\" }", "", "The service's API key; required.")),
    of(
        HTTP,
        key(
            "base_url",
            "\"https://api.resend.com\"",
            "the service's public address",
            "The scheme and host of the service, to choose a region or a gateway: https, or http on this machine.",
        ),
    ),
    of(
        HTTP,
        key(
            "timeouts",
            "{ connect = \"10s\", read = \"60s\", total = \"2m\" }",
            "as shown",
            "Timeouts: for the connection, between two parts of a response, and for a whole request.",
        ),
    ),
    of(
        HTTP,
        key(
            "request_rate",
            "\"5/min\"",
            "the rate in the service's documentation",
            "The maximum rate in requests, including retries.",
        ),
    ),
    of(
        HTTP,
        key(
            "options",
            "{ topic_id = \"spring\" }",
            "none",
            "Additional fields of the service's API, added to each request.",
        ),
    ),
    of(
        ALL,
        key(
            "ca_file",
            "\"gateway.pem\"",
            "",
            "A root certificate, in PEM, in addition to those of the system.",
        ),
    ),
    of(
        &["sendgrid"],
        key(
            "gzip",
            "true",
            "false",
            "Whether to compress requests, for accounts in which Twilio has enabled this.",
        ),
    ),
    of(&["postmark"], key("stream", "\"broadcast\"", "outbound", "The Postmark message stream.")),
    of(
        &["postmark"],
        key(
            "unsubscribe_headers",
            "\"provider\"",
            "provider for the stream `broadcast`, else ours",
            "Who adds the unsubscribe headers: `ours` or `provider`.",
        ),
    ),
    of(&["mailgun"], key("domain", "\"mg.example.com\"", "", "The sending domain; required.")),
    of(&["mailgun"], key("region", "\"eu\"", "us", "The domain's region: `us` or `eu`.")),
    of(
        &["drin"],
        key(
            "project",
            "\"spring\"",
            "",
            "The project, if the API key is valid for the whole account.",
        ),
    ),
    of(
        &["mailersio"],
        key(
            "names",
            "{ path = \"/batches\" }",
            "the names listed in `mailbatch help providers`",
            "The API's names for paths, headers, fields and states.",
        ),
    ),
    of(
        &["mailersio"],
        key(
            "patience",
            "\"10m\"",
            "10m",
            "How long to poll for a batch's results; recipients without a result by that time are unknown.",
        ),
    ),
    of(
        &["mailersio"],
        key("poll", "\"5s\"", "5s", "The longest wait between two polls for a batch."),
    ),
    of(
        &["ses"],
        key(
            "region",
            "\"eu-west-1\"",
            "AWS_REGION, or the region of the profile",
            "The AWS region.",
        ),
    ),
    of(
        &["ses"],
        key(
            "profile",
            "\"bulk\"",
            "AWS_PROFILE, or default",
            "The profile in ~/.aws with the credentials.",
        ),
    ),
    of(
        &["ses"],
        key(
            "access_key_id",
            "\"AKIAEXAMPLE\"",
            "",
            "An access key id, together with `secret_access_key`, instead of a profile.",
        ),
    ),
    of(
        &["ses"],
        key("secret_access_key", "{ env = \"SES_SECRET\" }", "", "The secret of the access key."),
    ),
    of(
        &["ses"],
        key(
            "session_token",
            "{ env = \"SES_TOKEN\" }",
            "",
            "The session token of a temporary access key.",
        ),
    ),
    of(
        &["ses"],
        key(
            "bulk",
            "false",
            "true, unless `options` has a field that SendBulkEmail does not support",
            "Whether to send to up to 50 recipients in one request.",
        ),
    ),
    of(
        WITH_WEBHOOK,
        key(
            "webhook_secret",
            "{ env = \"WEBHOOK_SECRET\" }",
            "",
            "The secret that verifies the service's events: its public key, shared secret, or user:password. See `mailbatch help feedback`.",
        ),
    ),
    of(
        &["ses"],
        key(
            "webhook_topic",
            "\"arn:aws:sns:eu-west-1:123456789012:ses-events\"",
            "",
            "The SNS topic that delivers SES events.",
        ),
    ),
];

const WITH_WEBHOOK: &[&str] =
    &["resend", "sendgrid", "postmark", "mailgun", "bird", "emitlo", "drin", "mailersio"];
