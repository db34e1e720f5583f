//! What `gcloud artifacts docker images describe --show-provenance --format json` prints about an image.

use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::bundle::Bundle;
use crate::formats::digest::Digest;
use crate::formats::envelope::Envelope;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::provenance::v01;
use crate::formats::provenance::v1;
use crate::formats::statement::Statement;

/// Most provenances in one document; a build writes one or two for each image.
pub const MAX_PROVENANCE: usize = 256;
/// What [`Provenance::kind`] must be.
pub const BUILD: &str = "BUILD";

/// The document. Only the envelopes in it are signed; everything else is what the service said of them.
#[derive(Debug)]
pub struct Document {
    /// The image that was asked for.
    pub summary: ImageSummary,
    /// Every provenance, in order.
    pub provenance: Vec<Provenance>,
}

/// `image_summary`: unsigned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSummary {
    /// `digest`: `sha256:` and hexadecimal; empty when absent.
    pub digest: String,
    /// `fully_qualified_digest`: repository, `@` and digest; empty when absent.
    pub fully_qualified_digest: String,
}

/// One provenance: a signed envelope and what stands unsigned around it.
#[derive(Debug)]
pub struct Provenance {
    /// `kind`, which says `BUILD`; empty when absent.
    pub kind: String,
    /// `resourceUri`: the image, with its digest; empty when absent.
    pub resource_uri: String,
    /// `build.intotoStatement`: a copy of a v0.1 Statement for people, with `slsaProvenance` for `predicate`.
    pub readable_v01: Option<Value>,
    /// `build.inTotoSlsaProvenanceV1`: a copy of a v1 Statement for people.
    pub readable_v1: Option<Value>,
    /// The envelope, or why it is none. Its signatures name their keys.
    pub bundle: Result<Bundle, FormatError>,
}

/// What the unsigned surroundings say otherwise than what was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GcloudError {
    /// The provenance is of another kind.
    #[error("kind: expected \"BUILD\", found {found:?}")]
    Kind {
        /// The kind found.
        found: String,
    },
    /// The provenance is filed under another image.
    #[error("resourceUri: expected one that ends in @{expected}, found {found:?}")]
    ResourceUri {
        /// The image's digest.
        expected: String,
        /// The URI found.
        found: String,
    },
    /// The summary is about another image.
    #[error("image_summary.digest: expected {expected}, found {found:?}")]
    SummaryDigest {
        /// The image's digest.
        expected: String,
        /// The digest found.
        found: String,
    },
    /// The summary's full name is of another image.
    #[error("image_summary.fully_qualified_digest: expected one that ends in @{expected}, found {found:?}")]
    SummaryName {
        /// The image's digest.
        expected: String,
        /// The name found.
        found: String,
    },
    /// No copy for people is known for this predicate type.
    #[error("expected SLSA provenance v0.1 or v1, found predicate type {found:?}")]
    PredicateType {
        /// The type that was signed.
        found: String,
    },
    /// The copy for people is not what was signed.
    #[error("the copy for people: expected what was signed, found a difference at {path}")]
    Readable {
        /// JSON pointer (RFC 6901) below the Statement.
        path: String,
    },
}

impl GcloudError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Kind { .. } => "gcloud-kind",
            Self::ResourceUri { .. } => "gcloud-resource-uri",
            Self::SummaryDigest { .. } => "gcloud-summary-digest",
            Self::SummaryName { .. } => "gcloud-summary-name",
            Self::PredicateType { .. } => "gcloud-predicate-type",
            Self::Readable { .. } => "gcloud-copy-mismatch",
        }
    }

    /// One of each, for the table of codes.
    pub fn samples() -> Vec<Self> {
        let s = || String::from("x");
        vec![
            Self::Kind { found: s() },
            Self::ResourceUri { expected: s(), found: s() },
            Self::SummaryDigest { expected: s(), found: s() },
            Self::SummaryName { expected: s(), found: s() },
            Self::PredicateType { found: s() },
            Self::Readable { path: s() },
        ]
    }
}

