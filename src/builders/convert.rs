//! Old and odd provenance shown as SLSA provenance v1, with everything that was changed on the way; nothing is believed and
//! nothing of it may be signed.

mod descriptors;
mod quirks;
mod shapes;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::formats::base64;
use crate::formats::json;
use crate::formats::provenance::v01;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::formats::statement::STATEMENT_V0_1;
use crate::formats::statement::STATEMENT_V1;

pub use quirks::Deviation;
pub use quirks::MAX_DEVIATIONS;
pub use quirks::QUIRKS;
pub use quirks::Quirk;

use quirks::Notes;

/// The type that witness writes for v1.
const WITNESS_TYPE: &str = "https://slsa.dev/provenance/v1.0";

/// What a statement came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// `_type` as written; None for a bare predicate.
    pub statement_type: Option<String>,
    /// `predicateType` as written, or as the shape of a bare predicate says.
    pub predicate_type: String,
    /// The subjects, with digests in their one spelling.
    pub subjects: Vec<Value>,
    /// The predicate, as v1.
    pub provenance: Value,
    /// What was changed, in the order in which it was met; at most [`MAX_DEVIATIONS`].
    pub deviations: Vec<Deviation>,
    /// How much was changed in all.
    pub deviation_count: usize,
}

/// Why there is nothing to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// It is no provenance.
    #[error("expected SLSA provenance v0.1, v0.2 or v1, found {found}")]
    NotProvenance {
        /// The predicate type, or what stands in its place.
        found: String,
    },
    /// A field is of another JSON type.
    #[error("{pointer}: expected {expected}, found {found}")]
    Shape {
        /// JSON pointer (RFC 6901) into the Statement.
        pointer: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
}

impl ConvertError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotProvenance { .. } => "convert-not-provenance",
            Self::Shape { .. } => "convert-shape",
        }
    }
}

/// A Statement as v1, whatever version and dialect it is of. The document may also be a bare predicate, as some tools
/// print it.
///
/// # Errors
/// [`ConvertError`].
pub fn statement(document: &Value) -> Result<Converted, ConvertError> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let (statement_type, written) = (text("_type"), text("predicateType"));
    let mut notes = Notes::default();
    let (predicate, predicate_type) = match (&statement_type, written) {
        (None, None) => (document, bare(document)?.to_owned()),
        (_, Some(written)) => (document.get("predicate").unwrap_or(&Value::Null), written),
        (Some(_), None) => return Err(ConvertError::NotProvenance { found: "no predicate type".to_owned() }),
    };
    let version = match predicate_type.as_str() {
        v01::PREDICATE_TYPE => v01::PREDICATE_TYPE,
        v02::PREDICATE_TYPE => v02::PREDICATE_TYPE,
        v1::PREDICATE_TYPE => v1::PREDICATE_TYPE,
        WITNESS_TYPE => {
            notes.changed(Quirk::PredicateType, "/predicateType", WITNESS_TYPE, v1::PREDICATE_TYPE);
            v1::PREDICATE_TYPE
        }
        other => return Err(ConvertError::NotProvenance { found: other.to_owned() }),
    };
    if statement_type.as_deref() == Some(STATEMENT_V0_1) && version == v1::PREDICATE_TYPE {
        notes.changed(Quirk::StatementType, "/_type", STATEMENT_V0_1, STATEMENT_V1);
    }
    let Value::Object(predicate) = predicate else {
        let (expected, found) = ("an object", json::kind(predicate));
        return Err(ConvertError::Shape { pointer: "/predicate", expected, found });
    };
    let subjects = subjects(document, &mut notes);
    let provenance = match version {
        v01::PREDICATE_TYPE => shapes::from_v01(predicate.clone(), &mut notes),
        v02::PREDICATE_TYPE => shapes::from_v02(predicate.clone(), &mut notes),
        _ => shapes::from_v1(predicate.clone(), &mut notes),
    };
    let (deviations, deviation_count) = notes.into_parts();
    Ok(Converted { statement_type, predicate_type, subjects, provenance, deviations, deviation_count })
}

