//! Templates and expressions that stay within bounds: what they make of one row is counted,
//! whatever they are and whatever the row holds.

pub(crate) mod allowance;
pub(crate) mod chains;
pub(crate) mod counted;
pub(crate) mod guarded;
pub(crate) mod weight;

#[cfg(test)]
mod tests;
