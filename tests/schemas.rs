//! Regenerates `schemas/` and the example of the build type's page from the types, and compares with the files.
//!
//! `SEALMARK_BLESS=1 cargo test --features schema --test schemas` rewrites them. Adding a schema is one line in [`TABLE`].
#![cfg(all(feature = "cli", feature = "schema"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::jwt::TokenClaims;
use sealmark::formats::provenance::Provenance;
use sealmark::formats::provenance::ProvenanceError;
use sealmark::formats::provenance::ResourceDescriptor;
use sealmark::formats::provenance::v1::ProvenanceV1;
use sealmark::formats::provenance::v02::ProvenanceV02;
use sealmark::formats::vsa::Vsa;
use sealmark::generate::ci;
use sealmark::generate::ci::Platform;
use sealmark::generate::ci::azure_devops;
use sealmark::generate::ci::buildkite;
use sealmark::generate::ci::circleci;
use sealmark::generate::ci::generic;
use sealmark::generate::ci::github;
use sealmark::generate::ci::gitlab;
use sealmark::generate::ci::google_cloud_build;
use sealmark::generate::ci::jenkins;
use sealmark::generate::ci::tekton;
use sealmark::generate::ci::topics::Need;
use sealmark::generate::ci::topics::Place;
use sealmark::generate::ci::topics::Topic;
use sealmark::generate::facts::BuildFacts;
use sealmark::generate::git::Dirty;
use sealmark::generate::git::GitFacts;
use sealmark::generate::local;
use sealmark::generate::local::LocalBuild;
use sealmark::generate::local::Overrides;
use sealmark::generate::statement;
use sealmark::generate::validate::validate_accepting;
use sealmark::generate::validate::validate_strict;
use sealmark::generate::wrap;
use sealmark::generate::wrap::Ran;
use sealmark::report::Report;
use sealmark::report::attached::AttachReport;
use sealmark::report::conversion::Conversion;
use sealmark::report::copied::CopyReport;
use sealmark::report::doctor::DoctorReport;
use sealmark::report::inspection::Inspection;
use sealmark::report::lines::Line;
use sealmark::report::policy_files::CheckReport;
use sealmark::report::policy_files::TestReport;
use sealmark::report::tree::TreeReport;
use sealmark::report::trust::TrustReport;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A file below `schemas/`, its title, and what makes its content.
type Entry = (&'static str, &'static str, fn() -> Value);

/// Every file below `schemas/`.
const TABLE: &[Entry] = &[
    ("attached-v1", "What `sealmark sign`, `attest` and `attach` write about images with `--format json`", attached),
    ("buildtypes/azure-devops-v1", "externalParameters of https://sealmark.dev/buildtypes/azure-devops/v1", || {
        platform_external(Platform::AzureDevops)
    }),
    ("buildtypes/buildkite-v1", "externalParameters of https://sealmark.dev/buildtypes/buildkite/v1", || {
        platform_external(Platform::Buildkite)
    }),
    ("buildtypes/circleci-v1", "externalParameters of https://sealmark.dev/buildtypes/circleci/v1", || {
        platform_external(Platform::Circleci)
    }),
    ("buildtypes/gitlab-v1", "externalParameters of https://sealmark.dev/buildtypes/gitlab/v1", || {
        platform_external(Platform::Gitlab)
    }),
    (
        "buildtypes/google-cloud-build-v1",
        "externalParameters of https://sealmark.dev/buildtypes/google-cloud-build/v1",
        || platform_external(Platform::GoogleCloudBuild),
    ),
    ("buildtypes/jenkins-v1", "externalParameters of https://sealmark.dev/buildtypes/jenkins/v1", || {
        platform_external(Platform::Jenkins)
    }),
    ("buildtypes/tekton-v1", "externalParameters of https://sealmark.dev/buildtypes/tekton/v1", || {
        platform_external(Platform::Tekton)
    }),
    (
        "buildtypes/github-workflow-v1",
        "externalParameters of https://sealmark.dev/buildtypes/github-workflow/v1",
        github_external,
    ),
    ("buildtypes/local-v1", "externalParameters of https://sealmark.dev/buildtypes/local/v1", local_external),
    ("facts-v1", "A document of facts, as `--facts` reads it", facts_document),
    ("buildtypes/run-v1", "externalParameters of https://sealmark.dev/buildtypes/run/v1", run_external),
    ("conversion-v1", "What `sealmark inspect --convert` writes", conversion),
    ("copied-v1", "What `sealmark copy --format json` writes", copied),
    ("doctor-v1", "What `sealmark doctor --format json` writes", doctor),
    ("inspection-v1", "What `sealmark inspect --format json` writes", inspection),
    ("lines-v1", "Each line that `sealmark verify --format jsonl` writes", lines),
    ("policy-check-v1", "What `sealmark policy check` and `lint` write with `--format json`", policy_check),
    ("policy-test-v1", "What `sealmark policy test --format json` writes", policy_test),
    ("policy-v1", "A policy file", sealmark::policy::document::schema::schema),
    ("provenance-v0.2", "SLSA provenance v0.2, as consumers must accept it", accepting::<ProvenanceV02>),
    ("provenance-v0.2.strict", "SLSA provenance v0.2, by the letter", provenance_v02_strict),
    ("provenance-v1", "SLSA provenance v1, as consumers must accept it", accepting::<ProvenanceV1>),
    ("provenance-v1.strict", "SLSA provenance v1, as sealmark writes it", provenance_v1_strict),
    ("report-v1", "What `sealmark verify --format json` writes", report),
    ("statement-v0.1", "in-toto Statement v0.1, as consumers must accept it", statement_v01),
    ("statement-v1", "in-toto Statement v1, as consumers must accept it", statement_v1),
    ("statement-v1.strict", "in-toto Statement v1, as sealmark writes it", statement_v1_strict),
    ("tree-v1", "What `sealmark tree --format json` writes", tree_report),
    ("trust-v1", "What `sealmark trust show --format json` writes", trust_report),
    ("vsa-v1", "SLSA verification summary v1", vsa_v1),
];

