//! GitLab, Buildkite, Tekton Chains, other certificates, people and keys.

use serde_json::Value;
use serde_json::json;

use sealmark::policy::BuilderId;
use sealmark::policy::Require;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::policy::SourceRef;
use sealmark::trust::rings::Ring;

use crate::fixtures;
use crate::fixtures::COMMIT;
use crate::fixtures::Case;
use crate::fixtures::Judge;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::believed;
use crate::fixtures::claims;
use crate::fixtures::domain;
use crate::fixtures::issued;
use crate::fixtures::keyed;
use crate::fixtures::named;
use crate::fixtures::policy;
use crate::fixtures::repository;
use crate::fixtures::set;
use crate::fixtures::subjects;
use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;

const DEPENDENCY: &str = "/predicate/buildDefinition/resolvedDependencies/0";
const BUILDER: &str = "/predicate/runDetails/builder/id";

/// Provenance v1 about a repository, by a workload of an issuer.
fn workload(issuer: &str, name: &str, builder: &str, repository: &str, claims: Claims) -> Spec {
    let mut spec = domain().spec_of(&subjects(), &crate::support::virtual_sigstore::GitHub::default());
    spec.statement = json!({
        "_type": statement::STATEMENT_V1,
        "subject": subjects(),
        "predicateType": statement::PROVENANCE_V1,
        "predicate": {
            "buildDefinition": {
                "buildType": "https://example.com/build/v1",
                "externalParameters": {},
                "resolvedDependencies": [{"uri": repository, "digest": {"gitCommit": COMMIT}}],
            },
            "runDetails": {"builder": {"id": builder}, "metadata": {"invocationId": "run-1"}},
        },
    });
    let claims = Claims { issuer: Some(issuer.to_owned()), ..claims };
    Spec { san: vec![San::Uri(name.to_owned())], claims, ..spec }
}

/// What a platform with repositories of its own claims about one of them.
fn claimed(host: &str, signer: &str) -> Claims {
    let some = |text: String| Some(text);
    Claims {
        build_signer_uri: some(signer.to_owned()),
        build_signer_digest: some("2".repeat(40)),
        runner_environment: some("gitlab-hosted".to_owned()),
        source_repository_uri: some(format!("https://{host}/acme/app")),
        source_repository_digest: some(COMMIT.to_owned()),
        source_repository_ref: some("refs/tags/v1.4.2".to_owned()),
        build_config_uri: some(signer.to_owned()),
        build_trigger: some("push".to_owned()),
        run_invocation_uri: some(format!("https://{host}/acme/app/-/jobs/1")),
        ..Claims::default()
    }
}

fn gitlab() -> Spec {
    let name = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.4.2";
    workload(
        "https://gitlab.com",
        name,
        "https://gitlab.com/acme/app/-/runners/1",
        "git+https://gitlab.com/acme/app",
        claimed("gitlab.com", name),
    )
}

fn buildkite() -> Spec {
    let claims = Claims {
        source_repository_digest: Some(COMMIT.to_owned()),
        build_trigger: Some("api".to_owned()),
        run_invocation_uri: Some("https://buildkite.com/acme/app/builds/1".to_owned()),
        ..Claims::default()
    };
    workload(
        "https://agent.buildkite.com",
        "https://buildkite.com/acme/app",
        "https://buildkite.com/acme",
        "git+https://github.com/acme/app",
        claims,
    )
}

fn tekton() -> Spec {
    let name = "https://kubernetes.io/namespaces/tekton-chains/serviceaccounts/tekton-chains-controller";
    let spec = workload(
        "https://container.googleapis.com/v1/projects/acme",
        name,
        "https://tekton.dev/chains/v2",
        "git+https://github.com/acme/app",
        claimed("github.com", name),
    );
    set(&spec, "/predicate/buildDefinition/buildType", json!("https://tekton.dev/chains/v2/slsa"))
}

fn tekton_source(spec: &Spec) -> Spec {
    set(spec, &format!("{DEPENDENCY}/name"), json!("inputs/result"))
}

