//! Templates and expressions with limits: the text and work for one row are counted, whatever the
//! template and the row contain.

pub(crate) mod allowance;
pub(crate) mod chains;
pub(crate) mod counted;
pub(crate) mod guarded;
pub(crate) mod weight;

#[cfg(test)]
mod tests;
