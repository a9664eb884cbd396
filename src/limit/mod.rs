//! When may how many go: leases from the ledger, paced by governor.
