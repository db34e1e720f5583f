//! Advice on what differs, by comparing what was expected with what was found: the mistakes that people really make.

use crate::formats::predicate_type;
use crate::report::Finding;
use crate::report::names_alike;
use crate::store::beside;

/// What stands where an attestation does not say a thing.
const NOTHING: &str = "nothing";
/// What is put behind the name of a file when it is compressed.
const COMPRESSED: &[&str] = &[".gz", ".xz", ".zst", ".bz2", ".zip"];
/// The issuer of GitHub Actions.
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Advice for a finding about the artifact of this name, where the two values tell more than the code does.
pub(super) fn of(finding: &Finding, artifact: &str) -> Option<String> {
    let found = finding.found.as_deref()?;
    let expected = finding.expected.as_deref()?;
    match finding.code {
        "source-ref-mismatch" | "source-version-mismatch" => source_ref(expected, found),
        "source-uri-mismatch" => source(expected, found).map(str::to_owned),
        "source-commit-mismatch" | "signer-digest-mismatch" => commit(finding.code, found).map(str::to_owned),
        "builder-id-mismatch" | "identity-mismatch" | "signer-workflow-mismatch" => {
            workflow(finding.code, expected, found).map(str::to_owned)
        }
        "workflow-path-mismatch"
        | "signer-repository-mismatch"
        | "input-mismatch"
        | "trigger-mismatch"
        | "runner-not-hosted" => run(finding.code, found).map(str::to_owned),
        "build-type-mismatch" => Some("another kind of build; leave --build-type out, or ask who builds".to_owned()),
        "issuer-mismatch" => issuer(expected, found),
        "predicate-type-mismatch" if found == predicate_type::SIGNATURE => Some(SIGNATURE.to_owned()),
        "predicate-type-mismatch" if expected == predicate_type::SIGNATURE => Some(ATTESTED.to_owned()),
        "subject-mismatch" => Some(subject(finding, artifact, expected, found).to_owned()),
        _ => None,
    }
}

/// Advice for a plain signature where an attestation is expected.
const SIGNATURE: &str = "a plain signature says who signed and nothing more; for that alone expect --type signature";
/// Advice for an attestation where a plain signature is expected.
const ATTESTED: &str = "this is an attestation, and no signature of the artifact itself; name its kind with --type";

/// Whether a file has a name that attestations have.
pub(super) fn named_like_attestation(artifact: &str) -> bool {
    let base = artifact.rsplit('/').next().unwrap_or(artifact);
    beside::SUFFIXES.iter().any(|suffix| base.ends_with(suffix)) || beside::SHARED.contains(&base)
}

fn source_ref(expected: &str, found: &str) -> Option<String> {
    if found == NOTHING {
        return Some("the attestation does not say from which branch or tag it was built".to_owned());
    }
    if found.starts_with("refs/pull/") {
        return Some("this build was run for a pull request, on changes that nobody had merged".to_owned());
    }
    let wants_tag = expected.starts_with("refs/tags/") || expected.starts_with("a tag");
    if let Some(branch) = found.strip_prefix("refs/heads/") {
        let first =
            if wants_tag { "this build was run on a branch; run the release workflow on the tag, or " } else { "" };
        return Some(format!("{first}expect --source-branch {branch}"));
    }
    let tag = found.strip_prefix("refs/tags/")?;
    let Some(wanted) = expected.strip_prefix("refs/tags/") else {
        return Some(match wants_tag {
            true if tag.contains('-') => "a pre-release counts only when it is named in full".to_owned(),
            true => format!("this build was run on the tag {tag}; take the attestation of the version that you have"),
            false => format!("this build was run on a tag; to expect it, --source-tag {tag}"),
        });
    };
    let bare = |tag: &str| tag.strip_prefix('v').unwrap_or(tag).to_owned();
    if bare(wanted) == bare(tag) {
        return Some(format!("tags are compared to the letter, v included; this one is written {tag}"));
    }
    Some("this is an attestation of another tag; take the one that was published with your version".to_owned())
}

/// `git+https://host/owner/name` as host, owner (which may have several parts) and name.
fn repository(uri: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = uri.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let (owner, name) = path.rsplit_once('/')?;
    Some((host, owner, name))
}

