//! slsa-verifier's rules about refs, sources and inputs, in its order, by the names of its errors.

use serde_json::Value;
use serde_json::json;

use sealmark::policy::slsa_verifier::Command;
use sealmark::policy::slsa_verifier::Expectations;

use crate::delegated;
use crate::fixtures;
use crate::fixtures::Case;
use crate::fixtures::Judge;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::builder_id;
use crate::fixtures::expectations;
use crate::fixtures::issued;
use crate::fixtures::keyed;
use crate::fixtures::set;
use crate::fixtures::without;
use crate::generator;
use crate::support::virtual_sigstore::Spec;
use crate::workflow;

const ENVIRONMENT: &str = "/predicate/invocation/environment";
const INTERNAL: &str = "/predicate/buildDefinition/internalParameters";

fn judge(change: impl FnOnce(&mut Expectations)) -> Judge {
    Judge::Workflow(expectations(change), Command::Artifact)
}

fn case(name: &str, spec: Spec, judge: Judge, expected: Result<(), &'static str>) -> Case {
    Case::new(&format!("slsa-verifier: {name}"), spec, judge, expected)
}

fn branch(name: &str) -> Judge {
    judge(|expected| expected.branch = Some(name.to_owned()))
}

fn tag(name: &str) -> Judge {
    judge(|expected| expected.tag = Some(name.to_owned()))
}

fn version(name: &str) -> Judge {
    judge(|expected| expected.versioned_tag = Some(name.to_owned()))
}

fn of(reference: &str) -> Spec {
    let spec = generator::generic_of(|run| run.reference = reference.to_owned());
    let kind = if reference.starts_with("refs/heads/") { "branch" } else { "tag" };
    set(&spec, &format!("{ENVIRONMENT}/github_ref_type"), json!(kind))
}

fn delegated_good() -> Spec {
    delegated::delegated(
        "delegator_generic_slsa3.yml",
        "refs/tags/v2.1.0",
        &format!("{}@refs/tags/v2.1.0", delegated::maven()),
    )
}

