//! The command line as clap reads it: names, help, value parsers. Touches no file, network or environment.