/// The version of a predicate without a Statement, by its fields.
fn bare(document: &Value) -> Result<&'static str, ConvertError> {
    let has = |name: &str| document.get(name).is_some();
    if has("buildDefinition") || has("build_definition") {
        Ok(v1::PREDICATE_TYPE)
    } else if has("builder") && has("buildType") {
        Ok(v02::PREDICATE_TYPE)
    } else if has("builder") && has("recipe") {
        Ok(v01::PREDICATE_TYPE)
    } else {
        Err(ConvertError::NotProvenance { found: "no field of it".to_owned() })
    }
}

fn subjects(document: &Value, notes: &mut Notes) -> Vec<Value> {
    let mut subjects = document.get("subject").and_then(Value::as_array).cloned().unwrap_or_default();
    for (n, subject) in subjects.iter_mut().enumerate() {
        if let Some(Value::Object(digest)) = subject.get_mut("digest") {
            descriptors::digest(digest, descriptors::Of::Artifact, &format!("/subject/{n}/digest"), notes);
        }
    }
    subjects
}

/// The payload of a DSSE envelope or a bundle whose reader refused it, without regard to what signs it.
///
/// # Errors
/// `convert-shape` where there is no payload, or none that is base64 of JSON.
pub fn payload(document: &Value) -> Result<Value, ConvertError> {
    let envelope = document.get("dsseEnvelope").or_else(|| document.get("envelope")).unwrap_or(document);
    let refused = |expected, found| ConvertError::Shape { pointer: "/payload", expected, found };
    let text = envelope.get("payload").and_then(Value::as_str);
    let text = text.ok_or_else(|| refused("a text", "none"))?;
    let bytes = base64::decode_either(text).or_else(|| base64::decode_url(text));
    let bytes = bytes.ok_or_else(|| refused("base64", "other text"))?;
    json::parse(&bytes).map_err(|_| refused("JSON", "other bytes"))
}

/// Whether a payload anywhere in a document is written in the URL-safe alphabet, which DSSE lets a writer choose and many
/// readers refuse.
pub fn has_url_safe_payload(document: &Value) -> bool {
    match document {
        Value::Object(object) => object.iter().any(|(key, value)| match value {
            Value::String(text) => key == "payload" && text.contains(['-', '_']),
            other => has_url_safe_payload(other),
        }),
        Value::Array(items) => items.iter().any(has_url_safe_payload),
        _ => false,
    }
}