/// Where an environment names the type of its ref.
fn typed_refs() -> Vec<Case> {
    let release = |target: &str| {
        let spec = generator::generic_of(|run| run.event = "release".to_owned());
        set(&spec, &format!("{ENVIRONMENT}/github_event_payload"), json!({"release": {"target_commitish": target}}))
    };
    let base = set(&of("refs/tags/v1.4.2"), &format!("{ENVIRONMENT}/github_base_ref"), json!("refs/heads/other"));
    let payload = |value: Value| set(&of("refs/tags/v1.4.2"), &format!("{ENVIRONMENT}/github_event_payload"), value);
    let kind = |value: Value| set(&of("refs/tags/v1.4.2"), &format!("{ENVIRONMENT}/github_ref_type"), value);
    let invalid = Err("ErrorInvalidRef source-ref-mismatch");
    let payload_error = Err("ErrorInvalidDssePayload predicate-invalid");
    vec![
        case("the branch", of("refs/heads/main"), branch("main"), Ok(())),
        case("a branch with a slash", of("refs/heads/a/b"), branch("a/b"), Ok(())),
        case("another branch", of("refs/heads/main"), branch("other"), Err("ErrorMismatchBranch source-ref-mismatch")),
        case(
            "a branch in full",
            of("refs/heads/main"),
            branch("refs/heads/main"),
            Err("ErrorMismatchBranch source-ref-mismatch"),
        ),
        case(
            "a branch in another case",
            of("refs/heads/main"),
            branch("Main"),
            Err("ErrorMismatchBranch source-ref-mismatch"),
        ),
        case("an empty branch", of("refs/heads/main"), branch(""), Err("ErrorMismatchBranch source-ref-mismatch")),
        case("a tag of the branch", of("refs/tags/v1.4.2"), branch("main"), Ok(())),
        case(
            "a tag of another branch",
            payload(json!({"base_ref": "refs/heads/evil"})),
            branch("main"),
            Err("ErrorMismatchBranch source-ref-mismatch"),
        ),
        case("a tag of another base", base.clone(), branch("main"), Err("ErrorMismatchBranch source-ref-mismatch")),
        case("a tag of a base", base, branch("other"), Ok(())),
        case("an annotated tag", payload(json!({"base_ref": null})), branch("main"), invalid),
        case(
            "a tag without a payload",
            without(&of("refs/tags/v1.4.2"), &format!("{ENVIRONMENT}/github_event_payload")),
            branch("main"),
            invalid,
        ),
        case("a release of the branch", release("main"), branch("main"), Ok(())),
        case(
            "a release of another branch",
            release("evil"),
            branch("main"),
            Err("ErrorMismatchBranch source-ref-mismatch"),
        ),
        case("a release of no branch", release(""), branch("main"), invalid),
        case("the tag", of("refs/tags/v1.4.2"), tag("v1.4.2"), Ok(())),
        case("another tag", of("refs/tags/v1.4.2"), tag("v1.4.3"), Err("ErrorMismatchTag source-ref-mismatch")),
        case(
            "a tag in full",
            of("refs/tags/v1.4.2"),
            tag("refs/tags/v1.4.2"),
            Err("ErrorMismatchTag source-ref-mismatch"),
        ),
        case("a branch for a tag", of("refs/heads/v1.4.2"), tag("v1.4.2"), invalid),
        case("a branch for a version", of("refs/heads/v1.4.2"), version("v1.4.2"), invalid),
        case(
            "a branch that calls itself a tag",
            set(&of("refs/heads/main"), &format!("{ENVIRONMENT}/github_ref_type"), json!("tag")),
            tag("main"),
            invalid,
        ),
        case("a tag that calls itself a branch", kind(json!("branch")), branch("v1.4.2"), invalid),
        case("another type of ref", kind(json!("moon")), tag("v1.4.2"), payload_error),
        case("an empty type of ref", kind(json!("")), tag("v1.4.2"), payload_error),
        case("a list for a type of ref", kind(json!(["tag"])), tag("v1.4.2"), payload_error),
        case("a pull request", of("refs/pull/1/merge"), tag("1/merge"), invalid),
        case(
            "no environment",
            without(&of("refs/tags/v1.4.2"), ENVIRONMENT),
            tag("v1.4.2"),
            Err("ErrorInvalidDssePayload predicate-field-missing"),
        ),
        case("the version", of("refs/tags/v1.4.2"), version("v1.4"), Ok(())),
        case("a pre-release within the version", of("refs/tags/v1.4.2-rc.1"), version("v1.4"), Ok(())),
        case(
            "another version",
            of("refs/tags/v1.4.2"),
            version("v1.5"),
            Err("ErrorMismatchVersionedTag source-version-mismatch"),
        ),
        case(
            "another pre-release",
            of("refs/tags/v1.4.2-rc.1"),
            version("v1.4.2-rc.2"),
            Err("ErrorMismatchVersionedTag source-version-mismatch"),
        ),
        case("a version without v", of("refs/tags/v1.4.2"), version("1.4"), Err("ErrorInvalidSemver policy-version")),
        case("a tag that is no version", of("refs/tags/main"), version("v1"), Err("ErrorInvalidSemver policy-version")),
    ]
}

