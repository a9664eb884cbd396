//! The life of a run, as a service below the commands: opened, planned, executed, concluded, gone on
//! with, reconciled, tried dry. What it has to say goes through the
//! [`Context`](context::Context) that it is given.

pub(crate) mod apart;
pub(crate) mod campaign;
pub(crate) mod changes;
pub(crate) mod ci_reports;
pub(crate) mod comparison;
pub(crate) mod conclude;
pub(crate) mod console;
pub(crate) mod context;
pub(crate) mod decision;
pub(crate) mod dry_run;
pub(crate) mod emptied;
pub(crate) mod execution;
pub(crate) mod foresight;
pub(crate) mod gates;
pub(crate) mod inputs;
pub(crate) mod learning;
pub(crate) mod listening;
pub(crate) mod lists;
pub(crate) mod log_lookup;
pub(crate) mod nothing_to_do;
pub(crate) mod open;
pub(crate) mod overlap;
pub(crate) mod own_files;
pub(crate) mod pausing;
pub(crate) mod places;
pub(crate) mod plan;
pub(crate) mod provider_trouble;
pub(crate) mod providers;
pub(crate) mod reconcile;
pub(crate) mod replan;
pub(crate) mod reports;
pub(crate) mod request;
pub(crate) mod resume;
pub(crate) mod schedule;
pub(crate) mod send;
pub(crate) mod settings;
pub(crate) mod situation;
pub(crate) mod standing;
pub(crate) mod state_dir;
pub(crate) mod summary;
pub(crate) mod takeover;
pub(crate) mod verdict;
