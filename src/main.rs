//! Runs mailbatch and returns its exit code; nothing else.

/// A message costs dozens of small allocations, many of them freed on another thread than the one that made them. Huge pages are left out
/// (`no_thp`): each thread and size would fill two megabytes with zeros for the little that it needs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    mailbatch::run()
}
