//! Every key of `mailbatch.toml` with what it takes, its default and what it is for: what is read
//! is checked by these tables, and mailbatch.toml(5) is made from them.

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// A value as it is written.
    pub example: &'static str,
    /// What holds where the key is absent; empty where there is no default.
    pub default: &'static str,
    /// What it is for.
    pub doc: &'static str,
}

const fn key(
    name: &'static str,
    example: &'static str,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { name, example, default, doc }
}

/// The names of these keys.
pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// The tables whose keys are names, in the order of mailbatch.toml(5): heading and keys.
pub const TABLES: &[(&str, &[Key])] = &[
    ("message", MESSAGE),
    ("list", LIST),
    ("suppression", SUPPRESSION),
    ("route", ROUTE),
    ("route.cohorts", COHORTS),
    ("canary", CANARY),
    ("pause", PAUSE),
    ("listen", LISTEN),
    ("env.NAME", ENVIRONMENT),
    ("providers.NAME", COMMON),
    ("providers.NAME.retry", RETRY),
];

/// The tables at the top of the file. `state` is accepted and has no key yet.
pub(super) const ROOT: [&str; 10] = [
    "message",
    "list",
    "suppression",
    "providers",
    "route",
    "canary",
    "pause",
    "listen",
    "state",
    "env",
];

pub(super) const MESSAGE: &[Key] = &[
    key(
        "file",
        "\"welcome.md\"",
        "",
        "The message: a .md, .html or .txt file, with TOML front matter that wins over this table.",
    ),
    key(
        "from",
        "\"Acme <news@acme.example>\"",
        "",
        "The From header: one mailbox, the same for every recipient.",
    ),
    key(
        "reply_to",
        "\"help@acme.example\"",
        "",
        "The Reply-To header: one mailbox, the same for every recipient.",
    ),
    key(
        "kind",
        "\"marketing\"",
        "",
        "The kind of mail, `marketing` or `transactional`; required here or in the front matter. An unsubscribe stops marketing only.",
    ),
    key(
        "unsubscribe_url",
        "\"https://acme.example/u/{{ id }}\"",
        "from `[listen]`",
        "A template for the link of List-Unsubscribe; an https, http or mailto URL. `{token}` puts the signed token of `mailbatch listen` into it.",
    ),
    key(
        "headers",
        "{ Feedback-ID = \"spring:acme:mailbatch:acme\" }",
        "",
        "Further headers; the values are templates, and a value that renders to nothing leaves its header out.",
    ),
    key(
        "envelope_sender",
        "\"bounce+{token}@acme.example\"",
        "the address of `from`",
        "The address that bounces go to. `{token}` marks each message without naming an address.",
    ),
    key("to_name", "\"{{ first_name }}\"", "", "A template for the display name of the To header."),
    key("subject", "\"Welcome, {{ first_name }}\"", "", "The subject, a template."),
    key("html", "\"<p>Hello</p>\"", "", "An HTML body, a template, instead of a file."),
    key("text", "\"Hello\"", "", "A text body, a template, instead of a file or beside `html`."),
    key(
        "attachments",
        "[\"terms.pdf\"]",
        "",
        "Files that go with every message: paths, or tables with `path`, `name` and `content_type`. A path is relative to the file that names it.",
    ),
];

pub(super) const LIST: &[Key] = &[
    key("email", "\"email\"", "found by its name and content", "The column with the address."),
    key(
        "id",
        "\"id\"",
        "the address",
        "The column by which a recipient is known from one run to the next.",
    ),
    key(
        "format",
        "\"csv\"",
        "found by name and content",
        "How lists are written: `csv`, `tsv`, `json` or `ndjson`.",
    ),
    key(
        "encoding",
        "\"windows-1252\"",
        "found where it is certain",
        "The character encoding of lists, by a label of the Encoding Standard.",
    ),
    key(
        "delimiter",
        "\";\"",
        "found by content",
        "The character between fields of a CSV list, or `tab`, `comma`, `semicolon`, `pipe`, `space`, `colon`.",
    ),
    key(
        "skip_lines",
        "2",
        "found by content",
        "How many lines stand before the header of a CSV list, 0 to 1000.",
    ),
    key(
        "zone",
        "\"Europe/Berlin\"",
        "the host's",
        "The time zone in which `{date}`, `{week}` and `{month}` in a campaign's name are filled in.",
    ),
];

