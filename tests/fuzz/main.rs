//! Fuzz targets: everything that is read from outside, under documents that were made to break it.
//!
//! A target takes a document and asserts more than that nothing panics: what is written reads back,
//! reading twice gives the same, pieces read like the whole, a value changes no structure.
//! Documents are made of the fixtures of the other tests and of `tests/fixtures/fuzz`, which holds
//! what once was a finding. In `cargo test` each target runs a few hundred documents;
//! `MAILBATCH_FUZZ_SECONDS` gives each so many seconds, and `tests/fuzz/run` an hour to all.

mod addresses;
mod cursors;
mod engine;
mod front_matter;
mod lists;
mod mail;
mod mutation;
mod seeds;
mod smtp;
mod sns;
mod suppression;
mod templates;
mod trace;
mod urls;
mod webhooks;
mod words;
mod writers;
