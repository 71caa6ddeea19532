//! `forge-relay`, the binary: everything is in the library's `cli`.

use std::process::ExitCode;

/// glibc's malloc keeps what a storm of connections once took; jemalloc gives it back.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    forge_relay::cli::main()
}
