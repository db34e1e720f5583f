//! What a predicate says of the things that certificates speak of, each with its place.

use serde_json::Value;

use crate::formats::provenance::Provenance;
use crate::generate::ci::github;
use crate::generate::git::normalise_remote;

/// One saying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// JSON pointer (RFC 6901) into the predicate.
    pub(super) pointer: String,
    /// What it says.
    pub(super) value: String,
}

/// A predicate that was read as provenance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Predicate<'a> {
    value: &'a Value,
    provenance: &'a Provenance,
}

/// The platforms under whose name our provenance says what the platform says.
const PLATFORMS: &[&str] = &["github", "gitlab", "buildkite", "circleci"];

/// Where the repository of a build's source may stand, with its ref behind an `@`.
const SOURCES: &[&str] = &[
    "/buildDefinition/externalParameters/source",
    "/buildDefinition/externalParameters/source/uri",
    "/materials/0/uri",
];

impl<'a> Predicate<'a> {
    pub(super) fn new(value: &'a Value, provenance: &'a Provenance) -> Self {
        Self { value, provenance }
    }

    pub(super) fn builder_id(&self) -> &'a str {
        self.provenance.builder_id()
    }

    pub(super) fn builder_pointer(&self) -> &'static str {
        match self.provenance {
            Provenance::V1(_) => "/runDetails/builder/id",
            Provenance::V01(_) | Provenance::V02(_) => "/builder/id",
        }
    }

    /// Whether it is of one of the build types that hold a GitHub workflow.
    pub(super) fn is_github_workflow(&self) -> bool {
        let build_type = self.provenance.build_type();
        matches!(self.provenance, Provenance::V1(_))
            && [github::ACTIONS_BUILD_TYPE, github::BUILD_TYPE].contains(&build_type)
    }

    /// The texts and numbers at these pointers, as far as they are there.
    pub(super) fn at(&self, pointers: &[&str]) -> Vec<Said> {
        let found = pointers.iter().filter_map(|pointer| {
            let value = match self.value.pointer(pointer)? {
                Value::String(text) if !text.is_empty() => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            Some(Said { pointer: (*pointer).to_owned(), value })
        });
        found.collect()
    }

    /// What the platform says under any of these names, and the variable of a GitHub run in v0.2 or of older generators.
    pub(super) fn platform(&self, names: &[&str], variable: &str) -> Vec<Said> {
        let mut pointers = Vec::new();
        for platform in PLATFORMS {
            pointers.extend(names.iter().map(|name| format!("/buildDefinition/internalParameters/{platform}/{name}")));
        }
        for place in ["/buildDefinition/internalParameters", "/invocation/environment"] {
            pointers.push(format!("{place}/GITHUB_{variable}"));
            pointers.push(format!("{place}/github_{}", variable.to_ascii_lowercase()));
        }
        self.at(&pointers.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The dependency that was built: the one that is named so, else the first if it is a git repository.
    fn source(&self) -> Option<usize> {
        let all = self.value.pointer("/buildDefinition/resolvedDependencies")?.as_array()?;
        let field = |index: usize, name: &str| all.get(index)?.get(name)?.as_str();
        let named = (0..all.len()).find(|index| field(*index, "name") == Some(github::SOURCE_NAME));
        let git = |index: &usize| {
            let digest = all.get(*index).and_then(|one| one.get("digest"));
            let commit = digest.is_some_and(|digest| digest.get("gitCommit").or(digest.get("sha1")).is_some());
            commit || field(*index, "uri").is_some_and(|uri| uri.starts_with("git+"))
        };
        named.or_else(|| Some(0).filter(git))
    }

    /// The pointer of the dependency of a name.
    fn dependency(&self, name: &str) -> Option<String> {
        let all = self.value.pointer("/buildDefinition/resolvedDependencies")?.as_array()?;
        let index = all.iter().position(|one| one.get("name").and_then(Value::as_str) == Some(name))?;
        Some(format!("/buildDefinition/resolvedDependencies/{index}"))
    }

    fn source_uris(&self) -> Vec<Said> {
        let dependency = self.source().map(|index| format!("/buildDefinition/resolvedDependencies/{index}/uri"));
        let pointers: Vec<&str> = SOURCES.iter().copied().chain(dependency.as_deref()).collect();
        self.at(&pointers)
    }

    /// The source repository, normalised and without its ref.
    pub(super) fn repositories(&self) -> Vec<Said> {
        let mut said = self.source_uris();
        for one in &mut said {
            one.value = repository(&one.value);
        }
        said
    }

    /// The ref of the source.
    pub(super) fn refs(&self) -> Vec<Said> {
        let behind = |said: Said| {
            let (_, git_ref) = said.value.split_once('@')?;
            Some(Said { value: git_ref.to_owned(), pointer: said.pointer })
        };
        let mut said: Vec<Said> = self.source_uris().into_iter().filter_map(behind).collect();
        said.extend(self.at(&["/buildDefinition/externalParameters/source/ref"]));
        said.extend(self.platform(&[], "REF"));
        said
    }

    /// The commit of the source.
    pub(super) fn commits(&self) -> Vec<Said> {
        let source = self.source().map(|index| format!("/buildDefinition/resolvedDependencies/{index}"));
        let mut said = self.digests(source.as_deref());
        said.extend(self.digests(Some("/materials/0")));
        said.extend(self.digests(Some("/buildDefinition/externalParameters/source")));
        said.extend(self.platform(&[], "SHA"));
        said.extend(self.platform(&[], "SHA1"));
        said
    }

    /// The commit of the configuration: of the workflow that was started.
    pub(super) fn config_commits(&self) -> Vec<Said> {
        let mut said = self.platform(&["workflow_sha", "config_sha"], "WORKFLOW_SHA");
        for name in ["workflow", "configuration"] {
            said.extend(self.digests(self.dependency(name).as_deref()));
        }
        said.extend(self.digests(Some("/invocation/configSource")));
        said
    }

    /// The commit of the workflow that signs.
    pub(super) fn signer_commits(&self) -> Vec<Said> {
        let mut said = self.platform(&["job_workflow_sha"], "JOB_WORKFLOW_SHA");
        said.extend(self.digests(self.dependency("workflow/called").as_deref()));
        said
    }

    /// The git commits of a descriptor; v0.2 has them under `sha1`.
    fn digests(&self, descriptor: Option<&str>) -> Vec<Said> {
        let Some(descriptor) = descriptor else { return Vec::new() };
        let pointers = ["gitCommit", "sha1"].map(|name| format!("{descriptor}/digest/{name}"));
        self.at(&pointers.each_ref().map(String::as_str))
    }

    /// The repository of the workflow that was started.
    pub(super) fn workflow_repositories(&self) -> Vec<Said> {
        let mut said =
            self.at(&["/buildDefinition/externalParameters/workflow/repository", "/invocation/configSource/uri"]);
        for one in &mut said {
            one.value = repository(&one.value);
        }
        said
    }

    /// Its path. Older generators wrote the workflow's name in v0.2 where they could not ask for its path.
    pub(super) fn workflow_paths(&self) -> Vec<Said> {
        let mut said = self.at(&["/buildDefinition/externalParameters/workflow/path"]);
        let entry = self.at(&["/invocation/configSource/entryPoint"]);
        said.extend(entry.into_iter().filter(|said| said.value.contains('/')));
        said
    }

    /// Its ref.
    pub(super) fn workflow_refs(&self) -> Vec<Said> {
        let mut said = self.at(&["/buildDefinition/externalParameters/workflow/ref"]);
        for one in self.at(&["/invocation/configSource/uri"]) {
            let git_ref = one.value.split_once('@').map(|(_, git_ref)| git_ref.to_owned());
            said.extend(git_ref.map(|value| Said { value, pointer: one.pointer }));
        }
        said
    }

    /// The address of the run.
    pub(super) fn runs(&self) -> Vec<Said> {
        let run = "/runDetails/metadata/invocationId";
        let old = ["/metadata/buildInvocationId", "/metadata/buildInvocationID"];
        let mut said = self.at(&[run]);
        // slsa-github-generator writes `RUN-ATTEMPT`, which is compared with the numbers.
        said.extend(self.at(&old).into_iter().filter(|said| numbers(&said.value).is_none()));
        said
    }

    /// The number of the run.
    pub(super) fn run_numbers(&self) -> Vec<Said> {
        let mut said = self.platform(&["run_id"], "RUN_ID");
        said.extend(self.old_numbers(|(run, _)| run));
        said
    }

    /// The number of the attempt.
    pub(super) fn attempts(&self) -> Vec<Said> {
        let mut said = self.platform(&["run_attempt"], "RUN_ATTEMPT");
        said.extend(self.old_numbers(|(_, attempt)| attempt));
        said
    }

    fn old_numbers(&self, which: fn((String, String)) -> String) -> Vec<Said> {
        let said = self.at(&["/metadata/buildInvocationId", "/metadata/buildInvocationID"]);
        let number = |said: Said| numbers(&said.value).map(|both| Said { value: which(both), pointer: said.pointer });
        said.into_iter().filter_map(number).collect()
    }

    /// The pipeline's configuration on GitLab, as the certificate writes it.
    pub(super) fn pipelines(&self) -> Vec<Said> {
        let mut said = self.at(&["/buildDefinition/externalParameters/pipeline/config"]);
        for one in &mut said {
            one.value = format!("https://{}", one.value);
        }
        said
    }
}

/// A repository in the one spelling, without the ref behind its `@`; what names none stays as it is, and differs.
pub(super) fn repository(text: &str) -> String {
    let bare = text.split_once('@').map_or(text, |(uri, _)| uri);
    let url = if bare.contains("://") { bare.to_owned() } else { format!("https://{bare}") };
    normalise_remote(&url).unwrap_or_else(|| text.to_owned())
}

/// `RUN-ATTEMPT`.
fn numbers(text: &str) -> Option<(String, String)> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (run, attempt) = text.split_once('-')?;
    (number(run) && number(attempt)).then(|| (run.to_owned(), attempt.to_owned()))
}
