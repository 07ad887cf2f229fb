//! The command line of Sallyport.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Measured against glibc in the manual, chapter "performance".
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sallyport::cli::main()
}