/// Whether a JSON value has the shape of such a document.
pub fn looks_like_document(value: &Value) -> bool {
    value.get("provenance_summary").is_some_and(Value::is_object)
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// As [`Document::from_json`], and `json-*`.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::from_json(json::parse(bytes)?)
    }

    /// Takes a document apart. Fields that are not listed here are unsigned and decide nothing, so they are left alone.
    /// An envelope that cannot be read does not hide the others.
    ///
    /// # Errors
    /// `json-wrong-type`, `json-field-missing`, `too-many`, and `input-empty` when there is no provenance.
    pub fn from_json(value: Value) -> Result<Self, FormatError> {
        let mut top = Fields::new(value, "")?;
        let summary = match top.object("image_summary")? {
            None => ImageSummary::default(),
            Some(mut summary) => ImageSummary {
                digest: summary.string("digest")?.unwrap_or_default(),
                fully_qualified_digest: summary.string("fully_qualified_digest")?.unwrap_or_default(),
            },
        };
        let mut list = top.need_object("provenance_summary")?;
        let list = list.array("provenance", MAX_PROVENANCE)?;
        if list.is_empty() {
            return Err(FormatError::Empty);
        }
        let provenance = list.into_iter().enumerate().map(|(n, value)| Provenance::from_json(value, n));
        Ok(Self { summary, provenance: provenance.collect::<Result<_, _>>()? })
    }
}

impl Provenance {
    fn from_json(value: Value, index: usize) -> Result<Self, FormatError> {
        let mut fields = Fields::new(value, &format!("/provenance_summary/provenance/{index}"))?;
        let (readable_v01, readable_v1) = match fields.object("build")? {
            None => (None, None),
            Some(mut build) => (build.take("intotoStatement"), build.take("inTotoSlsaProvenanceV1")),
        };
        let path = fields.at("envelope");
        let bundle = match fields.take("envelope") {
            None => Err(fields.missing("envelope")),
            Some(envelope) => Envelope::from_json(envelope, &path).and_then(Bundle::from_envelope),
        };
        let kind = fields.string("kind")?.unwrap_or_default();
        let resource_uri = fields.string("resourceUri")?.unwrap_or_default();
        Ok(Self { kind, resource_uri, readable_v01, readable_v1, bundle })
    }
}

/// Compares what stands unsigned around a provenance with the Statement that was signed and the image that was asked
/// for, in slsa-verifier's order. It makes nothing believable: what decides is the Statement alone.
///
/// The copy for people must hold what readers of the predicate know; a field that they do not know must agree where both
/// hold it. Absent, `null` and empty say the same. `definedInMaterial` is left out: the service writes a text there, where
/// the specification has an index, and may correct one of the two copies.
///
/// # Errors
/// [`GcloudError`]: the first difference.
pub fn consistent(
    summary: &ImageSummary,
    provenance: &Provenance,
    statement: &Statement,
    image: &Digest,
) -> Result<(), GcloudError> {
    let expected = image.to_string();
    let names_image = |text: &str| text.strip_suffix(&expected).is_some_and(|name| name.ends_with('@'));
    if provenance.kind != BUILD {
        return Err(GcloudError::Kind { found: provenance.kind.clone() });
    }
    if !names_image(&provenance.resource_uri) {
        return Err(GcloudError::ResourceUri { expected, found: provenance.resource_uri.clone() });
    }
    if summary.digest != expected {
        return Err(GcloudError::SummaryDigest { expected, found: summary.digest.clone() });
    }
    if !names_image(&summary.fully_qualified_digest) {
        return Err(GcloudError::SummaryName { expected, found: summary.fully_qualified_digest.clone() });
    }
    let (copy, copied, predicate) = match statement.predicate_type.as_str() {
        v01::PREDICATE_TYPE => (&provenance.readable_v01, "slsaProvenance", PREDICATE_V01),
        v1::PREDICATE_TYPE => (&provenance.readable_v1, "predicate", PREDICATE_V1),
        other => return Err(GcloudError::PredicateType { found: other.to_owned() }),
    };
    let differs = |path: String| GcloudError::Readable { path };
    // The bytes were read as a Statement before.
    let signed = statement.signed_bytes().and_then(|signed| json::parse(signed).ok());
    let signed = signed.ok_or_else(|| differs(String::new()))?;
    let copy = copy.as_ref().ok_or_else(|| differs(String::new()))?;
    for (name, known) in HEADER {
        agree(signed.get(name), copy.get(name), known, &format!("/{name}")).map_err(differs)?;
    }
    agree(signed.get("predicate"), copy.get(copied), &predicate, "/predicate").map_err(differs)
}

