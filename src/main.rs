//! Runs mailbatch and returns its exit code; nothing else.

/// A message costs dozens of small allocations, many of them freed on another thread than the one
/// that made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    mailbatch::run()
}