/// A build type, what its definitions are called, its external and its internal parameters.
type BuildType = (&'static str, &'static str, fn() -> Value, fn() -> Value);

/// Every build type that sealmark writes.
const BUILD_TYPES: &[BuildType] = &[
    (local::BUILD_TYPE, "Local", local_external, local_internal),
    (github::BUILD_TYPE, "GithubWorkflow", github_external, github_internal),
    (github::ACTIONS_BUILD_TYPE, "ActionsWorkflow", actions_external, actions_internal),
    (
        azure_devops::BUILD_TYPE,
        "AzureDevops",
        || platform_external(Platform::AzureDevops),
        || platform_internal(Platform::AzureDevops),
    ),
    (
        buildkite::BUILD_TYPE,
        "Buildkite",
        || platform_external(Platform::Buildkite),
        || platform_internal(Platform::Buildkite),
    ),
    (
        circleci::BUILD_TYPE,
        "Circleci",
        || platform_external(Platform::Circleci),
        || platform_internal(Platform::Circleci),
    ),
    (gitlab::BUILD_TYPE, "Gitlab", || platform_external(Platform::Gitlab), || platform_internal(Platform::Gitlab)),
    (
        google_cloud_build::BUILD_TYPE,
        "GoogleCloudBuild",
        || platform_external(Platform::GoogleCloudBuild),
        || platform_internal(Platform::GoogleCloudBuild),
    ),
    (jenkins::BUILD_TYPE, "Jenkins", || platform_external(Platform::Jenkins), || platform_internal(Platform::Jenkins)),
    (tekton::BUILD_TYPE, "Tekton", || platform_external(Platform::Tekton), || platform_internal(Platform::Tekton)),
];

/// Absolute URI, scheme and authority in lower case (in-toto attestation spec v1, "TypeURI" and "ResourceURI").
const URI: &str = r"^[a-z][a-z0-9+.-]*:(//[^/?#\sA-Z]+([/?#]\S*)?|[^/\s]\S*|/[^/\s]\S*)$";
/// RFC 3339 in UTC, written with `Z` (in-toto attestation spec v1, "Timestamp").
const TIMESTAMP: &str = concat!(
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?Z$"
);
/// A ref in full, of git-check-ref-format(1) as much as matters in a URI.
const REF: &str = r"^refs/[^\s~^:?*\[\\]+$";
/// A repository on a server, without anything that could be a credential.
const REPOSITORY: &str = r"^git\+https?://[^\s/@?#A-Z]+/[^\s@?#]+$";

// ---- from types to schemas

/// The schema that schemars derives, without what says nothing (`default`) or relies on `format`.
fn derived<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    walk(&mut schema, &mut |object| {
        object.remove("default");
        object.remove("format");
    });
    schema
}

/// What everybody may write: the types as they are read.
fn accepting<T: JsonSchema>() -> Value {
    let mut schema = derived::<T>();
    merge(
        &mut schema,
        "",
        json!({"$comment": concat!(
            "Unset, null and empty mean the same; unknown fields are permitted; timestamps and digests are any text. So these ",
            "deviations of real builders are accepted: buildInvocationID and invocationID for ...Id, empty descriptors, commits ",
            "under sha1 or sha256, digests that are no hexadecimal, steps without env. An empty builder.id or buildType is not.",
        )}),
    );
    schema
}