fn source(expected: &str, found: &str) -> Option<&'static str> {
    if found == NOTHING {
        return Some("the attestation does not say from which repository it was built");
    }
    let (expected, found) = (repository(expected)?, repository(found)?);
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    match (same(expected.0, found.0), same(expected.1, found.1), same(expected.2, found.2)) {
        (true, false, true) => Some(
            "a repository of that name under another owner: a fork, or it moved; ask its owner before you expect the other",
        ),
        (true, true, false) => {
            Some("another repository of the same owner; if it was renamed, expect the name that it has now")
        }
        (false, true, true) => Some("a repository of that name on another host"),
        _ => None,
    }
}

/// An annotated tag is an object of its own, with a name that looks like a commit's.
fn commit(code: &str, found: &str) -> Option<&'static str> {
    match (code, found) {
        (_, NOTHING) => Some("the attestation does not say from which commit"),
        ("signer-digest-mismatch", _) => {
            Some("the signing workflow was at another commit; the tag or branch that it was used at may have moved")
        }
        _ => Some(
            "if the expected commit is that of an annotated tag, git rev-parse TAG^{commit} gives the one that is built",
        ),
    }
}

/// How, where and by what a build was run.
fn run(code: &str, found: &str) -> Option<&'static str> {
    Some(match (code, found) {
        ("input-mismatch", NOTHING) => {
            "inputs are stated only by a build that somebody started by hand, and only those given"
        }
        ("runner-not-hosted", NOTHING) => "the attestation does not say on which machine it was built",
        ("runner-not-hosted", _) => {
            "this build ran on a machine of somebody's own, which the platform does not vouch for"
        }
        ("trigger-mismatch", "workflow_dispatch") => "somebody started this build by hand",
        ("trigger-mismatch", "pull_request" | "pull_request_target") => "this build was run for a pull request",
        ("trigger-mismatch", "schedule") => "this build was started by the clock",
        ("trigger-mismatch", found) if found != NOTHING => {
            "another event started this build; name each event that you release on by its own --trigger"
        }
        ("workflow-path-mismatch", found) if found != NOTHING => RENAMED,
        ("signer-repository-mismatch", found) if found != NOTHING => {
            "the workflow that signed is of another repository; where a reusable workflow builds, it is the one that signs"
        }
        _ => return None,
    })
}

/// Advice for a workflow of another path in the same repository.
const RENAMED: &str =
    "another workflow of the same repository; if the workflow was renamed there, expect the path that it has now";

/// `https://host/owner/name/path@ref` as its parts: repository, path, ref.
fn workflow_parts(uri: &str) -> Option<(String, &str, &str)> {
    let (name, at) = uri.split_once('@').unwrap_or((uri, ""));
    let mut parts = name.strip_prefix("https://")?.splitn(4, '/');
    let (host, owner, repository) = (parts.next()?, parts.next()?, parts.next()?);
    Some((format!("{host}/{owner}/{repository}"), parts.next()?, at))
}

fn workflow(code: &str, expected: &str, found: &str) -> Option<&'static str> {
    let expected = expected.strip_suffix(" at any ref").unwrap_or(expected);
    let wanted = workflow_parts(expected)?;
    if !found.contains("://") && found.contains('@') {
        return Some("a person signed this, and no workflow");
    }
    let found = workflow_parts(found)?;
    match (wanted.0 == found.0, wanted.1 == found.1) {
        (true, true) if code != "identity-mismatch" => {
            Some("the same workflow at another ref; expect the ref that you trust, or none: leave out @ and the rest")
        }
        (true, true) => Some(
            "the same workflow at another ref; expect the ref that you trust, or leave it open with --identity-regexp",
        ),
        (true, false) => Some(RENAMED),
        (false, true) => Some(
            "a workflow of that path in another repository: a fork, or it moved; ask its owner before you expect the other",
        ),
        (false, false) if code == "identity-mismatch" => None,
        (false, false) => Some(
            "the builder is the workflow that signed, often a reusable one; the one that called it is expected by --workflow",
        ),
    }
}

/// Who is behind an issuer, as far as it is known.
fn platform(issuer: &str) -> Option<&'static str> {
    Some(match issuer.trim_end_matches('/') {
        GITHUB => "GitHub Actions",
        "https://gitlab.com" => "GitLab",
        "https://agent.buildkite.com" => "Buildkite",
        "https://accounts.google.com" => "Google, for a person or a service account",
        "https://github.com/login/oauth" => "GitHub, for a person",
        "https://oauth2.sigstore.dev/auth" => "Sigstore, for a person",
        other if other.strip_prefix(GITHUB).is_some_and(|rest| rest.starts_with('/')) => {
            "GitHub Actions, for one enterprise"
        }
        other if other.starts_with("https://") && other.ends_with("/_services/token") => "a GitHub Enterprise Server",
        _ => return None,
    })
}