pub(super) const SUPPRESSION: &[Key] = &[
    key(
        "files",
        "[\"suppressions.csv\"]",
        "none",
        "The suppression files. What mailbatch learns is written to the first of them.",
    ),
    key(
        "soft_bounces",
        "\"5 in 14d\"",
        "\"5 in 14d\"",
        "So many soft bounces within this time suppress a recipient as a hard bounce does; `never` turns that off.",
    ),
];

pub(super) const ROUTE: &[Key] = &[
    key(
        "order",
        "[\"bird\", \"relay\"]",
        "",
        "The providers in the order in which they take over; without weights the first of them goes first.",
    ),
    key(
        "weights",
        "{ bird = 3, relay = 1 }",
        "",
        "The shares by which recipients are split, by a keyed hash of the recipient; 0 is for taking over alone.",
    ),
    key(
        "domains",
        "{ \"gmail.com\" = \"relay\" }",
        "",
        "The first choice for a receiving domain; it goes before weights and order.",
    ),
    key(
        "cohorts",
        "{ canary = \"relay\" }",
        "",
        "The first choice for a part of the run; it goes before all others.",
    ),
];

pub(super) const COHORTS: &[Key] = &[
    key("canary", "\"relay\"", "", "The provider that the canary goes through first."),
    key("rest", "\"bird\"", "", "The provider that all other recipients go through first."),
];

pub(super) const CANARY: &[Key] = &[
    key(
        "size",
        "\"5%\"",
        "no canary",
        "How many of the sendable recipients go first: a share, rounded up, or a number.",
    ),
    key(
        "wait",
        "\"15m\"",
        "15m where bounces are reported, else 0",
        "How long the rest waits for bounces and complaints after the canary's last hand-over.",
    ),
    key(
        "wait_complained",
        "\"24h\"",
        "the same as `wait`",
        "How long it waits for complaints, where that is another time.",
    ),
    key(
        "extend",
        "\"25%\"",
        "no growth",
        "The size up to which a canary grows by itself while it proves nothing.",
    ),
    key(
        "require",
        "\"bounces\"",
        "",
        "`replies`: the provider's replies are enough. `bounces`: the rest waits for a person where nothing reports bounces.",
    ),
    key(
        "then",
        "\"ask\"",
        "ask on a terminal, continue elsewhere",
        "What follows a canary that has passed: `ask`, `continue` or `stop`.",
    ),
    key(
        "max_failed",
        "\"5%\"",
        "5%",
        "The largest share of attempted recipients that may be rejected, deferred or unknown.",
    ),
    key("max_bounced", "\"2%\"", "2%", "The largest share of accepted recipients that may bounce."),
    key(
        "max_complained",
        "\"0.1%\"",
        "0.1%",
        "The largest share of accepted recipients that may complain.",
    ),
    key(
        "always",
        "[\"seed@acme.example\"]",
        "none",
        "Addresses that are in every canary, if they are in the list; one that is not is warned about.",
    ),
];

pub(super) const PAUSE: &[Key] = &[key(
    "rules",
    "[\"bounced > 5% over 1h\"]",
    "none",
    "Rules that hold a run while the rest goes out: WHAT > SHARE over TIME [min SENT/EVENTS] [by provider | by domain]. See `mailbatch help canary`.",
)];

pub(super) const LISTEN: &[Key] = &[
    key(
        "addr",
        "\"127.0.0.1:8025\"",
        "127.0.0.1:8025",
        "The address and port that the endpoint listens on.",
    ),
    key(
        "public_url",
        "\"https://mail.acme.example\"",
        "",
        "The address by which the endpoint is reached from outside.",
    ),
    key(
        "unsubscribe_key",
        "{ file = \"unsubscribe.key\" }",
        "",
        "The secret that unsubscribe links are signed with, at least 16 characters.",
    ),
    key(
        "tls_cert",
        "\"cert.pem\"",
        "a proxy in front speaks TLS",
        "The certificate with its chain, in PEM; it needs `tls_key`.",
    ),
    key("tls_key", "\"key.pem\"", "", "The certificate's private key, in PEM, mode 600."),
];

pub(super) const ENVIRONMENT: &[Key] = &[key(
    "allow",
    "[\"@acme.example\"]",
    "every address",
    "The addresses and @domains that can be reached in this environment, and no others. All other tables may stand here too.",
)];

