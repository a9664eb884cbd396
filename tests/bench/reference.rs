//! Bare loops that do the least that a row's work needs, on one thread: what mailbatch's dry run
//! and its loading are measured against.
//!
//! The rule it keeps: each runs as a process of its own, so that start, reading and exit are paid
//! for as mailbatch pays for them.

use std::ffi::OsString;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use csv::ByteRecord;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::list::COLUMNS;
use crate::message;

/// The first argument of a process that runs a loop; the loop's name and the file follow.
pub(crate) const FLAG: &str = "--reference";
const RENDER: &str = "render";
const NEWSLETTER: &str = "newsletter";
const HASH: &str = "hash";
const SIGN: &str = "sign";

/// Parses the list and renders text and HTML for each row.
pub(crate) fn render(list: &Path) -> Result<Command> {
    command(RENDER, list)
}

/// Parses the list on one thread and renders a newsletter of so many bytes for each row on as many
/// threads as there are cores.
pub(crate) fn newsletter(list: &Path, bytes: usize) -> Result<Command> {
    let mut command = command(NEWSLETTER, list)?;
    command.arg(bytes.to_string());
    Ok(command)
}

/// Creates this many signatures with the RSA key in the file.
pub(crate) fn sign(key: &Path, signatures: u64) -> Result<Command> {
    let mut command = command(SIGN, key)?;
    command.arg(signatures.to_string());
    Ok(command)
}

/// Reads the file line by line, lowercases each and hashes it.
pub(crate) fn hash(file: &Path) -> Result<Command> {
    command(HASH, file)
}

fn command(name: &str, file: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([FLAG, name]).arg(file);
    Ok(command)
}

/// The process itself.
pub(crate) fn run(mut words: impl Iterator<Item = OsString>) -> Result<()> {
    let name = words.next().unwrap_or_default();
    let Some(path) = words.next() else { bail!("{FLAG} needs a loop and a file") };
    let file = File::open(&path).with_context(|| path.display().to_string())?;
    match name.to_str() {
        Some(RENDER) => render_all(file),
        Some(NEWSLETTER) => {
            let bytes = words.next().unwrap_or_default();
            newsletter_for_all(file, bytes.to_string_lossy().parse()?)
        }
        Some(SIGN) => {
            let signatures = words.next().unwrap_or_default();
            sign_all(file, signatures.to_string_lossy().parse()?)
        }
        Some(HASH) => hash_all(file),
        _ => bail!("there is no loop {}", name.display()),
    }
}

/// What the templates see of a row.
#[derive(Serialize)]
struct Row<'a> {
    email: &'a str,
    id: &'a str,
    name: &'a str,
    company: &'a str,
    city: &'a str,
    plan: &'a str,
}

impl<'a> Row<'a> {
    fn of(record: &'a ByteRecord) -> Result<Self> {
        let field = |place: usize| std::str::from_utf8(&record[place]);
        Ok(Self {
            email: field(0)?,
            id: field(1)?,
            name: field(2)?,
            company: field(3)?,
            city: field(4)?,
            plan: field(5)?,
        })
    }
}

fn render_all(file: File) -> Result<()> {
    let (text, html) = (message::text(), message::html());
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if name == "html" { AutoEscape::Html } else { AutoEscape::None }
    });
    environment.add_template("text", &text)?;
    environment.add_template("html", &html)?;
    let (text, html) = (environment.get_template("text")?, environment.get_template("html")?);
    let mut reader = csv::Reader::from_reader(BufReader::with_capacity(1 << 16, file));
    ensure!(
        reader.byte_headers()?.iter().eq(COLUMNS.map(str::as_bytes)),
        "the list has other columns"
    );
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let row = Row::of(&record)?;
        let row = Value::from(Serde(&row));
        black_box(text.render(row.clone())?);
        black_box(html.render(row)?);
    }
    Ok(())
}

/// Rows that are handed to a thread at once.
const ROWS: usize = 256;

fn newsletter_for_all(file: File, bytes: usize) -> Result<()> {
    let html = message::newsletter(bytes);
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("html", &html)?;
    let html = environment.get_template("html")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<ByteRecord>>(2 * cores);
    let receiver = std::sync::Mutex::new(receiver);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let rows = match receiver.lock() {
                            Ok(receiver) => receiver.recv(),
                            Err(_) => bail!("another thread has failed"),
                        };
                        let Ok(rows) = rows else { return Ok(()) };
                        for record in rows {
                            black_box(html.render(Value::from(Serde(&Row::of(&record)?)))?);
                        }
                    }
                })
            })
            .collect();
        let mut reader = csv::Reader::from_reader(BufReader::with_capacity(1 << 16, file));
        let mut rows = Vec::with_capacity(ROWS);
        for record in reader.byte_records() {
            rows.push(record?);
            if rows.len() == ROWS {
                sender.send(std::mem::replace(&mut rows, Vec::with_capacity(ROWS)))?;
            }
        }
        sender.send(rows)?;
        drop(sender);
        workers.into_iter().try_for_each(|worker| worker.join().expect("no panic"))
    })
}

fn sign_all(file: File, signatures: u64) -> Result<()> {
    let key = PrivatePkcs8KeyDer::from_pem_reader(file).ok().context("no key in PKCS #8")?;
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok().context("no RSA key")?;
    let (random, mut signature) = (SystemRandom::new(), vec![0; key.public().modulus_len()]);
    for number in 0..signatures {
        let signed = key.sign(&RSA_PKCS1_SHA256, &random, &number.to_le_bytes(), &mut signature);
        signed.ok().context("a signature failed")?;
        black_box(&signature);
    }
    Ok(())
}

fn hash_all(file: File) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::with_capacity(128);
    let mut sum = 0_u64;
    while reader.read_until(b'\n', &mut line)? > 0 {
        line.make_ascii_lowercase();
        sum = sum.wrapping_add(xxh3_64(line.trim_ascii_end()));
        line.clear();
    }
    black_box(sum);
    Ok(())
}