fn issuer(expected: &str, found: &str) -> Option<String> {
    if expected.trim_end_matches('/') == found.trim_end_matches('/') {
        return Some("issuers are compared to the letter, and a final slash is one".to_owned());
    }
    let other = "the same name by another issuer is another signer";
    Some(match (platform(expected), platform(found)) {
        (Some(expected), Some(found)) => {
            format!("this is the issuer of {found}; expected is that of {expected}; {other}")
        }
        (None, Some(found)) => format!("this is the issuer of {found}; {other}"),
        (_, None) => format!("{other}; check who issues for that name"),
    })
}

fn subject(finding: &Finding, artifact: &str, expected: &str, found: &str) -> &'static str {
    let base = artifact.rsplit('/').next().unwrap_or(artifact);
    let stem = COMPRESSED.iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
    let other_form = |name: &str| found.contains(&format!("({name})")) || found.contains(&format!("/{name})"));
    if named_like_attestation(artifact) {
        return ATTESTATION;
    }
    if names_alike(finding, artifact) {
        return "a file of this name was attested with another digest: this one was changed, built again or compressed \
                again since; fetch the one that was published";
    }
    if (stem != base && other_form(stem)) || COMPRESSED.iter().any(|end| other_form(&format!("{stem}{end}"))) {
        return "another form of this file was attested; verify it as it was published, before it is unpacked or \
                compressed again";
    }
    if artifact.contains("@sha256:") || artifact.starts_with("oci-layout:") {
        return "a tag may have moved since the image was attested; compare the digest that you run with the one that was \
                published";
    }
    if expected.contains("gitCommit:") || expected.contains("gitTag:") {
        return "an annotated tag is an object of its own; git rev-parse TAG^{commit} gives the commit that it points to";
    }
    "it is about other files, perhaps of the same build; take the attestation that was published with this one"
}

