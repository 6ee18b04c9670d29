//! The binary: parses the command line and runs one command.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    api_proxy::cli::run()
}
