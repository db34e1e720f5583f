//! Errors at the edge: the code, what happened, and what to do about it; the only place with advice.

use crate::commands::exit::Exit;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct CommandError {
    /// How the program ends.
    pub(super) exit: Exit,
    /// The stable name of the error.
    pub(super) code: &'static str,
    /// What was expected and what was found.
    pub(super) message: String,
    /// What the user can do.
    pub(super) hint: Option<String>,
}

impl CommandError {
    /// The user asked for something that cannot be.
    pub(super) fn usage(code: &'static str, message: impl ToString) -> Self {
        Self { exit: Exit::Usage, code, message: message.to_string(), hint: None }
    }

    /// It could not be done or decided.
    pub(super) fn undecided(code: &'static str, message: impl ToString) -> Self {
        Self { exit: Exit::Undecided, code, message: message.to_string(), hint: None }
    }

    /// The same error with advice.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