fn other() -> Spec {
    let name = "https://ci.example.com/acme/app/pipeline.yml@refs/tags/v1.4.2";
    workload(
        "https://ci.example.com",
        name,
        name,
        "git+https://ci.example.com/acme/app",
        claimed("ci.example.com", name),
    )
}

fn person() -> Spec {
    let spec = issued(&gitlab(), "https://accounts.example.com");
    let claims = Claims::person("https://accounts.example.com");
    Spec { san: vec![San::Email("jo@acme.test".to_owned())], claims, ..spec }
}

fn source(repository_uri: &str) -> Judge {
    policy(Signer::ByFacts, |slsa| slsa.source_uri = repository(repository_uri))
}

fn certificate(identity: Require, issuer: Require, change: impl FnOnce(&mut Slsa)) -> Judge {
    policy(Signer::Certificate { identity, issuer }, |slsa| {
        slsa.source_uri = repository("github.com/acme/app");
        change(slsa);
    })
}

fn exactly(text: &str) -> Require {
    Require::Exactly(text.to_owned())
}

fn truths() -> Vec<Case> {
    let case = |name: &str, spec: Spec, judge| Case::new(&format!("platform: {name}"), spec, judge, Ok(()));
    let chains = "https://kubernetes.io/namespaces/tekton-chains/serviceaccounts/tekton-chains-controller";
    let tekton = tekton_source(&tekton());
    let pipeline = |slsa: &mut Slsa| {
        slsa.source_uri = repository("github.com/acme/app");
        slsa.builder_id = Some(BuilderId::parse("https://buildkite.com/acme/app").unwrap());
    };
    vec![
        case("GitLab", gitlab(), source("gitlab.com/acme/app")),
        case(
            "GitLab, the project that signed",
            gitlab(),
            policy(Signer::ByFacts, |slsa| slsa.signer_repository = repository("gitlab.com/acme/app")),
        ),
        case("Buildkite, the pipeline named", buildkite(), policy(Signer::ByFacts, pipeline)),
        case(
            "Tekton Chains, the controller named",
            tekton.clone(),
            certificate(exactly(chains), exactly("https://container.googleapis.com/v1/projects/acme"), |_| ()),
        ),
        case(
            "Tekton Chains by key",
            keyed(&tekton),
            policy(Signer::TrustedKey, |slsa| slsa.source_uri = repository("github.com/acme/app")),
        ),
        case("another platform", other(), source("ci.example.com/acme/app")),
        case(
            "a person, named",
            set(&person(), &format!("{DEPENDENCY}/uri"), json!("git+https://github.com/acme/app")),
            certificate(exactly("jo@acme.test"), exactly("https://accounts.example.com"), |_| ()),
        ),
        case(
            "a local build",
            local("git+https://github.com/acme/app"),
            policy(Signer::TrustedKey, |slsa| {
                slsa.source_uri = repository("github.com/acme/app");
                slsa.source_ref = SourceRef::tag("v1.4.2").unwrap();
            }),
        ),
        case(
            "a key",
            keyed(&buildkite()),
            policy(Signer::TrustedKey, |slsa| slsa.source_uri = repository("github.com/acme/app")),
        ),
    ]
}

/// A build on somebody's own machine, signed with a key: its source stands in the parameters alone.
fn local(uri: &str) -> Spec {
    let mut spec = keyed(&buildkite());
    let definition = &mut spec.statement["predicate"]["buildDefinition"];
    definition["buildType"] = json!("https://sealmark.dev/buildtypes/local/v1");
    definition["resolvedDependencies"] = json!([]);
    definition["externalParameters"] = json!({"source": {"uri": uri, "ref": "refs/tags/v1.4.2"}});
    spec
}

