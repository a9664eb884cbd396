//! Runs mailbatch and returns its exit code; nothing else.

/// Each message needs dozens of small allocations, and many are freed on another thread than the
/// one that allocated them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    mailbatch::run()
}
