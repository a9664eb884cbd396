//! Renders templates and expressions with limits: this module counts the text and the work for each
//! row.

pub(crate) mod allowance;
pub(crate) mod chains;
pub(crate) mod counted;
pub(crate) mod guarded;
pub(crate) mod weight;

#[cfg(test)]
mod tests;
