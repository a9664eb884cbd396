//! TLS, DKIM signatures and attachments, which cost more than a plain message.

use std::process::Command;

use anyhow::{Context, Result};

use super::wire::{CONNECTIONS, relay, source_missing};
use crate::bench::{Bench, Finding, counted};
use crate::measure::{self, Cost};
use crate::message::Form;
use crate::row::{Bound, Row, Side, Unit};
use crate::smtp_sink::SmtpSink;
use crate::{message, postfix, program, reference, tls};

/// The bytes of an attachment.
const ATTACHMENT: usize = 200 * 1024;
/// The bytes on the wire of a message with the attachment: base64 in lines of 76 characters, both
/// texts and the headers.
const ATTACHED: usize = ATTACHMENT.div_ceil(3) * 4 / 76 * 78 + 5_600;
/// The number of signatures in one round.
const SIGNATURES: u64 = 1_000;
/// The signing keys, from the test fixtures.
const RSA: &str = include_str!("../../fixtures/dkim/rsa2048.pem");
const ED25519: &str = include_str!("../../fixtures/dkim/ed25519.pem");

pub(super) fn tls(bench: &Bench) -> Result<Vec<Finding>> {
    let messages = bench.amount(50_000);
    let list = bench.list(messages)?;
    let (acceptor, authority) = tls::acceptor(&bench.dir)?;
    let (plain, secure) = (SmtpSink::start(false)?, SmtpSink::start_tls(acceptor)?);
    let row = Row {
        group: "tls",
        what: "the same under TLS".into(),
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("in plain text", messages),
        bound: Bound::AtLeast(0.8),
    };
    let under_tls = format!(
        "kind = \"smtp\"\nurl = \"smtps://localhost:{}\"\nca_file = \"{}\"\nin_flight = {CONNECTIONS}\nper_connection = 1000000",
        secure.address().port(),
        authority.display()
    );
    let in_plain_text = relay(plain.address(), CONNECTIONS);
    let ours = || counted(&secure, messages, || bench.send(&under_tls, &list, &[]));
    let yardstick = || counted(&plain, messages, || bench.send(&in_plain_text, &list, &[]));
    Ok(vec![bench.duel(row, ours, yardstick)?])
}

/// Mail signed with each kind of key, compared with unsigned mail and with the limit of the cores.
pub(super) fn dkim(bench: &Bench) -> Result<Vec<Finding>> {
    let messages = bench.amount(20_000);
    let list = bench.list(messages)?;
    let sink = SmtpSink::start(false)?;
    let unsigned_relay = relay(sink.address(), CONNECTIONS);
    let signing = |name: &str, key: &str| -> Result<String> {
        let file = bench.dir.join(format!("{name}.pem"));
        std::fs::write(&file, key)?;
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(format!(
            "{unsigned_relay}\ndkim = {{ domain = \"acme.example\", selector = \"bench\", key = {{ file = \"{}\" }} }}",
            file.display()
        ))
    };
    let (by_ed25519, by_rsa) = (signing("ed25519", ED25519)?, signing("rsa", RSA)?);
    let side = |who: &str| Side::new(who, messages);
    let (mut unsigned, mut ed25519, mut rsa) =
        (side("unsigned"), side("mailbatch"), side("mailbatch"));
    let (mut ring, mut openssl) = (Side::new("ring", SIGNATURES), Side::new("openssl", SIGNATURES));
    let send = |provider: &str| counted(&sink, messages, || bench.send(provider, &list, &[]));
    let openssl_program = program::find("openssl");
    let loop_of_ring = reference::sign(&bench.dir.join("rsa.pem"), SIGNATURES)?;
    let mut works: [(&mut Side, &mut dyn FnMut() -> Result<Cost>); 5] = [
        (&mut unsigned, &mut || send(&unsigned_relay)),
        (&mut ed25519, &mut || send(&by_ed25519)),
        (&mut rsa, &mut || send(&by_rsa)),
        (&mut ring, &mut || measure::run(&loop_of_ring)),
        (&mut openssl, &mut || openssl_signatures(openssl_program.as_deref())),
    ];
    let sides = if openssl_program.is_some() { 5 } else { 4 };
    bench.take_turns("dkim", &mut works[..sides])?;
    let row = |what: &str, ours: &Side, yardstick: &Side, bound| {
        let (ours, yardstick) = (ours.clone(), yardstick.clone());
        Finding::Row(Row {
            group: "dkim",
            what: what.into(),
            unit: Unit::Rate,
            ours,
            yardstick,
            bound,
        })
    };
    let signatures = if sides == 5 { &openssl } else { &ring };
    let limit = limit(&unsigned, signatures);
    Ok(vec![
        row("signed by Ed25519", &ed25519, &unsigned, Bound::AtLeast(0.7)),
        row("signed by RSA-2048", &rsa, &unsigned, Bound::None),
        row("signed by RSA-2048, over the limit of the cores", &rsa, &limit, Bound::AtLeast(0.9)),
        if sides == 5 {
            row("signatures of RSA-2048 on one core", &ring, &openssl, Bound::None)
        } else {
            Finding::skipped("signatures of RSA-2048 on one core", "openssl is not installed")
        },
    ])
}