/// Turns a derived schema into a strict one: no null, no unknown field, well-formed digests and descriptors.
fn strict<T: JsonSchema>() -> Value {
    let mut schema = derived::<T>();
    walk(&mut schema, &mut |object| {
        if let Some(types) = object.get_mut("type") {
            let kept = types.as_array().and_then(|t| t.iter().find(|t| *t != "null").cloned());
            *types = kept.unwrap_or_else(|| types.take());
        }
        if let Some(Value::Array(arms)) = object.remove("anyOf") {
            let kept = arms.into_iter().find(|arm| arm["type"] != "null").unwrap();
            object.extend(kept.as_object().unwrap().clone());
        }
        if object.contains_key("properties") {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
    });
    if schema.pointer("/$defs/DigestSet").is_some() {
        schema["$defs"]["DigestSet"] = digest_set();
    }
    if schema.pointer("/$defs/ResourceDescriptor").is_some() {
        let some = ["uri", "digest", "content"].map(|key| json!({"required": [key]}));
        merge(&mut schema, "/$defs/ResourceDescriptor", json!({"anyOf": some}));
        merge(&mut schema, "/$defs/ResourceDescriptor/properties/uri", json!({"pattern": URI}));
        merge(&mut schema, "/$defs/ResourceDescriptor/properties/downloadLocation", json!({"pattern": URI}));
        let base64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
        merge(&mut schema, "/$defs/ResourceDescriptor/properties/content", json!({"pattern": base64}));
    }
    schema
}

/// At least one digest, each of a registered algorithm and as long as that algorithm makes it.
fn digest_set() -> Value {
    let property = |algorithm: Algorithm| {
        let forms: Vec<String> = algorithm.lengths().iter().map(|n| format!("[0-9a-f]{{{}}}", n * 2)).collect();
        (algorithm.name().to_owned(), json!({"type": "string", "pattern": format!("^({})$", forms.join("|"))}))
    };
    let properties: Map<String, Value> = Algorithm::all().map(property).collect();
    json!({
        "description": "Digests of one artifact: lower-case hexadecimal under the algorithm's in-toto name.",
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn provenance_v02_strict() -> Value {
    let mut schema = strict::<ProvenanceV02>();
    for pointer in [
        "/properties/buildType",
        "/$defs/Builder/properties/id",
        "/$defs/ConfigSource/properties/uri",
        "/$defs/Material/properties/uri",
    ] {
        merge(&mut schema, pointer, json!({"pattern": URI}));
    }
    for name in ["buildStartedOn", "buildFinishedOn"] {
        merge(&mut schema, &format!("/$defs/Metadata/properties/{name}"), json!({"pattern": TIMESTAMP}));
    }
    for name in ["parameters", "environment"] {
        schema["$defs"]["Invocation"]["properties"][name] = json!({"type": "object"});
    }
    schema["properties"]["buildConfig"] = json!({"type": "object"});
    schema
}

fn provenance_v1_strict() -> Value {
    let mut schema = strict::<ProvenanceV1>();
    let build_types: Vec<&str> = BUILD_TYPES.iter().map(|row| row.0).chain([wrap::BUILD_TYPE]).collect();
    // A document of facts names a build type of its user's; those of known hosts are ours to describe.
    let foreign = json!({"not": {"pattern": r"^[a-z]+://(sealmark\.dev|actions\.github\.io)([/:?#]|$)"}});
    let build_type = json!({"pattern": URI, "anyOf": [{"enum": build_types}, foreign]});
    merge(&mut schema, "/$defs/BuildDefinition/properties/buildType", build_type);
    merge(&mut schema, "/$defs/Builder/properties/id", json!({"pattern": URI}));
    merge(&mut schema, "/$defs/Builder/properties/version", json!({"minProperties": 1}));
    merge(&mut schema, "/$defs/Metadata", json!({"minProperties": 1}));
    merge(&mut schema, "/$defs/Metadata/properties/invocationId", json!({"minLength": 1}));
    merge(
        &mut schema,
        "/$defs/Metadata/properties",
        json!({"sealmark_dependencies": dependencies(), "sealmark_masked": masked()}),
    );
    for name in ["startedOn", "finishedOn"] {
        merge(&mut schema, &format!("/$defs/Metadata/properties/{name}"), json!({"pattern": TIMESTAMP}));
    }
    for list in ["BuildDefinition/properties/resolvedDependencies", "RunDetails/properties/byproducts"] {
        merge(&mut schema, &format!("/$defs/{list}"), json!({"minItems": 1}));
    }
    let mut arms = Vec::new();
    for (build_type, name, external, internal) in BUILD_TYPES {
        let names = [format!("{name}ExternalParameters"), format!("{name}InternalParameters")];
        for (name, mut part) in names.iter().zip([external(), internal()]) {
            let object = part.as_object_mut().unwrap();
            object.remove("$schema");
            object.remove("title");
            if let Some(definitions) = object.remove("$defs") {
                merge(&mut schema, "/$defs", definitions);
            }
            merge(&mut schema, "/$defs", json!({name: part}));
        }
        let [external, internal] = names.map(|name| json!({"$ref": format!("#/$defs/{name}")}));
        arms.push(json!({
            "if": {"properties": {"buildType": {"const": build_type}}},
            "then": {"properties": {"externalParameters": external, "internalParameters": internal}},
        }));
    }
    arms.push(run_arm(&mut schema));
    merge(&mut schema, "/$defs/BuildDefinition", json!({"allOf": arms}));
    schema
}

/// A command that sealmark ran: the build that it was a part of is held against its own build type's schema where that is
/// one of ours.
fn run_arm(schema: &mut Value) -> Value {
    let mut run = run_external();
    let object = run.as_object_mut().unwrap();
    object.remove("$schema");
    object.remove("title");
    let definitions = object.remove("$defs").unwrap();
    merge(schema, "/$defs", definitions);
    merge(schema, "/$defs", json!({"RunExternalParameters": run}));
    let mut all = vec![json!({"$ref": "#/$defs/RunExternalParameters"})];
    for (build_type, name, ..) in BUILD_TYPES {
        let external = format!("#/$defs/{name}ExternalParameters");
        all.push(json!({
            "if": {"properties": {"build": {"properties": {"buildType": {"const": build_type}}}}},
            "then": {"properties": {"build": {"properties": {"externalParameters": {"$ref": external}}}}},
        }));
    }
    json!({
        "if": {"properties": {"buildType": {"const": wrap::BUILD_TYPE}}},
        "then": {"properties": {
            "externalParameters": {"allOf": all},
            "internalParameters": {"type": "object", "required": ["exitStatus"], "properties": {"exitStatus": {"const": 0}}},
        }, "required": ["internalParameters"]},
    })
}

/// `externalParameters` of a platform whose facts are written down as topics.
fn platform_external(platform: Platform) -> Value {
    let bounds = json!({
        "type": "object", "minProperties": 1, "maxProperties": local::MAX_PARAMETERS,
        "propertyNames": {"pattern": format!("^[A-Za-z0-9._:/@+-]{{1,{}}}$", local::MAX_PARAMETER_KEY)},
        "additionalProperties": {"type": "string", "maxLength": local::MAX_PARAMETER_VALUE},
    });
    let described = |text: &str| {
        let mut schema = bounds.clone();
        schema["description"] = json!(text);
        schema
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["pipeline", "source"],
        "properties": {
            "parameters": described("What the user passed with `--param`. Absent when nothing was passed."),
            "pipeline": topics(platform, Place::Pipeline, "What was run."),
            "source": {
                "description": "What was built.",
                "type": "object",
                "additionalProperties": false,
                "required": ["uri"],
                "properties": {
                    "uri": {
                        "description": "The repository, `git+https://host/owner/repository`.",
                        "type": "string", "pattern": REPOSITORY,
                    },
                    "ref": {"description": "The ref in full, where it is known.", "type": "string", "pattern": REF},
                },
            },
            "variables": described("The job's variables that it lists in `SEALMARK_VARIABLES`. Absent when it lists none."),
        },
    })
}

/// `internalParameters` of such a platform.
fn platform_internal(platform: Platform) -> Value {
    let key = platform.name().replace('-', "_");
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": [key.clone()],
        "properties": {key: topics(platform, Place::Platform, "What the platform says about the run.")},
    })
}

/// The topics of one place.
fn topics(platform: Platform, place: Place, description: &str) -> Value {
    let here: Vec<&Topic> = platform.topics().iter().filter(|topic| topic.place == place).collect();
    let text = |topic: &&Topic| {
        let schema = json!({
            "description": topic.what, "type": "string", "minLength": 1, "maxLength": local::MAX_TEXT,
        });
        (topic.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = here.iter().map(text).collect();
    let required: Vec<&str> = here.iter().filter(|topic| topic.need == Need::Always).map(|topic| topic.name).collect();
    json!({
        "description": description, "type": "object", "additionalProperties": false,
        "required": required, "properties": properties,
    })
}

/// A document of facts.
fn facts_document() -> Value {
    let mut schema = strict::<generic::Document>();
    for name in ["buildType", "builderId"] {
        merge(&mut schema, &format!("/properties/{name}"), json!({"pattern": URI, "maxLength": local::MAX_TEXT}));
    }
    for name in ["startedOn", "finishedOn"] {
        merge(&mut schema, &format!("/properties/{name}"), json!({"pattern": TIMESTAMP}));
    }
    let text = json!({"minLength": 1, "maxLength": local::MAX_TEXT});
    merge(&mut schema, "/properties/invocationId", text.clone());
    merge(&mut schema, "/properties/builderVersion/additionalProperties", text.clone());
    merge(&mut schema, "/properties/builderVersion", json!({"properties": {"sealmark": false}}));
    let taken = json!({"properties": {"source": false, "parameters": false}});
    merge(&mut schema, "/properties/externalParameters", taken);
    merge(&mut schema, "/properties/dependencies", json!({"maxItems": generic::MAX_DEPENDENCIES}));
    merge(&mut schema, "/$defs/DocumentSource/properties/ref", json!({"pattern": REF}));
    merge(&mut schema, "/$defs/DocumentSource/properties/commit", json!({"pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"}));
    for name in ["name", "mediaType"] {
        merge(&mut schema, &format!("/$defs/DocumentDependency/properties/{name}"), text.clone());
    }
    merge(&mut schema, "/$defs/DocumentDependency/properties/name", json!({"not": {"const": "source"}}));
    merge(&mut schema, "/$defs/DocumentDependency/properties/uri", json!({"pattern": URI}));
    let some = ["uri", "digest"].map(|key| json!({"required": [key]}));
    merge(&mut schema, "/$defs/DocumentDependency", json!({"anyOf": some}));
    schema
}

/// `externalParameters` of our build type of GitHub workflows.
fn github_external() -> Value {
    let mut schema = strict::<github::ExternalParameters>();
    let bounds = json!({
        "minProperties": 1, "maxProperties": local::MAX_PARAMETERS,
        "propertyNames": {"pattern": format!("^[A-Za-z0-9._:/@+-]{{1,{}}}$", local::MAX_PARAMETER_KEY)},
        "additionalProperties": {"type": "string", "maxLength": local::MAX_PARAMETER_VALUE},
    });
    for name in ["inputs", "vars", "parameters"] {
        merge(&mut schema, &format!("/properties/{name}"), bounds.clone());
    }
    merge(&mut schema, "/$defs/WorkflowParameters/properties/ref", json!({"pattern": REF}));
    let repository = r"^https://[^\s/@?#A-Z]+/[^\s/@?#]+/[^\s/@?#]+$";
    merge(&mut schema, "/$defs/WorkflowParameters/properties/repository", json!({"pattern": repository}));
    merge(&mut schema, "/$defs/WorkflowParameters/properties/path", json!({"pattern": r"^[^\s/][^\s]*$"}));
    for name in ["tag_name", "target_commitish"] {
        merge(&mut schema, &format!("/$defs/ReleaseParameters/properties/{name}"), json!({"minLength": 1}));
    }
    schema
}

fn github_internal() -> Value {
    let mut schema = strict::<github::InternalParameters>();
    for name in ["actor_id", "repository_id", "repository_owner_id", "run_attempt", "run_id", "run_number"] {
        merge(&mut schema, &format!("/$defs/RunParameters/properties/{name}"), json!({"pattern": "^[0-9]{1,20}$"}));
    }
    for name in ["job_workflow_sha", "workflow_sha"] {
        let pattern = json!({"pattern": r"^([0-9a-f]{40}|[0-9a-f]{64})$"});
        merge(&mut schema, &format!("/$defs/RunParameters/properties/{name}"), pattern);
    }
    for name in ["event_name", "ref_type", "repository_visibility", "runner_environment"] {
        let pattern = json!({"pattern": "^[a-z0-9_-]{1,64}$"});
        merge(&mut schema, &format!("/$defs/RunParameters/properties/{name}"), pattern);
    }
    schema["required"] = json!(["github"]);
    schema
}

/// GitHub's own build type holds the workflow alone.
fn actions_external() -> Value {
    let mut schema = github_external();
    schema["properties"].as_object_mut().unwrap().retain(|name, _| name == "workflow");
    schema["$defs"].as_object_mut().unwrap().retain(|name, _| name == "WorkflowParameters");
    schema
}

/// And four of the claims.
fn actions_internal() -> Value {
    let mut schema = github_internal();
    let mut run = schema["$defs"]["RunParameters"].take();
    let names = run["required"].as_array().unwrap().clone();
    run["properties"].as_object_mut().unwrap().retain(|name, _| names.contains(&json!(name)));
    schema["$defs"] = json!({"ActionsRunParameters": run});
    schema["properties"]["github"]["$ref"] = json!("#/$defs/ActionsRunParameters");
    schema
}

/// What `sealmark_masked` holds.
fn masked() -> Value {
    json!({
        "type": "array",
        "description": "JSON pointers (RFC 6901) to the values of which `[MASKED]` stands here.",
        "items": {"type": "string", "pattern": "^/"}, "minItems": 1, "uniqueItems": true,
    })
}

/// What `sealmark_dependencies` holds.
fn dependencies() -> Value {
    let text = |what: &str| json!({"type": "string", "description": what, "minLength": 1});
    let count = |what: &str| json!({"type": "integer", "description": what, "minimum": 0});
    json!({
        "type": "object",
        "description": "How far the list of dependencies goes. Who ignores it must take the list for incomplete.",
        "properties": {
            "collectors": {
                "type": "array",
                "description": "The files of the checkout that were read.",
                "items": {
                    "type": "object",
                    "properties": {
                        "format": text("Name of its format."),
                        "path": text("Path in the checkout."),
                        "count": count("How many different things it pins."),
                    },
                    "required": ["format", "path", "count"],
                    "additionalProperties": false,
                },
            },
            "unresolved": count("How many things they name without a digest that binds."),
        },
        "required": ["collectors", "unresolved"],
        "additionalProperties": false,
    })
}

fn local_external() -> Value {
    let mut schema = strict::<local::ExternalParameters>();
    merge(&mut schema, "/$defs/SourceParameters", json!({"minProperties": 1}));
    merge(&mut schema, "/$defs/SourceParameters/properties/uri", json!({"pattern": REPOSITORY}));
    merge(&mut schema, "/$defs/SourceParameters/properties/ref", json!({"pattern": REF}));
    let key = format!("^[A-Za-z0-9._:/@+-]{{1,{}}}$", local::MAX_PARAMETER_KEY);
    let bounds = json!({
        "minProperties": 1, "maxProperties": local::MAX_PARAMETERS,
        "propertyNames": {"pattern": key},
        "additionalProperties": {"type": "string", "maxLength": local::MAX_PARAMETER_VALUE},
    });
    merge(&mut schema, "/properties/parameters", bounds);
    schema
}

fn run_external() -> Value {
    let mut schema = strict::<wrap::ExternalParameters>();
    let words = json!({"minItems": 1, "maxItems": wrap::MAX_WORDS});
    merge(&mut schema, "/$defs/CommandParameters/properties/argv", words);
    merge(&mut schema, "/$defs/CommandParameters/properties/directory", json!({"minLength": 1}));
    let bounds = json!({
        "minProperties": 1, "maxProperties": wrap::MAX_VARIABLES,
        "propertyNames": {"pattern": format!("^[A-Za-z_][A-Za-z0-9_]{{0,{}}}$", wrap::MAX_VARIABLE_NAME - 1)},
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": wrap::MAX_VARIABLE},
    });
    merge(&mut schema, "/$defs/CommandParameters/properties/environment", bounds);
    merge(&mut schema, "/$defs/WrappedBuild/properties/buildType", json!({"pattern": URI}));
    merge(&mut schema, "/$defs/WrappedBuild/properties/externalParameters", json!({"minProperties": 1}));
    schema
}

fn local_internal() -> Value {
    let mut schema = strict::<local::InternalParameters>();
    merge(&mut schema, "/$defs/GitParameters/properties/branch", json!({"pattern": REF}));
    merge(&mut schema, "/$defs/GitParameters/properties/tags", json!({"minItems": 1, "items": {"pattern": REF}}));
    let object = r"^([0-9a-f]{40}|[0-9a-f]{64})$";
    merge(&mut schema, "/$defs/GitParameters/properties/tree", json!({"pattern": object}));
    schema
}

fn statement_of(statement_type: &str) -> Value {
    let mut descriptor = derived::<ResourceDescriptor>();
    let definitions = descriptor["$defs"].take();
    let object = descriptor.as_object_mut().unwrap();
    object.retain(|key, _| !["$defs", "$schema", "title"].contains(&key.as_str()));
    let mut schema = json!({
        "type": "object",
        "properties": {
            "_type": {"const": statement_type},
            "subject": {
                "description": "What the predicate is about; matched by digest alone.",
                "type": "array",
                "minItems": 1,
                "items": {
                    "$ref": "#/$defs/ResourceDescriptor",
                    "properties": {"digest": {"type": "object", "minProperties": 1}},
                    "required": ["digest"],
                },
            },
            "predicateType": {"description": "How to read the predicate.", "type": "string", "minLength": 1},
            "predicate": {"type": ["object", "null"]},
        },
        "required": ["_type", "subject", "predicateType"],
        "$defs": definitions,
    });
    merge(&mut schema, "/$defs", json!({"ResourceDescriptor": descriptor}));
    schema
}

fn statement_v01() -> Value {
    statement_of("https://in-toto.io/Statement/v0.1")
}

fn statement_v1() -> Value {
    statement_of(sealmark::formats::statement::STATEMENT_V1)
}

fn statement_v1_strict() -> Value {
    json!({
        "type": "object",
        "properties": {
            "_type": {"const": sealmark::formats::statement::STATEMENT_V1},
            "subject": {
                "description": "What the predicate is about; matched by digest alone.",
                "type": "array",
                "minItems": 1,
                "maxItems": sealmark::formats::statement::MAX_SUBJECTS,
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "minLength": 1}, "digest": {"$ref": "#/$defs/DigestSet"}},
                    "required": ["name", "digest"],
                    "additionalProperties": false,
                },
            },
            "predicateType": {"description": "How to read the predicate.", "type": "string", "pattern": URI},
            "predicate": {"type": "object"},
        },
        "required": ["_type", "subject", "predicateType", "predicate"],
        "additionalProperties": false,
        "$defs": {"DigestSet": digest_set()},
    })
}

