//! What integration tests share.

use std::process::Command;

#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
#[allow(clippy::unwrap_used, reason = "test support")]
pub mod log_server;
#[cfg(feature = "cli")]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "test support")]
pub mod real_registry;
#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
#[allow(clippy::unwrap_used, reason = "test support")]
pub mod registry_server;
#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
#[allow(clippy::unwrap_used, reason = "test support")]
pub mod sigstore_server;
pub mod virtual_sigstore;

/// The program, in an environment of its own: what is set where tests run (`CI`, tokens, proxies, `NO_COLOR`) must decide
/// nothing.
#[cfg(feature = "cli")]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
pub fn sealmark() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealmark"));
    hermetic(&mut command);
    command
}

/// Takes everything out of a command's environment but what finds programs and folders.
#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
pub fn hermetic(command: &mut Command) {
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}
