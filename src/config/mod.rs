//! Arguments, mailbatch.toml and the environment become typed settings here; the only place that reads the environment.