/// What every provider understands.
pub const COMMON: &[Key] = &[
    key(
        "kind",
        "\"smtp\"",
        "",
        "The kind of provider; required. `mailbatch help providers` lists them.",
    ),
    key(
        "rate",
        "\"50/s\"",
        "none",
        "How many recipients in a time: /s, /min or /hour. A request never holds more than this number.",
    ),
    key(
        "caps",
        "[\"10000/hour\", \"100000/day\"]",
        "none",
        "The most recipients in a longer time, over all runs of the workspace.",
    ),
    key(
        "ramp",
        "[50, 100, 200, 500, 1000]",
        "none",
        "The most recipients on each of the provider's first days, over all runs of the workspace.",
    ),
    key("per_domain", "{ \"gmail.com\" = \"20/s\" }", "none", "Rates of receiving domains."),
    key("in_flight", "8", "8", "The most connections or requests at once, 1 to 256."),
    key(
        "retry",
        "{ for = \"15m\", base = \"2s\", max = \"5m\" }",
        "",
        "How a recipient who was put off is tried again.",
    ),
];

pub(super) const RETRY: &[Key] = &[
    key(
        "for",
        "\"15m\"",
        "15m (900s)",
        "How long a recipient is tried, counted from the first attempt; 0 for one attempt.",
    ),
    key(
        "base",
        "\"2s\"",
        "2s",
        "The upper bound of the first wait. Waits double, and each is drawn at random below its bound.",
    ),
    key("max", "\"5m\"", "5m (300s)", "The upper bound of every wait."),
];

/// What further keys of a provider are for. A key that means the same for several kinds has one
/// row.
#[derive(Clone, Copy, Debug)]
pub struct ProviderKey {
    /// The kinds that know it.
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

/// The keys of `[providers.NAME]` that only some kinds know.
pub const OF_PROVIDERS: &[ProviderKey] = &[
    of(
        &["sandbox"],
        key(
            "keep",
            "1000",
            "1000",
            "How many accepted messages are kept as .eml files; 0 keeps none.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "url",
            "\"smtp+starttls://user@mail.acme.example:587\"",
            "",
            "The relay: smtp://, smtps:// or smtp+starttls://, with the user and without the password; required.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "password",
            "{ env = \"RELAY_PASSWORD\" }",
            "",
            "The user's password, or the token of XOAUTH2.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "auth",
            "\"plain\"",
            "what the server offers",
            "The mechanism of AUTH: `plain`, `login` or `xoauth2`.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "tls",
            "\"required\"",
            "required, except on loopback",
            "`required`: STARTTLS or no mail. `optional`: STARTTLS where the server offers it.",
        ),
    ),
    of(&["smtp"], key("per_connection", "100", "100", "The most messages over one connection.")),
    of(
        &["smtp"],
        key("helo", "\"mail.acme.example\"", "the host's name", "The name that is given in EHLO."),
    ),
    of(
        &["smtp"],
        key(
            "window",
            "16",
            "1",
            "How many messages may be under way on one connection where the server takes CHUNKING and PIPELINING, 1 to 64.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "pipelining",
            "\"auto\"",
            "auto",
            "What may leave together: `auto`, `full`, `envelope` or `off`. See `mailbatch help providers`.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "dkim",
            "{ domain = \"acme.example\", selector = \"spring\", key = { file = \"dkim.pem\" } }",
            "the relay signs",
            "Signs each message by DKIM, for a relay that does not; a list of tables signs with several keys. See `mailbatch help providers`.",
        ),
    ),
    of(
        &["smtp"],
        key(
            "timeouts",
            "{ connect = \"30s\", command = \"60s\", data = \"3m\", final = \"10m\" }",
            "as shown",
            "The longest waits: for the connection, an answer, a write, and the answer to the message.",
        ),
    ),
    of(WITH_KEY, key("api_key", "{ env = \"API_KEY\" }", "", "The service's key; required.")),
    of(
        HTTP,
        key(
            "base_url",
            "\"https://api.resend.com\"",
            "the service's own",
            "Scheme and host of the service, for a region or a gateway; https, or http on this machine.",
        ),
    ),
    of(
        HTTP,
        key(
            "timeouts",
            "{ connect = \"10s\", read = \"60s\", total = \"2m\" }",
            "as shown",
            "The longest waits: for the connection, between two parts of an answer, and for a whole request.",
        ),
    ),
    of(
        HTTP,
        key(
            "request_rate",
            "\"5/min\"",
            "what the service documents",
            "How many requests in a time, repeats included.",
        ),
    ),
    of(
        HTTP,
        key(
            "options",
            "{ topic_id = \"spring\" }",
            "none",
            "Further fields of the service's own API, laid into each request.",
        ),
    ),
    of(
        ALL,
        key(
            "ca_file",
            "\"gateway.pem\"",
            "",
            "A root certificate, in PEM, beside those of the system.",
        ),
    ),
    of(
        &["sendgrid"],
        key(
            "gzip",
            "true",
            "false",
            "Whether requests are compressed, for accounts in which Twilio has enabled that.",
        ),
    ),
    of(&["postmark"], key("stream", "\"broadcast\"", "outbound", "The message stream.")),
    of(
        &["postmark"],
        key(
            "unsubscribe_headers",
            "\"provider\"",
            "provider for the stream `broadcast`, else ours",
            "Who writes the unsubscribe headers: `ours` or `provider`.",
        ),
    ),
    of(&["mailgun"], key("domain", "\"mg.example.com\"", "", "The sending domain; required.")),
    of(&["mailgun"], key("region", "\"eu\"", "us", "Where the domain lives: `us` or `eu`.")),
    of(
        &["drin"],
        key(
            "project",
            "\"spring\"",
            "",
            "The project, for a key that is good for the whole account.",
        ),
    ),
    of(
        &["mailersio"],
        key(
            "names",
            "{ path = \"/batches\" }",
            "those of `mailbatch help providers`",
            "What the API calls its paths, headers, fields and states.",
        ),
    ),
    of(
        &["mailersio"],
        key(
            "patience",
            "\"10m\"",
            "10m",
            "How long a batch is asked about; recipients without a result are unknown then.",
        ),
    ),
    of(
        &["mailersio"],
        key("poll", "\"5s\"", "5s", "The longest pause between two questions about a batch."),
    ),
    of(&["ses"], key("region", "\"eu-west-1\"", "AWS_REGION, or the profile's", "The region.")),
    of(
        &["ses"],
        key(
            "profile",
            "\"bulk\"",
            "AWS_PROFILE, or default",
            "The profile of ~/.aws that credentials are taken from.",
        ),
    ),
    of(
        &["ses"],
        key(
            "access_key_id",
            "\"AKIAEXAMPLE\"",
            "",
            "The id of an access key, with `secret_access_key`, instead of a profile.",
        ),
    ),
    of(
        &["ses"],
        key("secret_access_key", "{ env = \"SES_SECRET\" }", "", "The secret of that access key."),
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
            "true, unless `options` has a field that SendBulkEmail does not know",
            "Whether up to 50 recipients share a request.",
        ),
    ),
    of(
        WITH_WEBHOOK,
        key(
            "webhook_secret",
            "{ env = \"WEBHOOK_SECRET\" }",
            "",
            "What events of the service are verified with: its public key, secret, or user:password. See `mailbatch help feedback`.",
        ),
    ),
    of(
        &["ses"],
        key(
            "webhook_topic",
            "\"arn:aws:sns:eu-west-1:123456789012:ses-events\"",
            "",
            "The SNS topic that events of SES come from.",
        ),
    ),
];

