//! What the names in conditions stand for.

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::policy::document::checks::earliest;
use crate::policy::document::condition::Variables;
use crate::policy::document::model::NamedVerifier;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Most values of a predicate that conditions are judged over. Larger predicates are refused, never cut.
pub const MAX_VALUES: usize = 300_000;
/// Longest Statement that conditions are judged over, in bytes (32 MiB).
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The names and their values. `signedAt` has none when no signing time is proven, so that a condition with it is an
/// error then.
///
/// # Errors
/// What is larger than [`MAX_VALUES`] or [`MAX_BYTES`], for people.
pub(super) fn of(
    verifier: &NamedVerifier,
    attestation: &VerifiedAttestation,
    now: Timestamp,
) -> Result<Variables, String> {
    let statement = attestation.statement();
    let bytes = statement.length();
    if usize::try_from(bytes).ok().is_none_or(|bytes| bytes > MAX_BYTES) {
        return Err(format!("a Statement of {bytes} bytes, more than the {MAX_BYTES} that conditions are judged over"));
    }
    let predicate = statement.predicate().map_err(|error| error.to_string())?;
    if more_than(predicate, MAX_VALUES) {
        return Err(format!("a predicate of more than the {MAX_VALUES} values that conditions are judged over"));
    }
    let artifact = attestation.artifact();
    let digests = artifact.digests().iter().map(|digest| (digest.algorithm().name().to_owned(), digest.hex().into()));
    let mut variables = Variables::none();
    variables.set("predicate", predicate);
    variables.set(
        "statement",
        &json!({
            "_type": statement.version.uri(),
            "predicateType": statement.predicate_type,
            "predicate": predicate,
        }),
    );
    let subject = attestation.subject();
    let named = subject.and_then(|subject| subject.name.clone());
    let digest = subject.map(|subject| subject.digest.iter().map(|(name, value)| (name.to_owned(), value.into())));
    let digest: Map<String, Value> = digest.into_iter().flatten().collect();
    let mut map = Map::new();
    map.extend(named.map(|name| ("name".to_owned(), Value::String(name))));
    map.insert("digest".to_owned(), Value::Object(digest));
    variables.set("subject", &Value::Object(map));
    variables.set("signer", &signer(verifier, attestation.identity()));
    variables.set("artifact", &json!({ "name": artifact.name(), "digest": digests.collect::<Map<_, _>>() }));
    variables.set_time("now", now);
    if let Some(time) = earliest(attestation) {
        variables.set_time("signedAt", time);
    }
    Ok(variables)
}

fn signer(verifier: &NamedVerifier, identity: &Identity) -> Value {
    match identity {
        Identity::Workload(certificate) | Identity::Person(certificate) => {
            let claims = certificate.claims.iter().map(|(claim, value)| (claim.name().to_owned(), value.into()));
            json!({
                "kind": "certificate",
                "verifier": verifier.name,
                "identity": certificate.san.as_str(),
                "issuer": certificate.issuer,
                "extensions": claims.collect::<Map<String, Value>>(),
            })
        }
        Identity::Key { fingerprint, .. } => {
            json!({ "kind": "key", "verifier": verifier.name, "fingerprint": fingerprint })
        }
    }
}

/// Whether a value has more than `most` values in it, itself counted.
fn more_than(value: &Value, most: usize) -> bool {
    let mut left = vec![value];
    let mut seen = 0;
    while let Some(value) = left.pop() {
        seen += 1;
        if seen > most {
            return true;
        }
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(map) => left.extend(map.values()),
            _ => {}
        }
    }
    false
}