/// What readers know of a value.
enum Known {
    /// All of it: the two are equal.
    Whole,
    /// An object with these fields.
    Object(&'static [(&'static str, Self)]),
    /// An array of such values.
    Each(&'static Self),
    /// Nothing: the two may differ.
    LeftOut,
}

use Known::Each;
use Known::LeftOut;
use Known::Object;
use Known::Whole;

const HEADER: &[(&str, Known)] =
    &[("_type", Whole), ("predicateType", Whole), ("subject", Each(&Object(&[("name", Whole), ("digest", Whole)])))];
const PREDICATE_V01: Known = Object(&[
    ("builder", Object(&[("id", Whole)])),
    (
        "recipe",
        Object(&[
            ("type", Whole),
            ("definedInMaterial", LeftOut),
            ("entryPoint", Whole),
            ("arguments", Whole),
            ("environment", Whole),
        ]),
    ),
    (
        "metadata",
        Object(&[
            ("buildStartedOn", Whole),
            ("buildFinishedOn", Whole),
            ("completeness", Object(&[("arguments", Whole), ("environment", Whole), ("materials", Whole)])),
            ("reproducible", Whole),
        ]),
    ),
    ("materials", Each(&Object(&[("uri", Whole), ("digest", Whole)]))),
]);
const PREDICATE_V1: Known = Object(&[
    (
        "buildDefinition",
        Object(&[
            ("buildType", Whole),
            ("externalParameters", Whole),
            ("internalParameters", Whole),
            ("resolvedDependencies", Each(&Whole)),
        ]),
    ),
    (
        "runDetails",
        Object(&[
            ("builder", Object(&[("id", Whole), ("version", Whole), ("builderDependencies", Each(&Whole))])),
            (
                "metadata",
                Object(&[
                    ("invocationId", Whole),
                    ("invocationID", Whole),
                    ("startedOn", Whole),
                    ("finishedOn", Whole),
                ]),
            ),
            ("byproducts", Each(&Whole)),
        ]),
    ),
]);

/// Whether two values agree in what is known of them, or where they do not.
fn agree(signed: Option<&Value>, copy: Option<&Value>, known: &Known, path: &str) -> Result<(), String> {
    let (signed, copy) = (signed.filter(|value| !is_empty(value)), copy.filter(|value| !is_empty(value)));
    match (known, signed, copy) {
        (LeftOut, _, _) | (_, None, None) => Ok(()),
        (Object(fields), _, _) if [signed, copy].into_iter().flatten().all(Value::is_object) => {
            for (name, known) in *fields {
                agree(field(signed, name), field(copy, name), known, &format!("{path}/{name}"))?;
            }
            let others = signed.and_then(Value::as_object).into_iter().flatten();
            for (name, value) in others.filter(|(name, _)| fields.iter().all(|field| field.0 != name.as_str())) {
                if !is_empty(value) && field(copy, name).is_some_and(|copy| !is_empty(copy) && copy != value) {
                    return Err(format!("{path}/{name}"));
                }
            }
            Ok(())
        }
        (Each(known), Some(Value::Array(signed)), Some(Value::Array(copy))) if signed.len() == copy.len() => {
            for (n, (signed, copy)) in signed.iter().zip(copy).enumerate() {
                agree(Some(signed), Some(copy), known, &format!("{path}/{n}"))?;
            }
            Ok(())
        }
        (_, signed, copy) if signed == copy => Ok(()),
        _ => Err(path.to_owned()),
    }
}

fn field<'a>(value: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    value.and_then(|value| value.get(name))
}

