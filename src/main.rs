//! Parses the arguments, runs the command, prints an error, returns the exit code; nothing else.

fn main() {}