/// An object with what is not empty of these fields.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(object) => object.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let kept = fields.into_iter().filter(|(_, value)| !empty(value));
    Value::Object(kept.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

/// What stood in a field, as a byproduct that carries it.
fn carried(name: &str, value: &Value) -> Value {
    let content = base64::encode(value.to_string().as_bytes());
    json!({"name": name, "content": content, "mediaType": "application/json"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::provenance::Provenance;
    use crate::formats::statement::Statement;

    const COMMIT: &str = "8d3f0c5b7a1e4f2d9c6b8a7f5e3d1c0b9a8f7e6d";

    fn of(statement_type: &str, predicate_type: &str, predicate: Value) -> Converted {
        let subject = json!([{"name": "app", "digest": {"sha256": "ab".repeat(32)}}]);
        let document = json!({"_type": statement_type, "subject": subject, "predicateType": predicate_type, "predicate": predicate});
        let converted = statement(&document).unwrap();
        assert_eq!(converted.deviations.len(), converted.deviation_count);
        converted
    }

    fn of_v1(predicate: Value) -> Converted {
        of(STATEMENT_V1, v1::PREDICATE_TYPE, predicate)
    }

    fn of_v02(mut predicate: Value) -> Converted {
        for (key, value) in
            [("builder", json!({"id": "https://example.com/b"})), ("buildType", json!("https://example.com/t"))]
        {
            predicate.as_object_mut().unwrap().entry(key).or_insert(value);
        }
        of(STATEMENT_V0_1, v02::PREDICATE_TYPE, predicate)
    }

    /// v1 with one field set at a pointer whose parents are made.
    fn with(pointer: &str, value: Value) -> Value {
        let mut whole = json!({
            "buildDefinition": {"buildType": "https://example.com/t", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://example.com/b"}},
        });
        let mut at = &mut whole;
        for key in pointer.trim_start_matches('/').split('/') {
            at = at.as_object_mut().unwrap().entry(key).or_insert(json!({}));
        }
        *at = value;
        whole
    }

    fn names(converted: &Converted) -> Vec<&'static str> {
        converted.deviations.iter().map(|one| one.quirk.name()).collect()
    }

    #[test]
    fn v02_becomes_v1_field_by_field() {
        let converted = of_v02(json!({
            "invocation": {
                "configSource": {"uri": "git+https://github.com/acme/app@refs/tags/v1", "digest": {"sha1": COMMIT},
                                 "entryPoint": ".github/workflows/release.yml"},
                "parameters": {"version": 1},
                "environment": {"github_run_id": "7"},
            },
            "buildConfig": {"steps": [1]},
            "metadata": {"buildInvocationID": "7-1", "buildStartedOn": "2026-10-04T11:32:07Z", "reproducible": false,
                         "completeness": {"parameters": true}, "https://example.com/more": {"a": 1}},
            "materials": [{"uri": "git+https://github.com/acme/app@refs/tags/v1", "digest": {"sha1": COMMIT}},
                          {"uri": "pkg:deb/debian/curl@7", "digest": {"sha256": "ab".repeat(32)}}],
            "vendor_field": true,
        }));
        let source = "git+https://github.com/acme/app@refs/tags/v1";
        assert_eq!(
            converted.provenance,
            json!({
                "buildDefinition": {
                    "buildType": "https://example.com/t",
                    "externalParameters": {"version": 1, "entryPoint": ".github/workflows/release.yml", "source": source},
                    "internalParameters": {"github_run_id": "7"},
                    "resolvedDependencies": [
                        {"uri": source, "digest": {"gitCommit": COMMIT}},
                        {"uri": "pkg:deb/debian/curl@7", "digest": {"sha256": "ab".repeat(32)}},
                    ],
                },
                "runDetails": {
                    "builder": {"id": "https://example.com/b"},
                    "metadata": {"invocationId": "7-1", "startedOn": "2026-10-04T11:32:07Z",
                                 "https://example.com/more": {"a": 1}},
                    "byproducts": [{"name": "buildConfig", "content": "eyJzdGVwcyI6WzFdfQ==", "mediaType": "application/json"}],
                },
                "vendor_field": true,
            })
        );
        assert_eq!(
            names(&converted),
            [
                "git-digest-key",
                "config-source-moved",
                "git-digest-key",
                "build-config-moved",
                "invocation-id-spelling",
                "completeness-dropped",
                "reproducible-dropped"
            ]
        );
        let read = Provenance::from_predicate(v1::PREDICATE_TYPE, &converted.provenance).unwrap().unwrap();
        assert_eq!((read.builder_id(), read.invocation_id()), ("https://example.com/b", Some("7-1")));
    }

    #[test]
    fn v01_becomes_v1_field_by_field() {
        let predicate = json!({
            "builder": {"id": "https://example.com/b"},
            "recipe": {"type": "https://example.com/t", "definedInMaterial": "1", "entryPoint": "build.yaml",
                       "arguments": {"a": "b"}, "environment": null},
            "metadata": {"buildInvocationId": "x"},
            "materials": [{"uri": "https://example.com/base", "digest": {}}, {"uri": "https://github.com/acme/app.git", "digest": {"sha1": COMMIT}}],
        });
        let converted = of(STATEMENT_V0_1, v01::PREDICATE_TYPE, predicate);
        let definition = &converted.provenance["buildDefinition"];
        assert_eq!(definition["buildType"], "https://example.com/t");
        let source = "git+https://github.com/acme/app";
        assert_eq!(definition["externalParameters"], json!({"a": "b", "entryPoint": "build.yaml", "source": source}));
        assert_eq!(definition["resolvedDependencies"][1], json!({"uri": source, "digest": {"gitCommit": COMMIT}}));
        assert_eq!(converted.provenance["runDetails"]["metadata"], json!({"invocationId": "x"}));
        assert!(Provenance::from_predicate(v1::PREDICATE_TYPE, &converted.provenance).unwrap().is_ok());
    }

    /// What is good needs no change, and comes out as it went in.
    #[test]
    fn what_is_v1_stays_as_it_is() {
        let good = with("/runDetails/metadata", json!({"invocationId": "x", "startedOn": "2026-10-04T11:32:07Z"}));
        let converted = of_v1(good.clone());
        assert_eq!((converted.provenance, names(&of_v1(good.clone()))), (good, vec![]));
    }

    /// Each quirk: what is written, which deviation alone is told, and what stands at a place of the conversion.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn each_quirk_is_named_and_normalised() {
        let dependencies = "/buildDefinition/resolvedDependencies";
        let dependency = |uri: &str, digest: Value| with(dependencies, json!([{"uri": uri, "digest": digest}]));
        let first = format!("{dependencies}/0");
        let sha1 = || json!({"gitCommit": COMMIT});
        let table: Vec<(Value, &str, String, Value)> = vec![
            (
                with("/runDetails/builder", json!({"id": ""})),
                "builder-id-empty",
                "/runDetails/builder/id".into(),
                json!(""),
            ),
            (
                with("/runDetails/byproducts", json!([{}])),
                "byproduct-empty",
                "/runDetails/byproducts".into(),
                Value::Null,
            ),
            (
                with("/runDetails/byproducts", json!([{}, {"uri": "a:b"}])),
                "byproduct-empty",
                "/runDetails/byproducts".into(),
                json!([{"uri": "a:b"}]),
            ),
            (
                with("/runDetails/metadata/invocationID", json!("7")),
                "invocation-id-spelling",
                "/runDetails/metadata/invocationId".into(),
                json!("7"),
            ),
            (
                with("/runDetails/metadata/startedOn", json!({"seconds": 1_791_113_527, "nanos": 5})),
                "timestamp-shape",
                "/runDetails/metadata/startedOn".into(),
                json!("2026-10-04T11:32:07.000000005Z"),
            ),
            (
                with("/runDetails/metadata/startedOn", json!("2026-10-04T13:32:07+02:00")),
                "timestamp-shape",
                "/runDetails/metadata/startedOn".into(),
                json!("2026-10-04T11:32:07Z"),
            ),
            (
                with("/runDetails/metadata/startedOn", json!("yesterday")),
                "timestamp-shape",
                "/runDetails/metadata/startedOn".into(),
                json!("yesterday"),
            ),
            (
                with("/runDetails/metadata/finished_on", json!("2026-10-04T11:32:07Z")),
                "snake-case-field",
                "/runDetails/metadata/finishedOn".into(),
                json!("2026-10-04T11:32:07Z"),
            ),
            (
                with("/buildDefinition/internal_parameters", json!({"a": 1})),
                "snake-case-field",
                "/buildDefinition/internalParameters/a".into(),
                json!(1),
            ),
            (
                with(dependencies, json!([{"uri": "a:b", "media_type": "text/plain"}])),
                "snake-case-field",
                format!("{first}/mediaType"),
                json!("text/plain"),
            ),
            (
                with("/buildDefinition/internalParameters/github/eventName", json!("push")),
                "event-name-camel-case",
                "/buildDefinition/internalParameters/github/event_name".into(),
                json!("push"),
            ),
            (
                with("/buildDefinition/internalParameters/triggerUri", json!("projects//triggers/")),
                "trigger-uri-empty-part",
                "/buildDefinition/internalParameters/triggerUri".into(),
                json!("projects//triggers/"),
            ),
            (
                with("/buildDefinition/buildType", json!(super::super::predicate::COMMUNITY_BUILD_TYPE)),
                "build-type-twin",
                "/buildDefinition/buildType".into(),
                json!(super::super::predicate::COMMUNITY_BUILD_TYPE),
            ),
            (
                with("/buildDefinition/buildType", json!(crate::generate::ci::github::ACTIONS_BUILD_TYPE)),
                "build-type-twin",
                "/buildDefinition/buildType".into(),
                json!(crate::generate::ci::github::ACTIONS_BUILD_TYPE),
            ),
            (
                dependency("git+https://gitlab.com/acme/app", json!({"sha256": COMMIT})),
                "commit-as-sha256",
                format!("{first}/digest"),
                sha1(),
            ),
            (
                dependency("git+https://github.com/acme/app", json!({"sha1": COMMIT})),
                "git-digest-key",
                format!("{first}/digest"),
                sha1(),
            ),
            (
                dependency("https://github.com/acme/app.git#refs/tags/v1", sha1()),
                "source-uri-spelling",
                format!("{first}/uri"),
                json!("git+https://github.com/acme/app@refs/tags/v1"),
            ),
            (
                dependency("https://github.com/acme/app", sha1()),
                "source-uri-spelling",
                format!("{first}/uri"),
                json!("git+https://github.com/acme/app"),
            ),
            (
                dependency("git+https://GitHub.com/acme/app.git@refs/heads/main", sha1()),
                "source-uri-spelling",
                format!("{first}/uri"),
                json!("git+https://github.com/acme/app@refs/heads/main"),
            ),
            (
                dependency("oci://ghcr.io/acme/App:1.2", json!({"sha256": "ab".repeat(32)})),
                "oci-prefix",
                format!("{first}/uri"),
                json!("pkg:oci/app?repository_url=ghcr.io/acme/App&tag=1.2"),
            ),
            (
                dependency("oci://localhost:5000/app@sha256:ab", json!({})),
                "oci-prefix",
                format!("{first}/uri"),
                json!("pkg:oci/app@sha256%3Aab?repository_url=localhost:5000/app"),
            ),
            (
                dependency("a:b", json!({"sha512": format!("sha512-{}", base64::encode(&[7; 64]))})),
                "digest-sri",
                format!("{first}/digest/sha512"),
                json!("07".repeat(64)),
            ),
            (
                dependency("a:b", json!({"sha256": "AB".repeat(32)})),
                "digest-upper-case",
                format!("{first}/digest/sha256"),
                json!("ab".repeat(32)),
            ),
        ];
        let mut told = std::collections::BTreeSet::new();
        for (predicate, name, pointer, value) in table {
            let converted = of_v1(predicate.clone());
            assert_eq!(names(&converted), [name], "{predicate}");
            assert_eq!(converted.provenance.pointer(&pointer).unwrap_or(&Value::Null), &value, "{predicate}");
            told.insert(name);
        }
        println!("{} quirks of v1", told.len());
    }

    #[test]
    fn each_quirk_of_v02_is_named_and_normalised() {
        let external = "/buildDefinition/externalParameters";
        let table: Vec<(Value, &str, String, Value)> = vec![
            (
                json!({"invocation": {"parameters": "x"}}),
                "parameters-not-object",
                external.into(),
                json!({"parameters": "x"}),
            ),
            (
                json!({"invocation": {"parameters": {"source": 1}}}),
                "parameters-collide",
                external.into(),
                json!({"parameters": {"source": 1}}),
            ),
            (
                json!({"metadata": {"buildInvocationID": "7"}}),
                "invocation-id-spelling",
                "/runDetails/metadata/invocationId".into(),
                json!("7"),
            ),
            (
                json!({"metadata": {"completeness": {}, "reproducible": null}}),
                "completeness-dropped",
                "/runDetails/metadata".into(),
                Value::Null,
            ),
            (
                json!({"metadata": {"reproducible": true}}),
                "reproducible-dropped",
                "/runDetails/metadata".into(),
                Value::Null,
            ),
            (
                json!({"invocation": {"configSource": {"entryPoint": "a"}}}),
                "config-source-moved",
                external.into(),
                json!({"entryPoint": "a"}),
            ),
            (json!({"builder": {"id": ""}}), "builder-id-empty", "/runDetails/builder/id".into(), json!("")),
            (
                json!({"buildConfig": [1]}),
                "build-config-moved",
                "/runDetails/byproducts/0/content".into(),
                json!("WzFd"),
            ),
        ];
        for (predicate, name, pointer, value) in table {
            let converted = of_v02(predicate.clone());
            assert_eq!(names(&converted), [name], "{predicate}");
            assert_eq!(converted.provenance.pointer(&pointer).unwrap_or(&Value::Null), &value, "{predicate}");
        }
    }

    #[test]
    fn statements_of_odd_types_are_read() {
        let good = with("/runDetails/metadata/invocationId", json!("x"));
        let mixed = of(STATEMENT_V0_1, v1::PREDICATE_TYPE, good.clone());
        assert_eq!((names(&mixed), &mixed.provenance), (vec!["statement-type-mixed"], &good));
        let witness = json!({
            "build_definition": {"build_type": "https://example.com/t", "external_parameters": {"a": 1},
                                 "resolved_dependencies": [{"digest": {"sha256": "ab".repeat(32)}}]},
            "run_details": {"builder": {"id": "https://example.com/b"},
                            "metadata": {"invocation_id": "x", "started_on": {"seconds": 0}}},
        });
        let converted = of(STATEMENT_V1, WITNESS_TYPE, witness);
        let expected =
            ["predicate-type-spelling"].into_iter().chain(["snake-case-field"; 7]).chain(["timestamp-shape"]);
        assert_eq!(names(&converted), expected.collect::<Vec<_>>());
        assert!(Provenance::from_predicate(v1::PREDICATE_TYPE, &converted.provenance).unwrap().is_ok());
        assert_eq!(converted.provenance["runDetails"]["metadata"]["startedOn"], "1970-01-01T00:00:00Z");
        let bare =
            statement(&json!({"builder": {"id": ""}, "buildType": "https://mobyproject.org/buildkit@v1"})).unwrap();
        assert_eq!((names(&bare), bare.statement_type), (vec!["builder-id-empty"], None));
    }

    #[test]
    fn what_is_no_provenance_is_refused_by_its_code() {
        let code = |document: Value| statement(&document).unwrap_err().code();
        assert_eq!(
            code(json!({"_type": STATEMENT_V1, "predicateType": "https://spdx.dev/Document"})),
            "convert-not-provenance"
        );
        assert_eq!(code(json!({"_type": STATEMENT_V1})), "convert-not-provenance");
        assert_eq!(code(json!([])), "convert-not-provenance");
        assert_eq!(code(json!({"_type": STATEMENT_V1, "predicateType": v1::PREDICATE_TYPE})), "convert-shape");
        assert_eq!(
            code(json!({"_type": STATEMENT_V1, "predicateType": v1::PREDICATE_TYPE, "predicate": 7})),
            "convert-shape"
        );
    }

    #[test]
    fn payloads_of_either_alphabet_are_read() {
        let bytes = json!({"a": "\u{3ff}\u{3ff}~~??>>"}).to_string();
        let url = base64::encode(bytes.as_bytes()).replace('+', "-").replace('/', "_");
        let document = json!({"payloadType": "x", "payload": url});
        assert!(has_url_safe_payload(&document), "{url}");
        assert_eq!(payload(&document).unwrap()["a"], "\u{3ff}\u{3ff}~~??>>");
        assert_eq!(payload(&json!({"payload": "!"})).unwrap_err().code(), "convert-shape");
        assert_eq!(payload(&json!({})).unwrap_err().code(), "convert-shape");
    }

    #[test]
    fn a_conversion_is_no_statement() {
        let converted = of_v1(with("/runDetails/metadata/invocationId", json!("x")));
        assert!(Statement::parse(converted.provenance.to_string().as_bytes().into()).is_err());
    }
}
