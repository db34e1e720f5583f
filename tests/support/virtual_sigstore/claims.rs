//! What an identity provider says about a workload, and the Fulcio extensions that carry it.

use super::asn1;
use super::x509::Extension;

/// The arc of Fulcio's extensions.
pub const FULCIO_ARC: &str = "1.3.6.1.4.1.57264.1";

/// A GitHub Actions run, from which claims, names and provenance are derived alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHub {
    /// OIDC issuer.
    pub issuer: String,
    /// `owner/name` of the repository that was built.
    pub repository: String,
    /// Path of the workflow that was started, inside `repository`.
    pub workflow_path: String,
    /// Display name of that workflow.
    pub workflow_name: String,
    /// Git reference that was built.
    pub reference: String,
    /// Commit that was built.
    pub commit: String,
    /// `owner/name/path@ref` of the workflow that signed, when a reusable one; the started workflow otherwise.
    pub signer_workflow: Option<String>,
    /// Commit of the workflow that signed.
    pub signer_commit: Option<String>,
    /// What triggered the run.
    pub event: String,
    /// Kind of runner.
    pub runner: String,
    /// Number of the repository.
    pub repository_id: String,
    /// Number of its owner.
    pub owner_id: String,
    /// `public`, `private` or `internal`.
    pub visibility: String,
    /// Number of the run.
    pub run_id: String,
    /// Attempt of the run.
    pub run_attempt: String,
    /// Deployment environment.
    pub environment: Option<String>,
}

impl Default for GitHub {
    fn default() -> Self {
        Self {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            repository: "acme/app".to_owned(),
            workflow_path: ".github/workflows/release.yml".to_owned(),
            workflow_name: "Release".to_owned(),
            reference: "refs/tags/v1.4.2".to_owned(),
            commit: "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e".to_owned(),
            signer_workflow: None,
            signer_commit: None,
            event: "push".to_owned(),
            runner: "github-hosted".to_owned(),
            repository_id: "623456789".to_owned(),
            owner_id: "4242".to_owned(),
            visibility: "public".to_owned(),
            run_id: "9876543210".to_owned(),
            run_attempt: "1".to_owned(),
            environment: None,
        }
    }
}

impl GitHub {
    /// URI of the repository.
    pub fn repository_uri(&self) -> String {
        format!("https://github.com/{}", self.repository)
    }

    /// URI of the workflow that was started.
    pub fn config_uri(&self) -> String {
        format!("{}/{}@{}", self.repository_uri(), self.workflow_path, self.reference)
    }

    /// URI of the workflow that signed: the certificate's subject alternative name.
    pub fn signer_uri(&self) -> String {
        match &self.signer_workflow {
            Some(workflow) => format!("https://github.com/{workflow}"),
            None => self.config_uri(),
        }
    }

    /// URI of the run.
    pub fn run_uri(&self) -> String {
        format!("{}/actions/runs/{}/attempts/{}", self.repository_uri(), self.run_id, self.run_attempt)
    }

    /// The claims of a token of this run.
    pub fn claims(&self) -> Claims {
        let owner = self.repository.split('/').next().unwrap_or_default();
        let some = |text: &str| Some(text.to_owned());
        Claims {
            legacy_issuer: some(&self.issuer),
            legacy_trigger: some(&self.event),
            legacy_commit: some(&self.commit),
            legacy_workflow: some(&self.workflow_name),
            legacy_repository: some(&self.repository),
            legacy_reference: some(&self.reference),
            issuer: some(&self.issuer),
            build_signer_uri: Some(self.signer_uri()),
            build_signer_digest: self.signer_commit.clone().or_else(|| some(&self.commit)),
            runner_environment: some(&self.runner),
            source_repository_uri: Some(self.repository_uri()),
            source_repository_digest: some(&self.commit),
            source_repository_ref: some(&self.reference),
            source_repository_identifier: some(&self.repository_id),
            source_repository_owner_uri: Some(format!("https://github.com/{owner}")),
            source_repository_owner_identifier: some(&self.owner_id),
            build_config_uri: Some(self.config_uri()),
            build_config_digest: some(&self.commit),
            build_trigger: some(&self.event),
            run_invocation_uri: Some(self.run_uri()),
            visibility: some(&self.visibility),
            deployment_environment: self.environment.clone(),
            token_subject: Some(format!("repo:{}:ref:{}", self.repository, self.reference)),
        }
    }
}

