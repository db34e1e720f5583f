//! Cases in which we decide otherwise than slsa-verifier, each with its reason (docs/slsa-verifier-compatibility.md).

use crate::case::Case;
use crate::case::Verdict;

type Matches = fn(&Case, &Verdict) -> bool;

/// Which cases, and why.
const TABLE: &[(Matches, &str)] = &[];

/// The reason, if a case is one of the table's.
pub(crate) fn of(case: &Case, found: &Verdict) -> Option<&'static str> {
    TABLE.iter().find(|(matches, _)| matches(case, found)).map(|(_, why)| *why)
}
