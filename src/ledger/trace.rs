//! The un-synced log beside the ledger that narrows what a crash leaves in doubt.