fn vsa_v1() -> Value {
    let mut schema = derived::<Vsa>();
    let policy = json!({"required": ["uri"], "properties": {"uri": {"type": "string", "minLength": 1}}});
    merge(&mut schema, "/properties/policy", policy);
    let with_digest = json!({"required": ["digest"], "properties": {"digest": {"type": "object", "minProperties": 1}}});
    merge(&mut schema, "/properties/inputAttestations/items", with_digest);
    merge(&mut schema, "/properties/verifiedLevels/items", json!({"minLength": 1}));
    merge(&mut schema, "/properties/slsaVersion", json!({"pattern": r"^[0-9]+\.[0-9]+$"}));
    schema
}

/// What sealmark writes and names its schema in; the schema's `$id` is that name.
fn written<T: JsonSchema>(id: &str) -> Value {
    let mut schema = derived::<T>();
    merge(&mut schema, "", json!({"$id": id}));
    merge(&mut schema, "/properties/schema", json!({"const": id}));
    schema
}

fn attached() -> Value {
    written::<AttachReport>(sealmark::report::attached::SCHEMA)
}

fn conversion() -> Value {
    written::<Conversion>(sealmark::report::conversion::SCHEMA)
}

fn copied() -> Value {
    written::<CopyReport>(sealmark::report::copied::SCHEMA)
}