/// Unset, `null` and empty mean the same in SLSA provenance; so do a boolean that is false and one that is absent.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEX: &str = "f472ca4b68898c951ac3b476cba919d0d56fca4ced631fabcead51e4b2b690e7";

    fn image() -> Digest {
        Digest::parse(&format!("sha256:{HEX}")).unwrap()
    }

    fn statement_v01() -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": v01::PREDICATE_TYPE,
            "subject": [{"name": "image", "digest": {"sha256": HEX}}],
            "predicate": {
                "builder": {"id": "https://example.com/builder@v1"},
                "recipe": {"type": "t", "definedInMaterial": 0, "entryPoint": "e", "arguments": {"steps": [{"name": "a"}]}},
                "metadata": {"buildStartedOn": "2026-01-01T00:00:00Z", "extra": "x"},
                "materials": [{"uri": "u", "digest": {"sha1": "1"}}],
            },
            "slsaProvenance": "the service signs a second copy",
        })
    }

    fn document(statement: &Value) -> Value {
        let name = format!("registry/image@sha256:{HEX}");
        let mut copy = statement.clone();
        copy["slsaProvenance"] = copy["predicate"].take();
        copy["slsaProvenance"]["recipe"]["definedInMaterial"] = json!("a text");
        let payload = crate::formats::base64::encode(statement.to_string().as_bytes());
        let signature = json!({"keyid": "k", "sig": "-_8="});
        json!({
            "image_summary": {"digest": format!("sha256:{HEX}"), "fully_qualified_digest": name, "registry": "r"},
            "provenance_summary": {"provenance": [{
                "kind": "BUILD",
                "resourceUri": format!("https://{name}"),
                "noteName": "n",
                "build": {"intotoStatement": copy},
                "envelope": {"payloadType": "t", "payload": payload, "signatures": [signature]},
            }]},
        })
    }

    fn verdict(document: &Value, statement: &Value) -> Result<(), GcloudError> {
        let document = Document::parse(document.to_string().as_bytes()).unwrap();
        let statement = Statement::parse(statement.to_string().into_bytes().into()).unwrap();
        consistent(&document.summary, &document.provenance[0], &statement, &image())
    }

    #[test]
    fn reads_url_safe_envelopes_and_what_stands_around_them() {
        let document = Document::parse(document(&statement_v01()).to_string().as_bytes()).unwrap();
        assert_eq!(document.summary.digest, format!("sha256:{HEX}"));
        let [one] = document.provenance.as_slice() else { panic!() };
        assert_eq!((one.kind.as_str(), one.readable_v01.is_some(), one.readable_v1.is_some()), (BUILD, true, false));
        let bundle = one.bundle.as_ref().unwrap();
        let crate::formats::bundle::Content::Envelope(envelope) = &bundle.content else { panic!() };
        assert_eq!(envelope.signatures[0].sig, [0xfb, 0xff]);
        assert_eq!(envelope.signatures[0].keyid, "k");
    }

    #[test]
    fn an_unreadable_envelope_does_not_hide_the_others() {
        let mut all = document(&statement_v01());
        let list = all["provenance_summary"]["provenance"].as_array_mut().unwrap();
        let mut bad = list[0].clone();
        bad["envelope"]["signatures"] = json!([]);
        list.insert(0, bad);
        let read = Document::from_json(all).unwrap().provenance;
        let codes: Vec<_> = read.iter().map(|one| one.bundle.as_ref().err().map(FormatError::code)).collect();
        assert_eq!(codes, [Some("json-field-missing"), None]);
        let code = |value: Value| Document::from_json(value).unwrap_err().code();
        assert_eq!(code(json!({"provenance_summary": {"provenance": []}})), "input-empty");
        assert_eq!(code(json!({"image_summary": {}})), "json-field-missing");
        assert_eq!(code(json!({"provenance_summary": {"provenance": [{"kind": 1}]}})), "json-wrong-type");
        let many = vec![json!({}); MAX_PROVENANCE + 1];
        assert_eq!(code(json!({"provenance_summary": {"provenance": many}})), "too-many");
    }

    #[test]
    fn each_surrounding_is_compared() {
        let statement = statement_v01();
        let good = document(&statement);
        assert_eq!(verdict(&good, &statement), Ok(()));
        let entry = "/provenance_summary/provenance/0";
        let other = "registry/image@sha256:00";
        let table = [
            (format!("{entry}/kind"), json!("BUIL"), "gcloud-kind"),
            (format!("{entry}/kind"), Value::Null, "gcloud-kind"),
            (format!("{entry}/resourceUri"), json!(other), "gcloud-resource-uri"),
            (format!("{entry}/resourceUri"), json!(format!("sha256:{HEX}")), "gcloud-resource-uri"),
            ("/image_summary/digest".to_owned(), json!(HEX), "gcloud-summary-digest"),
            ("/image_summary".to_owned(), Value::Null, "gcloud-summary-digest"),
            ("/image_summary/fully_qualified_digest".to_owned(), json!(other), "gcloud-summary-name"),
            (format!("{entry}/build"), Value::Null, "gcloud-copy-mismatch"),
            (format!("{entry}/build/intotoStatement"), Value::Null, "gcloud-copy-mismatch"),
        ];
        for (pointer, value, code) in table {
            let mut lie = good.clone();
            *lie.pointer_mut(&pointer).unwrap() = value;
            assert_eq!(verdict(&lie, &statement).unwrap_err().code(), code, "{pointer}");
        }
        let mut other = statement.clone();
        other["predicateType"] = json!("https://slsa.dev/provenance/v0.2");
        assert_eq!(verdict(&good, &other).unwrap_err().code(), "gcloud-predicate-type");
    }

    #[test]
    fn the_copy_for_people_holds_what_was_signed() {
        let statement = statement_v01();
        let good = document(&statement);
        let copy = "/provenance_summary/provenance/0/build/intotoStatement";
        let differs = |pointer: &str, value: Value| {
            let mut lie = good.clone();
            *lie.pointer_mut(&format!("{copy}{pointer}")).unwrap() = value;
            match verdict(&lie, &statement) {
                Err(GcloudError::Readable { path }) => path,
                other => panic!("{pointer}: {other:?}"),
            }
        };
        assert_eq!(differs("/_type", json!("x")), "/_type");
        assert_eq!(differs("/predicateType", json!(v1::PREDICATE_TYPE)), "/predicateType");
        assert_eq!(differs("/subject/0/digest/sha256", json!("00")), "/subject/0/digest");
        assert_eq!(differs("/subject", json!([])), "/subject");
        assert_eq!(differs("/slsaProvenance", Value::Null), "/predicate/builder/id");
        assert_eq!(differs("/slsaProvenance/builder/id", json!("x")), "/predicate/builder/id");
        assert_eq!(differs("/slsaProvenance/recipe/arguments/steps", json!([])), "/predicate/recipe/arguments");
        assert_eq!(differs("/slsaProvenance/recipe/entryPoint", Value::Null), "/predicate/recipe/entryPoint");
        assert_eq!(differs("/slsaProvenance/metadata/extra", json!("y")), "/predicate/metadata/extra");
        assert_eq!(differs("/slsaProvenance/materials/0/uri", json!("y")), "/predicate/materials/0/uri");
        // Absent, null and empty say the same; so does a field that readers do not know, on one side.
        let mut same = good.clone();
        same.pointer_mut(&format!("{copy}/slsaProvenance/metadata")).unwrap()["reproducible"] = json!(false);
        same.pointer_mut(&format!("{copy}/slsaProvenance/recipe")).unwrap()["environment"] = json!({});
        same.pointer_mut(&format!("{copy}/slsaProvenance/metadata")).unwrap()["extra"] = Value::Null;
        assert_eq!(verdict(&same, &statement), Ok(()));
    }

    #[test]
    fn a_v1_statement_has_its_own_copy() {
        let mut statement = statement_v01();
        statement["predicateType"] = json!(v1::PREDICATE_TYPE);
        statement["predicate"] = json!({
            "buildDefinition": {"buildType": "t", "externalParameters": {"a": 1}},
            "runDetails": {"builder": {"id": "b"}},
        });
        let mut document = document(&statement);
        let build = &mut document["provenance_summary"]["provenance"][0]["build"];
        // The copy of the older kind does not count, whatever it says.
        assert!(verdict(&json!({"provenance_summary": {"provenance": [{}]}}), &statement).is_err());
        *build = json!({"inTotoSlsaProvenanceV1": statement.clone(), "intotoStatement": {"_type": "x"}});
        assert_eq!(verdict(&document, &statement), Ok(()));
        let build = &mut document["provenance_summary"]["provenance"][0]["build"];
        build["inTotoSlsaProvenanceV1"]["predicate"]["buildDefinition"]["externalParameters"]["a"] = json!(2);
        assert_eq!(verdict(&document, &statement).unwrap_err().code(), "gcloud-copy-mismatch");
    }
}
