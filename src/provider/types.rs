//! Names for types that every part of a provider uses.

use std::future::Future;
use std::pin::Pin;

/// A boxed future, so that providers can be a table.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub use crate::model::verdict::RowNumber;
/// The write to the trace that an announcement leaves with, counted from 0.
pub(crate) type Ticket = u64;
