//! The rows of the table, one file for each kind of work.

mod costly;
mod forms;
mod http;
mod peers;
mod scale;
mod wire;

use anyhow::Result;

use crate::bench::{Bench, Finding};

/// Rows that are measured together, under the name by which they can be asked for.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Bench) -> Result<Vec<Finding>>,
}

/// All of them, in the order of the table.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "smtp-sink",
        about: "whole sends to smtp-sink, over smtp-source",
        run: wire::smtp_sink,
    },
    Group {
        name: "wire",
        about: "whole sends to a sink that is not the limit, over smtp-source",
        run: wire::fast_sink,
    },
    Group {
        name: "rtt",
        about: "20 ms away, pipelining = full and auto, over smtp-source",
        run: wire::far,
    },
    Group {
        name: "window",
        about: "20 ms away, CHUNKING with window = 16, over smtp-source",
        run: wire::window,
    },
    Group {
        name: "forms",
        about: "one HTML file, conditions and Markdown, over text and HTML apart",
        run: forms::html,
    },
    Group {
        name: "newsletter",
        about: "newsletters of 51 and 100 KiB, over smtp-source with as many bytes",
        run: forms::newsletters,
    },
    Group {
        name: "dry-newsletter",
        about: "a dry run of the newsletter over a bare loop on all cores",
        run: forms::dry_run,
    },
    Group { name: "tls", about: "whole sends under TLS, over plain text", run: costly::tls },
    Group {
        name: "dkim",
        about: "mail signed by Ed25519 and RSA, over unsigned mail and over the limit of the cores",
        run: costly::dkim,
    },
    Group {
        name: "attachment",
        about: "an attachment of 200 KiB for each row, over smtp-source with as many bytes",
        run: costly::attachment,
    },
    Group {
        name: "http",
        about: "batches of a JSON API, over wrk posting one body",
        run: http::batches,
    },
    Group {
        name: "http-send",
        about: "whole sends through a JSON API, over wrk posting one body",
        run: http::sends,
    },
    Group {
        name: "batches",
        about: "the newsletter through five services, over wrk posting one body",
        run: http::newsletters,
    },
    Group {
        name: "nodemailer",
        about: "whole sends over nodemailer's pool, the newsletter too",
        run: peers::nodemailer,
    },
    Group {
        name: "mailmerge",
        about: "whole sends over mailmerge, the newsletter too",
        run: peers::mailmerge,
    },
    Group { name: "smtplib", about: "whole sends over Python's smtplib", run: peers::smtplib },
    Group {
        name: "dry-run",
        about: "a dry run over a bare loop that parses and renders",
        run: scale::dry_run,
    },
    Group {
        name: "suppression",
        about: "loading suppressions over a bare loop that reads and hashes",
        run: scale::suppression,
    },
    Group { name: "growth", about: "ten times the list: time and memory", run: scale::growth },
    Group { name: "memory", about: "suppressions on top: memory", run: scale::memory },
];
