//! All keys of `mailbatch.toml` with examples, defaults and descriptions. The parser accepts
//! exactly these keys, and mailbatch.toml(5) is generated from these tables.

/// The description of one key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// An example value.
    pub example: &'static str,
    /// The value that applies if the key is absent; empty if there is no default.
    pub default: &'static str,
    /// What the key does.
    pub doc: &'static str,
}

pub(super) const fn key(
    name: &'static str,
    example: &'static str,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { name, example, default, doc }
}

/// Returns the names of these keys.
pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// The tables with fixed keys, each with its heading, in the order of mailbatch.toml(5).
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

/// The top-level tables. `state` is accepted but has no keys yet.
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
        "The message: a .md, .html, .mjml or .txt file, optionally with TOML front matter, which takes precedence over this table.",
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
        "A template for the Reply-To header: one mailbox, or several separated by commas. A value that the template inserts is always one name or one address, even if it contains a comma. If the result is not a valid list of mailboxes, the row is `invalid`; if it is empty, the header is omitted.",
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
        "A template for the unsubscribe link in List-Unsubscribe: an https, http or mailto URL. `{token}` is replaced by a signed token for `mailbatch listen`.",
    ),
    key(
        "unsubscribe_mailto",
        "\"unsubscribe+{token}@acme.example\"",
        "",
        "A template for an address that List-Unsubscribe contains in addition to `unsubscribe_url`, for mail programs that unsubscribe by mail. `{token}` is replaced as in `envelope_sender`. Header fields for the unsubscribe mail may follow a `?`; the default is `subject=unsubscribe`.",
    ),
    key(
        "preheader",
        "\"{{ first_name }}, three days only\"",
        "",
        "A template for the preview text that mail programs show next to the subject. It is hidden text at the start of the HTML part, padded so that the first words of the mail do not follow it.",
    ),
    key(
        "list_id",
        "\"Spring news <news.acme.example>\"",
        "",
        "The List-Id header (RFC 2919), which recipients can use to sort their mail: a name, and an identifier under your own domain. Keep it the same for every mailing to this list.",
    ),
    key(
        "feedback_id",
        "\"{{ segment }}:spring:news:acmemail\"",
        "",
        "A template for the Feedback-ID header: four fields separated by colons. Gmail's Postmaster Tools group complaints by these fields. The last field is a name of your choice with 5 to 15 characters; the others may be empty.",
    ),
    key(
        "headers",
        "{ X-Campaign = \"{{ campaign }}\" }",
        "",
        "Additional headers. The values are templates; a header with an empty result is omitted.",
    ),
    key(
        "envelope_sender",
        "\"bounce+{token}@acme.example\"",
        "the address of `from`",
        "The envelope sender, to which bounces are sent. `{token}` is replaced by a token that identifies the message without revealing the recipient.",
    ),
    key("to_name", "\"{{ first_name }}\"", "", "A template for the display name of the To header."),
    key("subject", "\"Welcome, {{ first_name }}\"", "", "The subject (a template)."),
    key("html", "\"<p>Hello</p>\"", "", "An HTML body (a template), instead of a file."),
    key(
        "text",
        "\"Hello\"",
        "",
        "A text body (a template), instead of a file or in addition to `html`.",
    ),
    key(
        "body",
        "\"emails/{{ locale }}.html\"",
        "",
        "A template for the path of the body, so that each row chooses its file. The key `file` may contain a template too. See `mailbatch help messages`.",
    ),
    key(
        "inline_css",
        "true",
        "false",
        "Whether to write the CSS of `<style>` elements into `style` attributes. MJML's `mj-style inline` is always inlined.",
    ),
    key(
        "attachments",
        "[\"terms.pdf\"]",
        "",
        "Files to attach to every message: paths, or tables with `path`, `name`, `content_type` and `cid`. A path is relative to the file that contains this key. A file with a `cid` is an image that the HTML refers to by `cid:`. If the path is a template, such as `invoices/{{ id }}.pdf`, each row has its own file below `attach_dir`; `name` may be a template too.",
    ),
    key(
        "attach_dir",
        "\"invoices\"",
        "",
        "The directory that contains the files of templates in `attachments`. Files outside of it are never opened, and symbolic links below it are not followed. If the path of a row is empty, the row has no such attachment. If its file is missing, empty or too large, the row is `invalid`.",
    ),
];

pub(super) const LIST: &[Key] = &[
    key("email", "\"email\"", "detected by its name and content", "The column with the addresses."),
    key(
        "id",
        "\"id\"",
        "the address",
        "The column with a stable id, which identifies a recipient in later runs.",
    ),
    key(
        "format",
        "\"csv\"",
        "detected by name and content",
        "The format of lists: `csv`, `tsv`, `json` or `ndjson`.",
    ),
    key(
        "encoding",
        "\"windows-1252\"",
        "detected if that is certain",
        "The character encoding of lists, such as `utf-8` or `windows-1252`.",
    ),
    key(
        "delimiter",
        "\";\"",
        "detected by content",
        "The delimiter of CSV lists: one character, or `tab`, `comma`, `semicolon`, `pipe`, `space`, `colon`.",
    ),
    key(
        "skip_lines",
        "2",
        "detected by content",
        "The number of lines before the header of a CSV list, 0 to 1000.",
    ),
    key(
        "zone",
        "\"Europe/Berlin\"",
        "the host's",
        "The time zone for `{date}`, `{week}` and `{month}` in a campaign's name.",
    ),
];