/// Where the ref is the source's.
fn untyped_refs() -> Vec<Case> {
    let attested = |reference: &str| workflow::attested(|run| run.reference = reference.to_owned());
    let named = |change: &dyn Fn(&mut Expectations)| {
        judge(|expected| {
            expected.builder_id = builder_id(workflow::SIGNER);
            change(expected);
        })
    };
    let tag = |name: &'static str| named(&|expected| expected.tag = Some(name.to_owned()));
    let branch = |name: &'static str| named(&|expected| expected.branch = Some(name.to_owned()));
    let plain = without(
        &without(&delegated_good(), &format!("{ENVIRONMENT}/GITHUB_REF")),
        &format!("{ENVIRONMENT}/GITHUB_REF_TYPE"),
    );
    let bare = set(&plain, "/predicate/materials/0/uri", json!("git+https://github.com/acme/app"));
    let invalid = Err("ErrorInvalidRef source-ref-mismatch");
    vec![
        case("attestation, the tag", attested("refs/tags/v1.4.2"), tag("v1.4.2"), Ok(())),
        case(
            "attestation, another tag",
            attested("refs/tags/v1.4.2"),
            tag("v1.4.3"),
            Err("ErrorMismatchTag source-ref-mismatch"),
        ),
        case("attestation, the branch", attested("refs/heads/main"), branch("main"), Ok(())),
        case(
            "attestation, another branch",
            attested("refs/heads/main"),
            branch("other"),
            Err("ErrorMismatchBranch source-ref-mismatch"),
        ),
        case("attestation, no branch is known of a tag", attested("refs/tags/v1.4.2"), branch("main"), invalid),
        case("attestation, a branch for a tag", attested("refs/heads/v1.4.2"), tag("v1.4.2"), invalid),
        case(
            "attestation, a pull request",
            attested("refs/pull/1/merge"),
            tag("1/merge"),
            Err("ErrorInvalidDssePayload predicate-invalid"),
        ),
        case(
            "delegated, the tag",
            delegated_good(),
            judge(|expected| expected.tag = Some("v1.4.2".to_owned())),
            Ok(()),
        ),
        case(
            "delegated, the branch of the tag",
            delegated_good(),
            judge(|expected| expected.branch = Some("main".to_owned())),
            Ok(()),
        ),
        case(
            "delegated, another tag",
            delegated_good(),
            judge(|expected| expected.tag = Some("v1.4.3".to_owned())),
            Err("ErrorMismatchTag source-ref-mismatch"),
        ),
        case(
            "delegated, another branch",
            delegated_good(),
            judge(|expected| expected.branch = Some("evil".to_owned())),
            Err("ErrorMismatchBranch source-ref-mismatch"),
        ),
        case("delegated, a source without a ref", bare.clone(), judge(|_| ()), Ok(())),
        case(
            "delegated, a tag of a source without a ref",
            bare,
            judge(|expected| expected.tag = Some("v1.4.2".to_owned())),
            Err("ErrorInvalidDssePayload predicate-field-missing"),
        ),
    ]
}