const WITH_WEBHOOK: &[&str] =
    &["resend", "sendgrid", "postmark", "mailgun", "bird", "emitlo", "drin", "mailersio"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::table::{PROVIDERS, webhook};

    #[test]
    fn every_key_of_every_kind_of_provider_is_explained_once() {
        for spec in PROVIDERS {
            let explained: Vec<&str> = OF_PROVIDERS
                .iter()
                .filter(|row| row.kinds.contains(&spec.kind))
                .map(|row| row.key.name)
                .collect();
            let mut known: Vec<&str> = spec.keys.to_vec();
            if let Some(webhook) = webhook(spec.kind) {
                known.push(if webhook.verify.is_none() {
                    "webhook_topic"
                } else {
                    "webhook_secret"
                });
            }
            let sorted = |mut names: Vec<&'static str>| {
                names.sort_unstable();
                names
            };
            assert_eq!(sorted(explained), sorted(known), "{}", spec.kind);
        }
        for row in OF_PROVIDERS {
            assert!(
                row.kinds.iter().all(|kind| PROVIDERS.iter().any(|spec| spec.kind == *kind)),
                "{}: {:?}",
                row.key.name,
                row.kinds
            );
        }
    }

    #[test]
    fn every_key_says_what_it_is_for() {
        let all = TABLES
            .iter()
            .flat_map(|(_, keys)| *keys)
            .chain(OF_PROVIDERS.iter().map(|row| &row.key));
        for key in all {
            assert!(
                key.doc.len() > 10 && key.doc.ends_with('.') && !key.example.is_empty(),
                "{}",
                key.name
            );
            let written = format!("v = {}", key.example);
            assert!(written.parse::<toml::Table>().is_ok(), "{written}");
        }
    }
}