/// Lines carry no name of their schema: each would repeat it.
fn lines() -> Value {
    let mut schema = derived::<Line<'_>>();
    merge(&mut schema, "", json!({"$id": sealmark::report::lines::SCHEMA}));
    schema
}

fn doctor() -> Value {
    written::<DoctorReport>(sealmark::report::doctor::SCHEMA)
}

fn inspection() -> Value {
    written::<Inspection>(sealmark::report::inspection::SCHEMA)
}

fn report() -> Value {
    written::<Report>(sealmark::report::SCHEMA)
}

fn policy_check() -> Value {
    written::<CheckReport>(sealmark::report::policy_files::CHECK_SCHEMA)
}

fn policy_test() -> Value {
    written::<TestReport>(sealmark::report::policy_files::TEST_SCHEMA)
}

fn tree_report() -> Value {
    written::<TreeReport>(sealmark::report::tree::SCHEMA)
}

fn trust_report() -> Value {
    written::<TrustReport>(sealmark::report::trust::SCHEMA)
}

/// Calls `change` on every schema object, inner ones first. Names of properties and definitions are not schemas.
fn walk(schema: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Value::Object(object) = schema else { return };
    for (key, value) in object.iter_mut() {
        match key.as_str() {
            "properties" | "$defs" => value.as_object_mut().unwrap().values_mut().for_each(|v| walk(v, change)),
            "items" | "additionalProperties" => walk(value, change),
            "anyOf" | "allOf" | "oneOf" => value.as_array_mut().unwrap().iter_mut().for_each(|v| walk(v, change)),
            _ => {}
        }
    }
    change(object);
}

