//! Exit codes.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// 0: allowed, or done.
    Done,
    /// 1: denied.
    Denied,
    /// 2: the command line, a policy or an input that the user named is wrong.
    Usage,
    /// 3: could not decide, or could not do it: a file, a root, a disk.
    Undecided,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Denied => 1,
            Exit::Usage => 2,
            Exit::Undecided => 3,
        })
    }
}

/// Prints what the command line parser says: help and version on stdout with 0, everything else on stderr with 2.
pub(super) fn of_clap(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    // Where even this cannot be printed there is nobody to tell.
    let _ = error.print();
    exit.into()
}