fn lies() -> Vec<Case> {
    let case = |name: &str, spec: Spec, judge, code| Case::new(&format!("platform: {name}"), spec, judge, Err(code));
    let gitlab_source = || source("gitlab.com/acme/app");
    let dependency = |spec: &Spec, value: Value| set(spec, &format!("{DEPENDENCY}/uri"), value);
    let mismatch = "predicate-certificate-mismatch";
    let unbacked = "fact-unbacked";
    let github = |spec: &Spec| {
        let spec = claims(spec, |claims| claims.source_repository_uri = Some("https://github.com/acme/app".to_owned()));
        dependency(&spec, json!("git+https://github.com/acme/app"))
    };
    let mut cases = vec![
        case(
            "GitLab, another project in the predicate",
            dependency(&gitlab(), json!("git+https://gitlab.com/evil/app")),
            gitlab_source(),
            mismatch,
        ),
        case(
            "GitLab, a signer's extension that is not the name",
            claims(&gitlab(), |claims| {
                claims.build_signer_uri = Some("https://gitlab.com/acme/app//other.yml@refs/heads/main".to_owned());
            }),
            gitlab_source(),
            "certificate-claims",
        ),
        case(
            "GitLab, another ref in the predicate",
            dependency(&gitlab(), json!("git+https://gitlab.com/acme/app@refs/heads/main")),
            gitlab_source(),
            mismatch,
        ),
        case(
            "GitLab, another commit in the predicate",
            set(&gitlab(), &format!("{DEPENDENCY}/digest/gitCommit"), json!(OTHER_COMMIT)),
            gitlab_source(),
            mismatch,
        ),
        case(
            "GitLab, another project",
            claims(&dependency(&gitlab(), json!("git+https://gitlab.com/evil/app")), |claims| {
                claims.source_repository_uri = Some("https://gitlab.com/evil/app".to_owned())
            }),
            gitlab_source(),
            "source-uri-mismatch",
        ),
        case("GitLab claims a repository of GitHub", github(&gitlab()), source("github.com/acme/app"), unbacked),
        case("GitLab's lookalike", issued(&gitlab(), "https://gitlab.com.evil.example"), gitlab_source(), unbacked),
        case("GitLab over http", issued(&gitlab(), "http://gitlab.com"), gitlab_source(), unbacked),
        case(
            "another platform claims a repository of GitHub",
            github(&other()),
            source("github.com/acme/app"),
            unbacked,
        ),
        case(
            "another platform claims a repository of GitLab",
            claims(&dependency(&other(), json!("git+https://gitlab.com/acme/app")), |claims| {
                claims.source_repository_uri = Some("https://gitlab.com/acme/app".to_owned())
            }),
            gitlab_source(),
            unbacked,
        ),
        case(
            "another platform without a source",
            claims(&other(), |claims| claims.source_repository_uri = None),
            source("ci.example.com/acme/app"),
            unbacked,
        ),
        case(
            "another platform, another project in the predicate",
            dependency(&other(), json!("git+https://ci.example.com/evil/app")),
            source("ci.example.com/acme/app"),
            mismatch,
        ),
        case("Buildkite, nobody named", buildkite(), source("github.com/acme/app"), unbacked),
        case(
            "Buildkite, another commit in the predicate",
            set(&buildkite(), &format!("{DEPENDENCY}/digest/gitCommit"), json!(OTHER_COMMIT)),
            source("github.com/acme/app"),
            mismatch,
        ),
        case(
            "Buildkite, another pipeline",
            named(&buildkite(), "https://buildkite.com/evil/app"),
            policy(Signer::ByFacts, |slsa| {
                slsa.builder_id = Some(BuilderId::parse("https://buildkite.com/acme/app").unwrap())
            }),
            "builder-id-mismatch",
        ),
        case(
            "Buildkite's builder is not the predicate's",
            buildkite(),
            policy(Signer::ByFacts, |slsa| {
                slsa.builder_id = Some(BuilderId::parse("https://buildkite.com/acme").unwrap())
            }),
            "builder-id-mismatch",
        ),
        case("Tekton Chains, nobody named", tekton_source(&tekton()), source("github.com/acme/app"), unbacked),
        case(
            "Tekton Chains, the first dependency is not its source",
            tekton(),
            policy(Signer::ByFacts, |slsa| slsa.source_uri = repository("github.com/acme/app")),
            "source-uri-mismatch",
        ),
        case(
            "a service account that GitHub vouches for",
            issued(&tekton(), "https://token.actions.githubusercontent.com"),
            source("github.com/acme/app"),
            "builder-kind",
        ),
        case(
            "a service account that GitLab vouches for",
            issued(&tekton_source(&tekton()), "https://gitlab.com"),
            source("github.com/acme/app"),
            unbacked,
        ),
        case("a person, nobody named", person(), gitlab_source(), unbacked),
        case(
            "a person whom GitHub vouches for",
            issued(&person(), "https://token.actions.githubusercontent.com"),
            gitlab_source(),
            unbacked,
        ),
    ];
    let stranger = set(&person(), &format!("{DEPENDENCY}/uri"), json!("git+https://github.com/acme/app"));
    let issuer = || exactly("https://accounts.example.com");
    cases.extend([
        case(
            "another person",
            stranger.clone(),
            certificate(exactly("al@acme.test"), issuer(), |_| ()),
            "identity-mismatch",
        ),
        case(
            "a person in another case",
            stranger.clone(),
            certificate(exactly("Jo@acme.test"), issuer(), |_| ()),
            "identity-mismatch",
        ),
        case(
            "the same person by another issuer",
            stranger.clone(),
            certificate(exactly("jo@acme.test"), exactly("https://github.com/login/oauth"), |_| ()),
            "issuer-mismatch",
        ),
        case(
            "a local build, another source than its dependency",
            set(
                &local("git+https://github.com/evil/app"),
                "/predicate/buildDefinition/resolvedDependencies/-",
                json!({"uri": "git+https://github.com/acme/app", "digest": {"gitCommit": COMMIT}}),
            ),
            policy(Signer::TrustedKey, |slsa| slsa.source_uri = repository("github.com/acme/app")),
            "predicate-inconsistent",
        ),
        case(
            "a local build, another source",
            local("git+https://github.com/evil/app"),
            policy(Signer::TrustedKey, |slsa| slsa.source_uri = repository("github.com/acme/app")),
            "source-uri-mismatch",
        ),
        // Whoever takes anybody has named nobody.
        case("anybody of an issuer", stranger.clone(), certificate(Require::Any, issuer(), |_| ()), unbacked),
        case(
            "a name of any issuer",
            stranger.clone(),
            certificate(exactly("jo@acme.test"), Require::Any, |_| ()),
            unbacked,
        ),
        case(
            "a person, a key is expected",
            stranger,
            policy(Signer::TrustedKey, |slsa| slsa.source_uri = repository("github.com/acme/app")),
            "signer-not-key",
        ),
        case(
            "a key, a person is expected",
            keyed(&buildkite()),
            certificate(exactly("jo@acme.test"), issuer(), |_| ()),
            "signer-not-certificate",
        ),
        case(
            "a key, another source",
            keyed(&buildkite()),
            policy(Signer::TrustedKey, |slsa| slsa.source_uri = repository("github.com/acme/other")),
            "source-uri-mismatch",
        ),
        case(
            "a key, two sources",
            set(
                &keyed(&buildkite()),
                "/predicate/buildDefinition/externalParameters/source",
                json!("git+https://github.com/evil/app"),
            ),
            policy(Signer::TrustedKey, |slsa| slsa.source_uri = repository("github.com/acme/app")),
            "predicate-inconsistent",
        ),
    ]);
    for (name, builder) in [
        (
            "a builder",
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@refs/tags/v2.1.0",
        ),
        ("Google Cloud Build", "https://cloudbuild.googleapis.com/GoogleHostedWorker"),
    ] {
        let spec = set(&person(), BUILDER, json!(builder));
        let wanted = policy(Signer::ByFacts, |slsa| slsa.builder_id = Some(BuilderId::parse(builder).unwrap()));
        cases.push(case(&format!("a person who claims to be {name}"), spec, wanted, unbacked));
    }
    cases
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [truths(), lies()].concat()
}

