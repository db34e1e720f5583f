//! The `sealmark` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealmark::commands::run()
}
