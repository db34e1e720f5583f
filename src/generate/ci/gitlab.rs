//! Facts about a build on gitlab.

use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::facts::BuildFacts;

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    crate::generate::local::facts(inputs)
}