fn sources() -> Vec<Case> {
    let good = generator::generic;
    let expects = |uri: &str| judge(|expected| expected.source_uri = uri.to_owned());
    let mismatch = Err("ErrorMismatchSource source-uri-mismatch");
    let config = "/predicate/invocation/configSource/uri";
    let material = "/predicate/materials/0/uri";
    let both = |uri: &str| set(&set(&good(), config, json!(uri)), material, json!(uri));
    let (repository, at) = ("git+https://github.com/acme/app", "git+https://github.com/acme/app@refs/tags/v1.4.2");
    let mut cases = vec![
        case("the source with its scheme", good(), expects("git+https://github.com/acme/app"), Ok(())),
        case("a source without a host", good(), expects("acme/app"), Err("ErrorMalformedURI policy-source-uri")),
        case(
            "both name another source",
            both("git+https://github.com/evil/app@refs/tags/v1.4.2"),
            judge(|_| ()),
            mismatch,
        ),
        case(
            "the trigger is another source",
            set(&good(), config, json!("git+https://github.com/evil/app@refs/tags/v1.4.2")),
            judge(|_| ()),
            mismatch,
        ),
        case(
            "the material is another source",
            set(&good(), material, json!("git+https://github.com/evil/app@refs/tags/v1.4.2")),
            judge(|_| ()),
            mismatch,
        ),
        case(
            "the material is at another ref",
            set(&good(), material, json!("git+https://github.com/acme/app@refs/heads/main")),
            judge(|_| ()),
            Err("ErrorInvalidDssePayload predicate-inconsistent"),
        ),
        case(
            "the trigger without a ref",
            set(&good(), config, json!(repository)),
            judge(|_| ()),
            Err("ErrorMalformedURI predicate-field-missing"),
        ),
        case(
            "the material without a ref",
            set(&good(), material, json!(repository)),
            judge(|_| ()),
            Err("ErrorMalformedURI predicate-field-missing"),
        ),
        case("no trigger", without(&good(), config), judge(|_| ()), mismatch),
        case("no material", without(&good(), "/predicate/materials"), judge(|_| ()), mismatch),
        case(
            "both at another ref than the certificate",
            both("git+https://github.com/acme/app@refs/heads/main"),
            judge(|_| ()),
            Err("ErrorInvalidDssePayload predicate-inconsistent"),
        ),
        case("both without git+", both(at.trim_start_matches("git+")), judge(|_| ()), Ok(())),
        case(
            "another commit than the certificate",
            set(
                &set(
                    &set(&good(), "/predicate/materials/0/digest/sha1", json!(OTHER_COMMIT)),
                    "/predicate/invocation/configSource/digest/sha1",
                    json!(OTHER_COMMIT),
                ),
                &format!("{ENVIRONMENT}/github_sha1"),
                json!(OTHER_COMMIT),
            ),
            judge(|_| ()),
            Err("ErrorMismatchCertificate predicate-certificate-mismatch"),
        ),
    ];
    for uri in [
        "github.com/acme/other",
        "github.com/Acme/app",
        "https://github.com/acme/app",
        "github.com/acme/app/",
        "github.com/acme/app.git",
        "github.com/acme/app@refs/tags/v1.4.2",
        "git+https://gitlab.com/acme/app",
        "gitlab.com/acme/app",
        "",
    ] {
        cases.push(case(&format!("{uri:?} is expected"), good(), expects(uri), mismatch));
    }
    // v1: the trigger is the workflow that the parameters or the variables name.
    let pointer = "/predicate/buildDefinition/externalParameters/workflow";
    let attested = |pointer: &str, value| set(&workflow::attested(|_| ()), pointer, value);
    let named = || judge(|expected| expected.builder_id = builder_id(workflow::SIGNER));
    cases.extend([
        case(
            "attestation, another trigger",
            attested(&format!("{pointer}/repository"), json!("https://github.com/evil/app")),
            named(),
            mismatch,
        ),
        case(
            "attestation, a trigger at another ref",
            attested(&format!("{pointer}/ref"), json!("refs/heads/main")),
            named(),
            Err("ErrorInvalidDssePayload predicate-inconsistent"),
        ),
        case("attestation, no trigger", without(&workflow::attested(|_| ()), pointer), named(), mismatch),
        case(
            "attestation, a list for a trigger",
            attested(pointer, json!(["https://github.com/acme/app"])),
            named(),
            mismatch,
        ),
        case(
            "container-based, another trigger",
            set(
                &generator::container_based(),
                &format!("{INTERNAL}/GITHUB_WORKFLOW_REF"),
                json!("evil/app/.github/workflows/release.yml@refs/tags/v1.4.2"),
            ),
            judge(|_| ()),
            mismatch,
        ),
        case(
            "container-based, a trigger of three parts",
            set(
                &generator::container_based(),
                &format!("{INTERNAL}/GITHUB_WORKFLOW_REF"),
                json!("acme/app@refs/tags/v1.4.2"),
            ),
            judge(|_| ()),
            Err("ErrorMismatchCertificate predicate-certificate-mismatch"),
        ),
        case(
            "container-based, no trigger",
            without(&generator::container_based(), &format!("{INTERNAL}/GITHUB_WORKFLOW_REF")),
            judge(|_| ()),
            mismatch,
        ),
    ]);
    cases
}

fn inputs() -> Vec<Case> {
    let dispatched = |inputs: Value| {
        let spec = generator::generic_of(|run| run.event = "workflow_dispatch".to_owned());
        set(&spec, &format!("{ENVIRONMENT}/github_event_payload"), json!({"inputs": inputs}))
    };
    let wants =
        |key: &str, value: &str| judge(|expected| drop(expected.inputs.insert(key.to_owned(), value.to_owned())));
    let spec = || dispatched(json!({"a": "b=c", "empty": "", "number": 1, "list": ["x"]}));
    let refused = Err("ErrorMismatchWorkflowInputs input-mismatch");
    vec![
        case("an input with =", spec(), wants("a", "b=c"), Ok(())),
        case("an empty input", spec(), wants("empty", ""), Ok(())),
        case("another input", spec(), wants("a", "b"), refused),
        case("a missing input", spec(), wants("c", ""), refused),
        case("a number for an input", spec(), wants("number", "1"), refused),
        case("a list for an input", spec(), wants("list", "x"), refused),
        case(
            "inputs of a push",
            set(&generator::generic(), &format!("{ENVIRONMENT}/github_event_payload"), json!({"inputs": {"a": "b=c"}})),
            wants("a", "b=c"),
            refused,
        ),
        case("inputs of no environment", without(&generator::generic(), ENVIRONMENT), wants("a", "b=c"), refused),
        case("a text for inputs", dispatched(json!("a=b=c")), wants("a", "b=c"), refused),
    ]
}

