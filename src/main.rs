//! Runs mailbatch and returns its exit code; nothing else.

fn main() -> std::process::ExitCode {
    mailbatch::run()
}
