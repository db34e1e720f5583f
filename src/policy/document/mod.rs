//! Policies written in files: from YAML or JSON to a document that is judged by.

mod budget;
pub mod cases;
mod checks;
mod compare;
pub mod condition;
mod digest;
pub mod evaluate;
pub mod lint;
pub mod model;
pub mod node;
pub mod outcome;
pub mod pointer;
pub mod problem;
pub mod read;
mod reader;
#[cfg(feature = "schema")]
pub mod schema;
pub mod variables;
pub mod yaml;

/// Every code of a [`crate::policy::Finding`] that a policy file adds to those of [`crate::policy::FINDING_CODES`].
pub const FINDING_CODES: [&[&str]; 3] = [checks::CODES, compare::CODES, evaluate::CODES];
