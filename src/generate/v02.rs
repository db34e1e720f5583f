//! The same facts as SLSA provenance v0.2, for verifiers that read nothing newer; `docs/provenance-v0.2.md` has the mapping.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestSet;
use crate::formats::provenance::v02::Builder;
use crate::formats::provenance::v02::Completeness;
use crate::formats::provenance::v02::ConfigSource;
use crate::formats::provenance::v02::Invocation;
use crate::formats::provenance::v02::Material;
use crate::formats::provenance::v02::Metadata;
use crate::formats::provenance::v02::ProvenanceV02;
use crate::generate::ci::github;
use crate::generate::facts::Backing;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;

/// What stands in `configSource` and `materials`, so that `invocation.parameters` does not repeat it.
const SOURCES: &[&str] = &["source", "workflow"];

/// The v0.2 predicate that states these facts (<https://slsa.dev/spec/v0.2/provenance>). It has no place for byproducts,
/// for the versions of the builder's parts and for our own fields of `metadata`; nothing else is left out.
pub fn predicate(facts: &BuildFacts) -> ProvenanceV02 {
    let github = is_github(facts);
    let time = |fact: &Option<Fact<jiff::Timestamp>>| fact.as_ref().map(|fact| fact.value.to_string());
    // GitHub's own build type describes v1 predicates; ours describes both.
    let build_type = if github { github::BUILD_TYPE } else { facts.build_type.value.as_str() };
    let environment = if github { github_environment(facts) } else { facts.internal_parameters.to_map() };
    let mut parameters = facts.external_parameters.to_map();
    let variables = parameters.contains_key("vars");
    parameters.retain(|name, _| !SOURCES.contains(&name.as_str()));
    let run = facts.invocation_id.as_ref().map(|fact| fact.value.as_str());
    ProvenanceV02 {
        builder: Builder { id: facts.builder_id.value.clone(), extra: Map::new() },
        build_type: build_type.to_owned(),
        invocation: Some(Invocation {
            config_source: config_source(facts),
            parameters: object(parameters),
            environment: object(environment),
            extra: Map::new(),
        }),
        build_config: None,
        metadata: Some(Metadata {
            build_invocation_id: run
                .map(|run| numbers(run).map_or(run.to_owned(), |(run, attempt)| format!("{run}-{attempt}"))),
            build_started_on: time(&facts.started_on),
            build_finished_on: time(&facts.finished_on),
            completeness: Some(Completeness {
                // All that the tenant could set is there when the variables are: the workflow may not have handed them over.
                parameters: Some(facts.build_type.value == github::BUILD_TYPE && variables),
                environment: Some(false),
                materials: Some(false),
                extra: Map::new(),
            }),
            reproducible: Some(false),
            extra: Map::new(),
        }),
        materials: materials(facts),
        extra: Map::new(),
    }
}

/// Whether the facts are of a GitHub workflow, in either form.
fn is_github(facts: &BuildFacts) -> bool {
    [github::ACTIONS_BUILD_TYPE, github::BUILD_TYPE].contains(&facts.build_type.value.as_str())
}

/// Where the instructions of the build came from: the workflow or the pipeline's configuration, else the source.
fn config_source(facts: &BuildFacts) -> Option<ConfigSource> {
    let text = |path: &[&str]| facts.external_parameters.get(path).and_then(|fact| fact.value.as_str());
    let named = |name: &str| facts.dependencies.iter().find(|one| name_of(one) == Some(name));
    let source = source(facts);
    let entry_point = text(&["workflow", "path"]).or_else(|| text(&["pipeline", "config_path"])).map(str::to_owned);
    let found = match (text(&["workflow", "repository"]), text(&["workflow", "ref"])) {
        (Some(repository), Some(git_ref)) => {
            let uri = format!("git+{repository}@{git_ref}");
            // The commit of the workflow is known when it is a dependency of its own, or at the very ref of the source.
            let at = |one: &&Dependency| one.uri.as_ref().is_some_and(|found| found.value == uri);
            let dependency = named("workflow").or(source).filter(at);
            (Some(uri), dependency)
        }
        _ => {
            let dependency = named("configuration").or(source);
            (dependency.and_then(|one| one.uri.as_ref()).map(|uri| uri.value.clone()), dependency)
        }
    };
    let (uri, dependency) = found;
    let digest = dependency.map(digests).unwrap_or_default();
    let config = ConfigSource { uri, digest, entry_point, extra: Map::new() };
    (config != ConfigSource::default()).then_some(config)
}