/// Of several lies the one that slsa-verifier meets first is named.
fn order() -> Vec<Case> {
    let all = |change: &dyn Fn(Spec) -> Spec| {
        let spec = generator::generic_of(|run| {
            run.signer_workflow = Some("evil/x/.github/workflows/y.yml@refs/heads/main".to_owned());
            run.repository = "evil/app".to_owned();
        });
        change(set(&spec, "/predicate/buildType", json!("https://example.com/x")))
    };
    let mut last = generator::generic_of(|run| run.repository = "evil/app".to_owned());
    last = set(&last, "/predicate/buildType", json!("https://example.com/x"));
    let foreign = set(&generator::generic(), "/predicate/buildType", json!("https://example.com/x"));
    let foreign = set(&foreign, "/predicate/builder/id", json!("https://example.com/builder"));
    let named = set(&generator::generic(), "/predicate/builder/id", json!("https://example.com/builder"));
    let named = set(&named, "/predicate/materials/0/uri", json!("git+https://github.com/evil/app@refs/tags/v1.4.2"));
    let source = set(
        &generator::generic(),
        "/predicate/materials/0/uri",
        json!("git+https://github.com/evil/app@refs/tags/v1.4.2"),
    );
    let branch_and_inputs = judge(|expected| {
        (expected.branch, expected.tag) = (Some("other".to_owned()), Some("other".to_owned()));
        drop(expected.inputs.insert("a".to_owned(), "b".to_owned()));
    });
    let tag_and_inputs = judge(|expected| {
        (expected.tag, expected.versioned_tag) = (Some("other".to_owned()), Some("x".to_owned()));
        drop(expected.inputs.insert("a".to_owned(), "b".to_owned()));
    });
    vec![
        case(
            "order: issuer before builder",
            all(&|spec| issued(&spec, "https://accounts.google.com")),
            judge(|_| ()),
            Err("ErrorInvalidOIDCIssuer issuer-mismatch"),
        ),
        case(
            "order: a key has no issuer",
            keyed(&all(&|spec| spec)),
            judge(|_| ()),
            Err("ErrorInvalidOIDCIssuer issuer-mismatch"),
        ),
        case(
            "order: builder before its ref and the source",
            all(&|spec| spec),
            judge(|_| ()),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
        case("order: source before build type", last, judge(|_| ()), Err("ErrorMismatchSource source-uri-mismatch")),
        case(
            "order: build type before the predicate's builder",
            foreign,
            judge(|_| ()),
            Err("ErrorInvalidDssePayload build-type-foreign"),
        ),
        case(
            "order: the predicate's builder before its source",
            named,
            judge(|_| ()),
            Err("ErrorMismatchBuilderID predicate-certificate-mismatch"),
        ),
        case(
            "order: source before refs",
            source,
            branch_and_inputs.clone(),
            Err("ErrorMismatchSource source-uri-mismatch"),
        ),
        case(
            "order: branch before tag",
            generator::generic(),
            branch_and_inputs,
            Err("ErrorMismatchBranch source-ref-mismatch"),
        ),
        case(
            "order: tag before version",
            generator::generic(),
            tag_and_inputs,
            Err("ErrorMismatchTag source-ref-mismatch"),
        ),
        case(
            "a signer with two refs",
            fixtures::named(
                &generator::generic(),
                "https://github.com/acme/build/.github/workflows/x.yml@refs/tags/a@b",
            ),
            judge(|_| ()),
            Err("ErrorInvalidFormat policy-builder-id"),
        ),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [typed_refs(), untyped_refs(), sources(), inputs(), order()].concat()
}

#[test]
fn slsa_verifiers_rules_refuse_by_their_names() {
    let (accepted, refused) = fixtures::run("slsa-verifier's rules", &all());
    assert!(accepted >= 17 && refused >= 60, "{accepted} {refused}");
}
