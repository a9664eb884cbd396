//! Lists become rows: CSV, TSV, JSON and NDJSON, plain or compressed, one row at a time.