/// The rate at which all cores together could send, if each message cost the CPU time of an unsigned
/// message plus the time of one signature.
fn limit(unsigned: &Side, signatures: &Side) -> Side {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let costs = unsigned.costs.iter().zip(&signatures.costs).map(|(message, signature)| {
        let signature = signature.seconds / signatures.items as f64;
        let cpu_seconds = message.cpu_seconds + signature * unsigned.items as f64;
        Cost { seconds: cpu_seconds / cores, cpu_seconds, ..*message }
    });
    let who = format!("CPU of one unsigned and one signature by {}:", signatures.who);
    Side { costs: costs.collect(), ..Side::new(who, unsigned.items) }
}

/// The cost of one round of signatures, according to `openssl speed`.
fn openssl_signatures(openssl: Option<&std::path::Path>) -> Result<Cost> {
    let mut command = Command::new(openssl.context("openssl is not installed")?);
    let output = command.args(["speed", "-seconds", "2", "rsa2048"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    // "rsa 2048 bits 0.000637s 0.000019s   1569.7  52894.4"
    let each = said
        .lines()
        .find(|line| line.split_ascii_whitespace().take(2).eq(["rsa", "2048"]))
        .and_then(|line| {
            line.split_ascii_whitespace().nth(3)?.strip_suffix('s')?.parse::<f64>().ok()
        })
        .with_context(|| format!("openssl speed says no time of a signature: {said}"))?;
    let seconds = each * SIGNATURES as f64;
    Ok(Cost { seconds, cpu_seconds: seconds, peak_mib: 0.0 })
}

pub(super) fn attachment(bench: &Bench) -> Result<Vec<Finding>> {
    let what = format!("an attachment of {} KiB for each row", ATTACHMENT / 1024);
    let Some(source) = postfix::source() else { return source_missing(&what) };
    let sink = SmtpSink::start(false)?;
    let messages = bench.amount(2_000);
    let list = bench.list(messages)?;
    message::write_attachments(&bench.dir, messages, ATTACHMENT)?;
    let row = Row {
        group: "attachment",
        what,
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("smtp-source", messages),
        bound: Bound::None,
    };
    let provider = relay(sink.address(), CONNECTIONS);
    let ours = || counted(&sink, messages, || bench.send_as(Form::Attached, &provider, &list, &[]));
    let yardstick = || {
        let command = postfix::send_long(&source, sink.address(), CONNECTIONS, messages, ATTACHED);
        counted(&sink, messages, || measure::run(&command))
    };
    Ok(vec![bench.duel(row, ours, yardstick)?])
}