#[test]
fn platforms_are_believed_about_their_own() {
    let (accepted, refused) = fixtures::run("platforms", &all());
    assert!(accepted >= 8 && refused >= 30, "{accepted} {refused}");
}

#[test]
fn the_facts_of_platforms() {
    let commit = |backing: &str| format!("commit {COMMIT} {backing}");
    let name = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.4.2";
    let expected = [
        format!("builder {name} C"),
        "named https://gitlab.com/acme/app/-/runners/1 P".to_owned(),
        format!("signer {name} C"),
        format!("signer-commit {} C", "2".repeat(40)),
        "type https://example.com/build/v1 P".to_owned(),
        "source git+https://gitlab.com/acme/app CP".to_owned(),
        commit("CP"),
        "ref refs/tags/v1.4.2 C".to_owned(),
        "trigger push C".to_owned(),
        "runner gitlab-hosted C".to_owned(),
        format!("config {name} C"),
        "run https://gitlab.com/acme/app/-/jobs/1 C".to_owned(),
        "dependencies 1".to_owned(),
    ];
    let lines = |list: &[String]| list.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    believed(&gitlab(), Ring::Named, "gitlab", &lines(&expected).lines().collect::<Vec<_>>());
    let predicate = |builder: &str, build_type: &str, repository: &str| {
        [
            format!("builder {builder} P"),
            format!("type {build_type} P"),
            format!("source git+https://{repository} P"),
            commit("P"),
            "run run-1 P".to_owned(),
            "dependencies 1".to_owned(),
        ]
    };
    let check = |spec: &Spec, ring, kind: &str, expected: &[String]| {
        believed(spec, ring, kind, &lines(expected).lines().collect::<Vec<_>>());
    };
    let plain = "https://example.com/build/v1";
    check(
        &tekton_source(&tekton()),
        Ring::Named,
        "tekton-chains",
        &predicate("https://tekton.dev/chains/v2", "https://tekton.dev/chains/v2/slsa", "github.com/acme/app"),
    );
    check(
        &keyed(&buildkite()),
        Ring::Named,
        "key",
        &predicate("https://buildkite.com/acme", plain, "github.com/acme/app"),
    );
    check(
        &keyed(&buildkite()),
        Ring::NpmRegistry,
        "key",
        &predicate("https://buildkite.com/acme", plain, "github.com/acme/app"),
    );
    check(
        &person(),
        Ring::Named,
        "certificate",
        &predicate("https://gitlab.com/acme/app/-/runners/1", plain, "gitlab.com/acme/app"),
    );
    check(
        &issued(&gitlab(), "https://gitlab.com.evil.example"),
        Ring::Named,
        "certificate",
        &predicate("https://gitlab.com/acme/app/-/runners/1", plain, "gitlab.com/acme/app"),
    );
    let pipeline = [
        "builder https://buildkite.com/acme/app C".to_owned(),
        "named https://buildkite.com/acme P".to_owned(),
        "signer https://buildkite.com/acme/app C".to_owned(),
        format!("type {plain} P"),
        "source git+https://github.com/acme/app P".to_owned(),
        commit("CP"),
        "trigger api C".to_owned(),
        "run https://buildkite.com/acme/app/builds/1 C".to_owned(),
        "dependencies 1".to_owned(),
    ];
    check(&buildkite(), Ring::Named, "buildkite", &pipeline);
    let branch = claims(&gitlab(), |claims| claims.source_repository_ref = Some("refs/heads/main".to_owned()));
    let (_, found) = fixtures::facts(&branch, Ring::Named);
    assert!(found.contains("branch refs/heads/main C"), "{found}");
    let (kind, found) = fixtures::facts(&other(), Ring::Named);
    assert_eq!(kind, "certificate");
    assert!(
        found.starts_with("builder https://ci.example.com/acme/app/pipeline.yml@refs/tags/v1.4.2 CP\nsigner"),
        "{found}"
    );
    for issuer in ["https://dev.gitlab.org", "https://ops.gitlab.net", "https://gitlab.archlinux.org"] {
        assert_eq!(fixtures::facts(&issued(&gitlab(), issuer), Ring::Named).0, "gitlab", "{issuer}");
    }
}