/// Advice for an artifact that is called like an attestation.
pub(super) const ATTESTATION: &str =
    "this file is called like an attestation; name the file that it is about, and this one with --bundle";

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(code: &'static str, expected: &str, found: &str, artifact: &str) -> String {
        let values = (Some(expected.to_owned()), Some(found.to_owned()));
        of(&Finding { expected: values.0, found: values.1, ..Finding::new(code, "") }, artifact).unwrap_or_default()
    }

    /// The mistakes that people make, each with the words that tell it from the others.
    #[test]
    fn each_mistake_has_its_own_advice() {
        const WORKFLOW: &str = "https://github.com/acme/build/.github/workflows/release.yml";
        let at = |workflow: &str, at: &str| format!("{workflow}@{at}");
        let enterprise = format!("{GITHUB}/acme");
        let cases: &[(&str, &str, &str, &str)] = &[
            ("source-ref-mismatch", "refs/tags/v1", "refs/heads/main", "run on a branch"),
            ("source-ref-mismatch", "refs/heads/main", "refs/heads/dev", "expect --source-branch dev"),
            ("source-ref-mismatch", "refs/heads/main", "refs/tags/v1", "expect it, --source-tag v1"),
            ("source-ref-mismatch", "refs/tags/1.4.2", "refs/tags/v1.4.2", "v included"),
            ("source-ref-mismatch", "refs/tags/v1", "refs/tags/v2", "another tag"),
            ("source-ref-mismatch", "refs/tags/v1", "refs/pull/7/merge", "pull request"),
            ("source-ref-mismatch", "refs/tags/v1", "nothing", "does not say"),
            ("source-version-mismatch", "a tag of version v1", "refs/heads/main", "run on a branch"),
            ("source-version-mismatch", "a tag of version v1", "refs/tags/v1.0.0-rc.1", "pre-release"),
            (
                "source-version-mismatch",
                "a tag of version v1",
                "refs/tags/v2.0.0",
                "take the attestation of the version",
            ),
            ("source-uri-mismatch", "git+https://github.com/acme/app", "git+https://github.com/x/app", "a fork"),
            ("source-uri-mismatch", "git+https://github.com/acme/app", "git+https://github.com/acme/a", "renamed"),
            (
                "source-uri-mismatch",
                "git+https://github.com/acme/app",
                "git+https://gitlab.com/acme/app",
                "another host",
            ),
            ("source-uri-mismatch", "git+https://github.com/acme/app", "nothing", "does not say"),
            ("source-commit-mismatch", "3f2c", "9a0b", "annotated tag"),
            ("signer-digest-mismatch", "3f2c", "9a0b", "may have moved"),
            ("workflow-path-mismatch", ".github/workflows/a.yml", ".github/workflows/b.yml", "renamed there"),
            ("signer-workflow-mismatch", &at(WORKFLOW, "v1"), &at(WORKFLOW, "refs/tags/v2"), "leave out @"),
            ("signer-repository-mismatch", "git+https://github.com/acme/app", WORKFLOW, "reusable workflow"),
            ("input-mismatch", "level=high", "nothing", "started by hand"),
            ("trigger-mismatch", "push", "workflow_dispatch", "by hand"),
            ("trigger-mismatch", "push", "schedule", "by the clock"),
            ("runner-not-hosted", "github-hosted or gitlab-hosted", "self-hosted", "somebody's own"),
            ("builder-id-mismatch", &at(WORKFLOW, "v1"), &at(WORKFLOW, "refs/tags/v2"), "leave out @"),
            ("identity-mismatch", &at(WORKFLOW, "v1"), &at(WORKFLOW, "refs/tags/v2"), "--identity-regexp"),
            (
                "builder-id-mismatch",
                "https://github.com/acme/build/.github/workflows/old.yml at any ref",
                &at(WORKFLOW, "refs/tags/v2"),
                "renamed there",
            ),
            (
                "builder-id-mismatch",
                "https://github.com/other/build/.github/workflows/release.yml at any ref",
                &at(WORKFLOW, "refs/tags/v2"),
                "another repository",
            ),
            ("identity-mismatch", WORKFLOW, "dev@example.com", "a person"),
            ("issuer-mismatch", GITHUB, &enterprise, "one enterprise"),
            ("issuer-mismatch", GITHUB, "https://ghe.acme.test/_services/token", "GitHub Enterprise Server"),
            ("issuer-mismatch", GITHUB, "https://gitlab.com", "of GitLab"),
            ("issuer-mismatch", &format!("{GITHUB}/"), GITHUB, "final slash"),
            ("issuer-mismatch", GITHUB, "https://x.test", "check who issues"),
        ];
        for (code, expected, found, words) in cases {
            let hint = hint(code, expected, found, "app.tar.gz");
            assert!(hint.contains(words), "{code} {expected} {found}: {hint:?}");
        }
        let subjects: &[(&str, &str, &str, &str)] = &[
            ("dist/app.tar.gz", "sha256:aa", "sha256:bb (app.tar.gz)", "another digest"),
            ("app.tar.gz", "sha256:aa", "sha256:bb (out/app.tar.gz)", "another digest"),
            ("app.tar", "sha256:aa", "sha256:bb (app.tar.gz)", "another form"),
            ("app.tar.gz", "sha256:aa", "sha256:bb (app.tar.xz)", "another form"),
            ("app.tar.gz", "sha256:aa", "sha256:bb (app.tar)", "another form"),
            ("app.intoto.jsonl", "sha256:aa", "sha256:bb (app)", "called like an attestation"),
            ("ghcr.io/acme/app@sha256:aa", "sha256:aa", "sha256:bb (ghcr.io/acme/app)", "may have moved"),
            ("v1.4.2", "gitCommit:aa", "gitCommit:bb (v1)", "annotated tag"),
            ("app.tar.gz", "sha256:aa", "sha256:bb (lib.tar.gz)", "other files"),
        ];
        for (artifact, expected, found, words) in subjects {
            let hint = hint("subject-mismatch", expected, found, artifact);
            assert!(hint.contains(words), "{artifact} {found}: {hint:?}");
        }
    }

    /// What was found may be an attacker's: where only a name ties it to what was expected, advice never repeats it.
    #[test]
    fn no_advice_names_a_stranger() {
        let evil = "https://github.com/evil/build/.github/workflows/release.yml@refs/tags/v1";
        for (code, expected, found) in [
            ("identity-mismatch", "https://github.com/acme/build/.github/workflows/release.yml@refs/tags/v1", evil),
            ("builder-id-mismatch", "https://github.com/acme/build/.github/workflows/release.yml at any ref", evil),
            ("source-uri-mismatch", "git+https://github.com/acme/app", "git+https://github.com/evil/app"),
            ("issuer-mismatch", GITHUB, "https://evil.test"),
            ("subject-mismatch", "sha256:aa", "sha256:bb (evil)"),
        ] {
            assert!(!hint(code, expected, found, "app").contains("evil"), "{code}");
        }
    }
}
