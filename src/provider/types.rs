//! Defines types that every part of a provider uses.

use std::future::Future;
use std::pin::Pin;

/// A boxed future. It keeps the provider traits usable as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub use crate::model::verdict::RowNumber;
/// The number of the trace write that makes an announcement durable, counted from 0.
pub(crate) type Ticket = u64;
