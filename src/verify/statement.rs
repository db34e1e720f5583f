//! Step 7: what was signed is an in-toto Statement, or a plain signature that becomes one.

use serde_json::Map;
use serde_json::Value;

use crate::formats::cosign::simple_signing;
use crate::formats::envelope::Envelope;
use crate::formats::envelope::IN_TOTO_PAYLOAD_TYPE;
use crate::formats::predicate_type;
use crate::formats::statement::Statement;
use crate::formats::statement::Subject;
use crate::verify::Step;
use crate::verify::VerifyError;
use crate::verify::signed::Signed;

/// The payload is a well-formed Statement of a known version, or was made one of what a plain signature is over.
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
/// `_type` must name a known version. sigstore-rust 0.15.1 checks neither value. A Statement of the type of signatures
/// says nothing beside its subjects.
///
/// A plain signature is a Statement of that type about the one digest that it was verified over: of the file, or of the
/// image that the signed text names.
///
/// # Errors
/// `payload-type`, `statement-type`, `signature-predicate`, `simple-signing-type`, `json-*`.
pub(super) fn check(signed: &Signed<'_>) -> Result<StatementChecked, VerifyError> {
    let statement = match signed {
        Signed::Envelope { envelope, .. } => of_envelope(envelope)?,
        Signed::Digest { digest, .. } => {
            let subject = Subject { name: None, digest: [digest].into_iter().collect(), extra: Map::new() };
            Statement::of_signature(subject, Vec::new().into())
        }
        Signed::Text { text, .. } => of_text(text)?,
    };
    Ok(StatementChecked { statement })
}

fn of_envelope(envelope: &Envelope) -> Result<Statement, VerifyError> {
    if envelope.payload_type != IN_TOTO_PAYLOAD_TYPE {
        return Err(VerifyError::PayloadType { found: envelope.payload_type.clone() });
    }
    let statement = Statement::of(&envelope.payload);
    let statement = statement.map_err(|error| VerifyError::Format(Step::Statement, error))?;
    let empty = |predicate: &Value| match predicate {
        // cosign 3.0.0 to 3.0.4 left it out.
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if statement.predicate_type == predicate_type::SIGNATURE && !statement.predicate().is_ok_and(empty) {
        return Err(VerifyError::SignaturePredicate);
    }
    Ok(statement)
}

/// The name is what the signer called the image; it decides nothing. What he added becomes the subject's annotations,
/// where bundles have them.
fn of_text(text: &[u8]) -> Result<Statement, VerifyError> {
    let read = simple_signing::parse(text).map_err(|error| VerifyError::Format(Step::Statement, error))?;
    let mut extra = Map::new();
    if !read.annotations.is_empty() {
        extra.insert("annotations".to_owned(), Value::Object(read.annotations));
    }
    let digest = [&read.digest].into_iter().collect();
    Ok(Statement::of_signature(Subject { name: Some(read.docker_reference), digest, extra }, text.into()))
}