/// The dependency that was built.
fn source(facts: &BuildFacts) -> Option<&Dependency> {
    let named = |one: &&Dependency| name_of(one) == Some(github::SOURCE_NAME);
    facts.dependencies.iter().find(named).or_else(|| facts.dependencies.iter().find(|one| one.name.is_none()))
}

fn name_of(dependency: &Dependency) -> Option<&str> {
    dependency.name.as_ref().map(|name| name.value.as_str())
}

/// The dependencies, the source first: many verifiers of v0.2 look at nothing else.
fn materials(facts: &BuildFacts) -> Vec<Material> {
    let first = source(facts);
    let rest = facts.sorted_dependencies().into_iter().filter(|one| Some(*one) != first);
    let material = |one: &Dependency| Material {
        uri: one.uri.as_ref().map(|uri| uri.value.clone()),
        digest: digests(one),
        extra: Map::new(),
    };
    first.into_iter().chain(rest).map(material).collect()
}

/// Digests as v0.2 names them: a git commit stands under `sha1`. One of SHA-256 has no name there but its own.
fn digests(dependency: &Dependency) -> DigestSet {
    let renamed = |digest: &Digest| match digest.algorithm() {
        Algorithm::GitCommit => {
            Digest::new(Algorithm::Sha1, digest.bytes().to_vec()).unwrap_or_else(|_| digest.clone())
        }
        _ => digest.clone(),
    };
    let all: Vec<Digest> = dependency.digests.iter().map(|fact| renamed(&fact.value)).collect();
    all.iter().collect()
}

/// The run as slsa-github-generator writes it, which slsa-verifier reads: `github_*`. Only what the token says: never the
/// environment's word, and never the event payload.
fn github_environment(facts: &BuildFacts) -> Map<String, Value> {
    let mut found = BTreeMap::new();
    let certain = |backing: Backing| matches!(backing, Backing::Certificate | Backing::Token);
    for (path, fact) in facts.internal_parameters.iter() {
        match path {
            [platform, name] if platform == "github" && certain(fact.backing) => {
                found.insert(format!("github_{name}"), fact.value.clone());
            }
            _ => {}
        }
    }
    if let Some(source) = source(facts) {
        let git_ref = source.uri.as_ref().filter(|uri| certain(uri.backing)).and_then(|uri| uri.value.split_once('@'));
        if let Some((_, git_ref)) = git_ref {
            found.insert("github_ref".to_owned(), Value::from(git_ref));
            let kind = [("refs/heads/", "branch"), ("refs/tags/", "tag")];
            if let Some((_, kind)) = kind.into_iter().find(|(folder, _)| git_ref.starts_with(folder)) {
                found.entry("github_ref_type".to_owned()).or_insert_with(|| Value::from(kind));
            }
        }
        if let Some(commit) = source.digests.iter().find(|digest| certain(digest.backing)) {
            found.insert("github_sha1".to_owned(), Value::from(commit.value.hex()));
        }
    }
    let run = facts.invocation_id.as_ref().filter(|run| certain(run.backing));
    if let Some((run, attempt)) = run.and_then(|run| numbers(&run.value)) {
        found.insert("github_run_id".to_owned(), Value::from(run));
        found.insert("github_run_attempt".to_owned(), Value::from(attempt));
    }
    found.into_iter().collect()
}

/// Run and attempt of the address of a GitHub run.
fn numbers(run: &str) -> Option<(&str, &str)> {
    run.split_once("/actions/runs/")?.1.split_once("/attempts/")
}