/// Adds keywords to the schema at `pointer`, which must be there; objects are merged, anything else replaced.
fn merge(schema: &mut Value, pointer: &str, keywords: Value) {
    let target = schema.pointer_mut(pointer).unwrap_or_else(|| panic!("no schema at {pointer}"));
    for (key, value) in keywords.as_object().unwrap() {
        match target.get_mut(key) {
            Some(known @ Value::Object(_)) if value.is_object() => merge(known, "", value.clone()),
            _ => target[key] = value.clone(),
        }
    }
}

fn text_of(name: &str, title: &str, content: Value) -> String {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    let id = json!(format!("https://sealmark.dev/schemas/{name}.schema.json"));
    schema.insert("$id".to_owned(), content.get("$id").cloned().unwrap_or(id));
    schema.insert("title".to_owned(), json!(title));
    for (key, value) in content.as_object().unwrap() {
        schema.entry(key.clone()).or_insert_with(|| value.clone());
    }
    format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())
}

// ---- files

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it must hold, or writes it when `SEALMARK_BLESS` is set.
fn check_file(path: &Path, expected: &str) {
    if std::env::var_os("SEALMARK_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, expected).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the types say; run with SEALMARK_BLESS=1 and look at the difference",
        path.display()
    );
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn the_schemas_are_what_the_types_say() {
    let mut names = BTreeSet::new();
    for (name, title, content) in TABLE {
        let path = root().join(format!("schemas/{name}.schema.json"));
        let text = text_of(name, title, content());
        jsonschema::draft202012::meta::validate(&serde_json::from_str(&text).unwrap()).unwrap();
        check_file(&path, &text);
        names.insert(path);
    }
    assert_eq!(names, files_below(&root().join("schemas")).into_iter().collect());
}

// ---- the example on the build type's page

fn example() -> Value {
    let digest = Digest::parse("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").unwrap();
    serde_json::from_slice(&generate(&[("app.tar.gz", std::slice::from_ref(&digest))])).unwrap()
}

fn generate(subjects: &[(&str, &[Digest])]) -> Vec<u8> {
    let facts = local_facts();
    statement::statement_bytes(subjects.iter().copied(), &facts.predicate()).unwrap()
}

fn local_facts() -> BuildFacts {
    let git = GitFacts {
        commit: Some("8d3f0c5b7a1e4f2d9c6b8a7f5e3d1c0b9a8f7e6d".to_owned()),
        tree: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned()),
        branch: Some("refs/heads/main".to_owned()),
        tags: vec!["refs/tags/v1.4.2".to_owned()],
        remote: Some("git+https://git.example.com/acme/app".to_owned()),
        dirty: Dirty::Clean,
        shallow: false,
        submodules: vec![],
    };
    let build = LocalBuild {
        git: Some(&git),
        parameters: &BTreeMap::from([("profile".to_owned(), "release".to_owned())]),
        sealmark_version: "0.1.0",
        invocation_id: None,
        started_on: None,
        finished_on: None,
        overrides: &Overrides::default(),
    };
    build.facts().unwrap()
}