/// The claims of a certificate, one field for each Fulcio extension; `None` leaves the extension out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `.1`, raw text.
    pub legacy_issuer: Option<String>,
    /// `.2`, raw text.
    pub legacy_trigger: Option<String>,
    /// `.3`, raw text.
    pub legacy_commit: Option<String>,
    /// `.4`, raw text.
    pub legacy_workflow: Option<String>,
    /// `.5`, raw text.
    pub legacy_repository: Option<String>,
    /// `.6`, raw text.
    pub legacy_reference: Option<String>,
    /// `.8`, the issuer as `UTF8String`; so are all below.
    pub issuer: Option<String>,
    /// `.9`
    pub build_signer_uri: Option<String>,
    /// `.10`
    pub build_signer_digest: Option<String>,
    /// `.11`
    pub runner_environment: Option<String>,
    /// `.12`
    pub source_repository_uri: Option<String>,
    /// `.13`
    pub source_repository_digest: Option<String>,
    /// `.14`
    pub source_repository_ref: Option<String>,
    /// `.15`
    pub source_repository_identifier: Option<String>,
    /// `.16`
    pub source_repository_owner_uri: Option<String>,
    /// `.17`
    pub source_repository_owner_identifier: Option<String>,
    /// `.18`
    pub build_config_uri: Option<String>,
    /// `.19`
    pub build_config_digest: Option<String>,
    /// `.20`
    pub build_trigger: Option<String>,
    /// `.21`
    pub run_invocation_uri: Option<String>,
    /// `.22`
    pub visibility: Option<String>,
    /// `.23`
    pub deployment_environment: Option<String>,
    /// `.24`
    pub token_subject: Option<String>,
}

impl Claims {
    /// The claims of a person: nothing but the issuer.
    pub fn person(issuer: &str) -> Self {
        Self { legacy_issuer: Some(issuer.to_owned()), issuer: Some(issuer.to_owned()), ..Self::default() }
    }

    /// The extensions, in Fulcio's order.
    pub fn extensions(&self) -> Vec<Extension> {
        let raw = [
            (1, &self.legacy_issuer),
            (2, &self.legacy_trigger),
            (3, &self.legacy_commit),
            (4, &self.legacy_workflow),
            (5, &self.legacy_repository),
            (6, &self.legacy_reference),
        ];
        let encoded = [
            (8, &self.issuer),
            (9, &self.build_signer_uri),
            (10, &self.build_signer_digest),
            (11, &self.runner_environment),
            (12, &self.source_repository_uri),
            (13, &self.source_repository_digest),
            (14, &self.source_repository_ref),
            (15, &self.source_repository_identifier),
            (16, &self.source_repository_owner_uri),
            (17, &self.source_repository_owner_identifier),
            (18, &self.build_config_uri),
            (19, &self.build_config_digest),
            (20, &self.build_trigger),
            (21, &self.run_invocation_uri),
            (22, &self.visibility),
            (23, &self.deployment_environment),
            (24, &self.token_subject),
        ];
        let extension = |number: i32, value: Vec<u8>| Extension::new(&format!("{FULCIO_ARC}.{number}"), false, value);
        let raw =
            raw.into_iter().filter_map(|(number, text)| Some(extension(number, text.as_ref()?.clone().into_bytes())));
        let encoded =
            encoded.into_iter().filter_map(|(number, text)| Some(extension(number, asn1::utf8(text.as_ref()?))));
        raw.chain(encoded).collect()
    }
}
