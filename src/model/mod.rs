//! Value types that all other modules use. They perform no input or output.

pub(crate) mod address;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod exit;
pub(crate) mod figures;
pub(crate) mod literal;
pub(crate) mod outcome;
pub(crate) mod pause;
pub(crate) mod planned_file;
pub(crate) mod recipient;
pub(crate) mod shown;
pub(crate) mod verdict;
