//! The embedded provider that needs no network.