fn run_example() -> Value {
    let digest = |hex: &str| Digest::parse(&format!("sha256:{hex}")).unwrap();
    let subject = [digest("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")];
    let ran = Ran {
        argv: ["make", "-j2", "VERSION=1.4.2", "dist"].map(str::to_owned).to_vec(),
        exit_status: 0,
        started: "2026-10-04T11:32:07Z".parse().unwrap(),
        finished: "2026-10-04T11:33:21Z".parse().unwrap(),
        directory: Some("packages/app".to_owned()),
        environment: vec![wrap::Variable {
            name: "CFLAGS".to_owned(),
            value: "-O2 -g0".to_owned(),
            chosen: wrap::Chosen::Listed("CFLAGS"),
        }],
        program: wrap::Program {
            name: "make".to_owned(),
            digest: digest("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
        },
        inputs: vec![wrap::Input {
            name: "vendor.tar.gz".to_owned(),
            digests: vec![digest("fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9")],
        }],
    };
    let facts = wrap::facts(local_facts(), &ran).unwrap();
    let bytes = statement::statement_bytes([("app.tar.gz", subject.as_slice())], &facts.predicate()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
#[ignore = "a measurement: cargo test --features schema --test schemas -- --ignored --nocapture"]
fn fifty_thousand_subjects_are_cheap() {
    let digest = [Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()];
    let names: Vec<String> = (0..50_000).map(|n| format!("dist/file-{n:06}.tar.gz")).collect();
    let subjects: Vec<(&str, &[Digest])> = names.iter().map(|name| (name.as_str(), digest.as_slice())).collect();
    validate_strict(&example()).unwrap();
    let start = Instant::now();
    let bytes = generate(&subjects);
    let (written, start) = (start.elapsed(), Instant::now());
    let statement: Value = serde_json::from_slice(&bytes).unwrap();
    let (parsed, start) = (start.elapsed(), Instant::now());
    validate_strict(&statement).unwrap();
    println!("{} bytes: write {written:?}, parse {parsed:?}, validate {:?}", bytes.len(), start.elapsed());
}

#[test]
fn the_example_on_the_page_is_real_and_valid() {
    on_the_page(&example(), "local-v1");
}

#[test]
fn the_example_of_a_github_run_is_real_and_valid() {
    on_the_page(&github_example(), "github-workflow-v1");
}

#[test]
fn the_example_of_a_command_is_real_and_valid() {
    on_the_page(&run_example(), "run-v1");
    let definition = "/predicate/buildDefinition";
    let run = &format!("{definition}/externalParameters/run");
    let build = &format!("{definition}/externalParameters/build");
    for (pointer, damage) in [
        (format!("{run}/argv"), json!([])),
        (format!("{run}/argv"), json!("make dist")),
        (format!("{run}/argv/0"), json!(1)),
        (format!("{run}/directory"), json!("")),
        (format!("{run}/environment"), json!({})),
        (format!("{run}/environment"), json!({"A=B": "x"})),
        (format!("{run}/environment/CFLAGS"), json!("")),
        (run.clone(), json!({"argv": ["make"], "unknown": 1})),
        (build.clone(), json!({})),
        (format!("{build}/buildType"), json!("local")),
        (format!("{build}/externalParameters"), json!({})),
        (format!("{build}/externalParameters"), json!({"unknown": "x"})),
        (format!("{definition}/internalParameters"), json!({})),
        (format!("{definition}/internalParameters/exitStatus"), json!(1)),
    ] {
        let mut bad = run_example();
        *bad.pointer_mut(&pointer).unwrap() = damage.clone();
        assert!(validate_strict(&bad).is_err(), "{pointer} = {damage}");
    }
}

/// The example is valid and stands on the page of its build type.
fn on_the_page(example: &Value, page: &str) {
    validate_strict(example).unwrap();
    validate_accepting(example).unwrap();
    let path = root().join(format!("docs/buildtypes/{page}.md"));
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("```json\n").unwrap();
    let (_, after) = rest.split_once("\n```").unwrap();
    check_file(&path, &format!("{before}```json\n{}\n```{after}", serde_json::to_string_pretty(example).unwrap()));
}

/// A dispatched run that a reusable workflow of the same organisation signs.
fn github_example() -> Value {
    let workflow = "acme/app/.github/workflows/release.yml@refs/heads/main";
    let commit = "8d3f0c5b7a1e4f2d9c6b8a7f5e3d1c0b9a8f7e6d";
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com", "repository": "acme/app", "repository_id": "623456789",
        "repository_owner_id": "4242", "repository_visibility": "public", "ref": "refs/heads/main", "ref_type": "branch",
        "sha": commit, "workflow_ref": workflow, "workflow_sha": commit,
        "job_workflow_ref": "acme/build/.github/workflows/sign.yml@refs/tags/v3",
        "job_workflow_sha": "1b2c3d4e5f60718293a4b5c6d7e8f90123456789",
        "event_name": "workflow_dispatch", "run_id": "9876543210", "run_attempt": "1", "run_number": "17",
        "runner_environment": "github-hosted", "actor_id": "583231",
    });
    let claims = TokenClaims::new(claims.as_object().unwrap().clone());
    let event = json!({"inputs": {"channel": "stable"}, "repository": {"id": 623_456_789}});
    let inputs = ci::Inputs {
        environment: &ci::Environment::default(),
        claims: Some(&claims),
        event: Some(&event),
        vars: Some(&json!({"REGION": "eu-1"})),
        document: None,
        github_form: ci::GithubForm::Complete,
        git: None,
        parameters: &BTreeMap::from([("profile".to_owned(), "release".to_owned())]),
        sealmark_version: "0.1.0",
        invocation_id: None,
        started_on: None,
        finished_on: None,
        overrides: &Overrides::default(),
    };
    let digest = Digest::parse("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").unwrap();
    let predicate = ci::facts(Platform::Github, &inputs).unwrap().predicate();
    let subjects = [("app.tar.gz", std::slice::from_ref(&digest))];
    serde_json::from_slice(&statement::statement_bytes(subjects, &predicate).unwrap()).unwrap()
}

// ---- what the schemas accept

#[test]
fn the_accepting_schemas_agree_with_the_readers() {
    let v1 = json!({
        "buildDefinition": {"buildType": "b", "externalParameters": {"x": [1]}, "resolvedDependencies": [{"uri": "u", "digest": {"sha256": "XY"}}, {}]},
        "runDetails": {"builder": {"id": "i", "version": {"a": "1"}}, "metadata": {"startedOn": "then"}, "byproducts": [{}]},
    });
    let v02 = json!({
        "builder": {"id": "i"}, "buildType": "b", "buildConfig": [1], "materials": [{"uri": "u", "digest": {"sha1": "z"}}],
        "invocation": {"configSource": {"uri": "u", "digest": {"sha1": "z"}, "entryPoint": "e"}, "parameters": 1, "environment": {}},
        "metadata": {"buildInvocationId": "r", "completeness": {"parameters": true}, "reproducible": false},
    });
    let replacements = [
        json!(null),
        json!(""),
        json!("x"),
        json!(7),
        json!(true),
        json!([]),
        json!({}),
        json!([{}]),
        json!({"k": "v"}),
    ];
    let (mut accepted, mut refused) = (0, 0);
    for (predicate_type, good) in [("https://slsa.dev/provenance/v1", v1), ("https://slsa.dev/provenance/v0.2", v02)] {
        let mut pointers = Vec::new();
        pointers_of(&good, String::new(), &mut pointers);
        for pointer in &pointers {
            for replacement in replacements.iter().map(Some).chain([None]) {
                let Some(predicate) = replaced(&good, pointer, replacement) else { continue };
                let read = Provenance::from_predicate(predicate_type, &predicate).unwrap();
                let digest = json!({"sha256": "aa"});
                let statement = json!({
                    "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": digest}],
                    "predicateType": predicate_type, "predicate": predicate,
                });
                let valid = validate_accepting(&statement);
                assert_eq!(read.is_ok(), valid.is_ok(), "{pointer} = {replacement:?}: {read:?} {valid:?}");
                if read.is_ok() { accepted += 1 } else { refused += 1 }
            }
        }
    }
    println!("accepting schemas and readers agree on {accepted} accepted and {refused} refused predicates");
    assert!(accepted > 50 && refused > 50);
}

