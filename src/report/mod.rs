//! What became of everybody: tables, CSV, JSON, HTML, JUnit.