/// An object, or nothing where it is empty.
fn object(map: Map<String, Value>) -> Option<Value> {
    (!map.is_empty()).then_some(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::generate::facts::Parameters;
    use crate::generate::facts::Source;
    use crate::generate::local::LocalBuild;
    use crate::generate::local::Overrides;

    const COMMIT: &str = "8d3f0c5b7a1e4f2d9c6b8a7f5e3d1c0b9a8f7e6d";

    fn local() -> BuildFacts {
        let overrides = Overrides {
            source_uri: Some("https://git.acme.example/acme/app".to_owned()),
            source_ref: Some("refs/tags/v1".to_owned()),
            source_commit: Some(COMMIT.to_owned()),
            builder_id: None,
        };
        let build = LocalBuild {
            git: None,
            parameters: &BTreeMap::from([("profile".to_owned(), "release".to_owned())]),
            sealmark_version: "1.2.3",
            invocation_id: Some("run-7"),
            started_on: Some("2026-11-21T00:00:00Z".parse().unwrap()),
            finished_on: None,
            overrides: &overrides,
        };
        build.facts().unwrap()
    }

    fn written(facts: &BuildFacts) -> Value {
        serde_json::to_value(predicate(facts)).unwrap()
    }

    #[test]
    fn a_local_build_is_this() {
        let source = json!({"uri": "git+https://git.acme.example/acme/app@refs/tags/v1", "digest": {"sha1": COMMIT}});
        assert_eq!(
            written(&local()),
            json!({
                "builder": {"id": "https://sealmark.dev/builders/local/v1"},
                "buildType": "https://sealmark.dev/buildtypes/local/v1",
                "invocation": {"configSource": source, "parameters": {"parameters": {"profile": "release"}}},
                "metadata": {
                    "buildInvocationId": "run-7",
                    "buildStartedOn": "2026-11-21T00:00:00Z",
                    "completeness": {"parameters": false, "environment": false, "materials": false},
                    "reproducible": false,
                },
                "materials": [source],
            })
        );
    }

    #[test]
    fn the_source_is_the_first_material_and_the_configuration_the_config_source() {
        let mut facts = local();
        let named = |name: &str, uri: &str, hex: &str, algorithm| Dependency {
            name: Some(Fact::word(name.to_owned(), Source::BuilderConstant)),
            uri: Some(Fact::word(uri.to_owned(), Source::BuilderConstant)),
            digests: vec![Fact::word(Digest::from_hex(algorithm, hex).unwrap(), Source::BuilderConstant)],
            media_type: None,
            annotations: BTreeMap::new(),
        };
        let config = "git+https://git.acme.example/acme/ci@refs/heads/main";
        facts.dependencies.push(named("configuration", config, &"ab".repeat(32), Algorithm::GitCommit));
        facts.dependencies.push(named("a", "pkg:cargo/a@1", &"cd".repeat(32), Algorithm::Sha256));
        let found = written(&facts);
        let uris: Vec<&str> =
            found["materials"].as_array().unwrap().iter().map(|one| one["uri"].as_str().unwrap()).collect();
        assert_eq!(uris, ["git+https://git.acme.example/acme/app@refs/tags/v1", "pkg:cargo/a@1", config]);
        // A commit of SHA-256 does not fit under `sha1`.
        let config_source = json!({"uri": config, "digest": {"gitCommit": "ab".repeat(32)}});
        assert_eq!(found["invocation"]["configSource"], config_source);
    }

    #[test]
    fn only_the_tokens_word_gets_into_the_environment_of_a_github_run() {
        let mut facts = local();
        facts.build_type.value = github::ACTIONS_BUILD_TYPE.to_owned();
        facts.internal_parameters = Parameters::default();
        let insert = |tree: &mut Parameters, name, backing| {
            let fact = Fact { value: json!("x"), source: Source::Variable("X"), backing };
            tree.insert(["github", name], fact);
        };
        insert(&mut facts.internal_parameters, "event_name", Backing::Certificate);
        insert(&mut facts.internal_parameters, "actor_id", Backing::Token);
        insert(&mut facts.internal_parameters, "run_number", Backing::Job);
        let found = written(&facts);
        assert_eq!(found["invocation"]["environment"], json!({"github_actor_id": "x", "github_event_name": "x"}));
        assert_eq!(found["buildType"], github::BUILD_TYPE);
    }
}