fn pointers_of(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(o) => o.iter().for_each(|(k, v)| pointers_of(v, format!("{at}/{k}"), out)),
        Value::Array(a) => a.iter().enumerate().for_each(|(n, v)| pointers_of(v, format!("{at}/{n}"), out)),
        _ => {}
    }
    out.push(at);
}

/// `good` with the value at `pointer` replaced, or removed; `None` where removing is not possible.
fn replaced(good: &Value, pointer: &str, replacement: Option<&Value>) -> Option<Value> {
    let mut value = good.clone();
    match replacement {
        Some(new) => *value.pointer_mut(pointer)? = new.clone(),
        None => {
            let (parent, key) = pointer.rsplit_once('/')?;
            value.pointer_mut(parent)?.as_object_mut()?.remove(key)?;
        }
    }
    Some(value)
}

#[test]
fn real_attestations_pass_the_accepting_schemas() {
    let Some(corpus) = std::env::var_os("SEALMARK_CORPUS") else {
        println!("skipped: SEALMARK_CORPUS does not say where the corpus is");
        return;
    };
    let mut accepted: BTreeMap<String, usize> = BTreeMap::new();
    for path in files_below(Path::new(&corpus)) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let documents: Vec<Value> = match serde_json::from_str(&text) {
            Ok(document) => vec![document],
            Err(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        };
        for statement in documents.iter().flat_map(statements_in) {
            if !statement["_type"].as_str().is_some_and(|t| t.starts_with("https://in-toto.io/Statement/")) {
                continue;
            }
            let predicate_type = statement["predicateType"].as_str().unwrap();
            match (Provenance::from_predicate(predicate_type, &statement["predicate"]), validate_accepting(&statement))
            {
                (None | Some(Ok(_)), Ok(())) => *accepted.entry(predicate_type.to_owned()).or_default() += 1,
                // Without what Build L1 requires it is no provenance, and nothing real lacks that.
                (Some(Err(ProvenanceError::FieldMissing { pointer, .. })), Err(_)) => {
                    println!("refused: {}: nothing at {pointer}", path.display());
                }
                (read, valid) => panic!("{}: {read:?}, {valid:?}", path.display()),
            }
        }
    }
    println!("accepted: {accepted:#?}");
    for known in ["provenance/v0.2", "provenance/v1", "verification_summary/v1"] {
        assert!(accepted.contains_key(&format!("https://slsa.dev/{known}")), "no {known} in the corpus");
    }
}

/// The payloads of every DSSE envelope anywhere in a document.
fn statements_in(document: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match document {
        Value::Object(object) => {
            if let (Some(payload), true) =
                (object.get("payload").and_then(Value::as_str), object.contains_key("payloadType"))
            {
                let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
                let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
                let bytes = engine.decode(payload.replace('-', "+").replace('_', "/")).unwrap_or_default();
                found.extend(serde_json::from_slice::<Value>(&bytes));
            }
            object.values().for_each(|v| found.extend(statements_in(v)));
        }
        Value::Array(items) => items.iter().for_each(|v| found.extend(statements_in(v))),
        _ => {}
    }
    found
}