pub(super) const SUPPRESSION: &[Key] = &[
    key(
        "files",
        "[\"suppressions.csv\"]",
        "none",
        "The suppression files. New suppressions, such as hard bounces, are appended to the first file.",
    ),
    key(
        "soft_bounces",
        "\"5 in 14d\"",
        "\"5 in 14d\"",
        "The number of soft bounces within a time that suppresses a recipient like a hard bounce; `never` turns this off.",
    ),
];

pub(super) const ROUTE: &[Key] = &[
    key(
        "order",
        "[\"bird\", \"relay\"]",
        "",
        "The failover order of the providers. Without weights, the first provider is used until it fails.",
    ),
    key(
        "weights",
        "{ bird = 3, relay = 1 }",
        "",
        "The share of recipients for each provider, assigned by a keyed hash of the recipient. A provider with weight 0 is used only for failover.",
    ),
    key(
        "domains",
        "{ \"gmail.com\" = \"relay\" }",
        "",
        "The preferred provider for a receiving domain; takes precedence over weights and order.",
    ),
    key(
        "cohorts",
        "{ canary = \"relay\" }",
        "",
        "The preferred provider for the canary or the rest of a run; takes precedence over all other keys.",
    ),
];

pub(super) const COHORTS: &[Key] = &[
    key("canary", "\"relay\"", "", "The preferred provider for the canary."),
    key("rest", "\"bird\"", "", "The preferred provider for all other recipients."),
];

pub(super) const CANARY: &[Key] = &[
    key(
        "size",
        "\"5%\"",
        "no canary",
        "How many of the sendable recipients get the message first: a share (rounded up) or a number.",
    ),
    key(
        "wait",
        "\"15m\"",
        "15m if the provider reports bounces, else 0",
        "How long to wait for bounces and complaints after the last canary message, before the rest is sent.",
    ),
    key(
        "wait_complained",
        "\"24h\"",
        "the same as `wait`",
        "How long to wait for complaints, if different from `wait`.",
    ),
    key(
        "extend",
        "\"25%\"",
        "no growth",
        "The largest size to which an inconclusive canary grows automatically.",
    ),
    key(
        "require",
        "\"bounces\"",
        "",
        "The evidence that a canary needs. `replies`: the provider's replies are enough. `bounces`: without a source of bounce reports, the rest waits for a decision.",
    ),
    key(
        "then",
        "\"ask\"",
        "ask on a terminal, continue elsewhere",
        "What to do after the canary passes: `ask`, `continue` or `stop`.",
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
        "Addresses that are part of every canary. An address that is not in the list causes a warning.",
    ),
];

pub(super) const PAUSE: &[Key] = &[key(
    "rules",
    "[\"bounced > 5% over 1h\"]",
    "none",
    "Rules that stop a run after its canary if too many messages fail: WHAT > SHARE over TIME [min SENT/EVENTS] [by provider | by domain]. See `mailbatch help canary`.",
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
        "The URL at which the endpoint is reached from outside.",
    ),
    key(
        "unsubscribe_key",
        "{ file = \"unsubscribe.key\" }",
        "",
        "The secret that signs unsubscribe links, at least 16 characters.",
    ),
    key(
        "tls_cert",
        "\"cert.pem\"",
        "a proxy in front handles TLS",
        "The TLS certificate with its chain, in PEM; requires `tls_key`.",
    ),
    key("tls_key", "\"key.pem\"", "", "The certificate's private key, in PEM, mode 600."),
];

pub(super) const ENVIRONMENT: &[Key] = &[key(
    "allow",
    "[\"@acme.example\"]",
    "every address",
    "The only addresses and @domains that can be mailed in this environment. All other tables can be overridden here too.",
)];

/// The keys that every provider accepts.
pub const COMMON: &[Key] = &[
    key(
        "kind",
        "\"smtp\"",
        "",
        "The kind of provider; required. `mailbatch help providers` lists the kinds.",
    ),
    key(
        "rate",
        "\"50/s\"",
        "none",
        "The maximum rate in recipients: /s, /min or /hour. A request never contains more recipients than this number.",
    ),
    key(
        "caps",
        "[\"10000/hour\", \"100000/day\"]",
        "none",
        "The maximum number of recipients per hour, day or other time, over all runs of the workspace.",
    ),
    key(
        "ramp",
        "[50, 100, 200, 500, 1000]",
        "none",
        "The maximum number of recipients on each of the provider's first days (warm-up), over all runs of the workspace.",
    ),
    key(
        "per_domain",
        "{ \"gmail.com\" = \"20/s\" }",
        "none",
        "Maximum rates for receiving domains.",
    ),
    key(
        "in_flight",
        "8",
        "8",
        "The maximum number of simultaneous connections or requests, 1 to 256.",
    ),
    key(
        "retry",
        "{ for = \"15m\", base = \"2s\", max = \"5m\" }",
        "",
        "How long and how often a deferred recipient is retried.",
    ),
];

pub(super) const RETRY: &[Key] = &[
    key(
        "for",
        "\"15m\"",
        "15m (900s)",
        "How long a recipient is retried, counted from the first attempt; 0 for a single attempt.",
    ),
    key(
        "base",
        "\"2s\"",
        "2s",
        "The upper bound of the first wait. The bound doubles with each retry, and the wait is random below the bound.",
    ),
    key("max", "\"5m\"", "5m (300s)", "The upper bound of every wait."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::provider_keys::OF_PROVIDERS;
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
