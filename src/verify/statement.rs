//! Step 7: what was signed is an in-toto Statement.

use crate::formats::envelope::Envelope;
use crate::formats::envelope::IN_TOTO_PAYLOAD_TYPE;
use crate::formats::statement::Statement;
use crate::verify::Step;
use crate::verify::VerifyError;

/// The payload is a well-formed Statement of a known version.
#[derive(Debug)]
pub(super) struct StatementChecked {
    statement: Statement,
}

impl StatementChecked {
    /// Gives the Statement up.
    pub(super) fn into_statement(self) -> Statement {
        self.statement
    }
}

/// The payload type must say Statement (in-toto attestation spec v1, "Envelope": `application/vnd.in-toto+json`), and
/// `_type` must name a known version. sigstore-rust 0.15.1 checks neither value.
///
/// # Errors
/// `payload-type`, `statement-type`, `json-*`.
pub(super) fn check(envelope: &Envelope) -> Result<StatementChecked, VerifyError> {
    if envelope.payload_type != IN_TOTO_PAYLOAD_TYPE {
        return Err(VerifyError::PayloadType { found: envelope.payload_type.clone() });
    }
    let statement = Statement::parse(envelope.payload.clone());
    Ok(StatementChecked { statement: statement.map_err(|error| VerifyError::Format(Step::Statement, error))? })
}
