//! Values without input or output, which everything else is made of.

pub(crate) mod address;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod exit;
pub(crate) mod figures;
pub(crate) mod literal;
pub(crate) mod outcome;
pub(crate) mod pause;
pub(crate) mod recipient;
pub(crate) mod shown;
pub(crate) mod verdict;
