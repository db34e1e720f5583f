//! Lints of verifiers: names that nobody in particular has.

use crate::formats::certificate::Claim;
use crate::policy::Require;
use crate::policy::document::lint::Level;
use crate::policy::document::lint::Lints;
use crate::policy::document::model::IdentityRule;
use crate::policy::document::model::Log;
use crate::policy::document::model::NamedVerifier;
use crate::policy::document::model::Signers;

/// Names that strangers can have. An expectation that takes one of them takes everybody.
const STRANGERS: &[&str] = &[
    "mallory@evil.example",
    "https://evil.example/owner/repository/.github/workflows/x.yml@refs/heads/main",
    "https://github.com/stranger/stranger/.github/workflows/x.yml@refs/heads/main",
    "https://gitlab.com/stranger/stranger//.gitlab-ci.yml@refs/heads/main",
];
/// Issuers that strangers can run.
const ISSUERS: &[&str] = &["https://evil.example", "https://token.actions.githubusercontent.com.evil.example"];
/// Claims that say whose workload it is.
const OWNERS: &[Claim] = &[
    Claim::SourceRepositoryUri,
    Claim::SourceRepositoryIdentifier,
    Claim::SourceRepositoryOwnerUri,
    Claim::SourceRepositoryOwnerIdentifier,
    Claim::BuildSignerUri,
    Claim::GithubWorkflowRepository,
];

pub(super) fn lint(verifier: &NamedVerifier, lints: &mut Lints) {
    let name = &verifier.name;
    if verifier.log == Log::NotRequired {
        let (level, message) = match &verifier.signers {
            Signers::Identities(_) => (
                Level::Warning,
                format!(
                    "{name}: without a log nobody can see what was signed in its name; the report says so each time"
                ),
            ),
            Signers::Keys(_) => (Level::Note, format!("{name}: without a log nobody can see what a stolen key signed")),
        };
        lints.say(level, "policy-log-not-required", verifier.at, message);
    }
    if let Signers::Identities(rules) = &verifier.signers {
        rules.iter().for_each(|rule| self::rule(name, rule, lints));
    }
}

fn rule(name: &str, rule: &IdentityRule, lints: &mut Lints) {
    let owned = rule.extensions.iter().any(|(claim, require)| OWNERS.contains(claim) && !takes(require, STRANGERS));
    if takes(&rule.identity, STRANGERS) && !owned {
        let message = format!(
            "{name}: strangers have such names too ({}); name the workflow, or its repository by extensions",
            rule.identity
        );
        lints.say(Level::Error, "policy-open-identity", rule.at, message);
    }
    if takes(&rule.issuer, ISSUERS) {
        let message = format!("{name}: anybody can run such an issuer ({}); name it exactly", rule.issuer);
        lints.say(Level::Error, "policy-open-issuer", rule.at, message);
    }
    let named = [("identity", &rule.identity), ("issuer", &rule.issuer)];
    let claims = rule.extensions.iter().map(|(claim, require)| (claim.name(), require));
    for (what, require) in named.into_iter().chain(claims) {
        match require {
            Require::Matches(expression) if has_bare_dot(&expression.to_string()) => {
                let message = format!("{name}: the dot in {what} {expression} stands for any character; write \\.");
                lints.say(Level::Error, "policy-unescaped-dot", rule.at, message);
            }
            Require::Exactly(text) if text.contains('*') => {
                let message = format!("{name}: the star in {what} {text} is a star; for a pattern use matches");
                lints.say(Level::Error, "policy-literal-star", rule.at, message);
            }
            _ => {}
        }
    }
}

fn takes(require: &Require, any_of: &[&str]) -> bool {
    any_of.iter().any(|text| require.accepts(text))
}

/// A dot between letters or digits, as in a host name, that is neither escaped nor repeated nor in a class.
fn has_bare_dot(expression: &str) -> bool {
    let chars: Vec<char> = expression.chars().collect();
    let mut class = false;
    let mut escaped = false;
    for (n, c) in chars.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '.' if !class => {
                let word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_alphanumeric);
                if word(n.checked_sub(1)) && word(Some(n + 1)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_dots() {
        for (expression, expected) in [
            (r"https://github\.com/acme/.*", false),
            (r"https://github.com/acme/.*", true),
            (r"[a-z.]+@acme\.com", false),
            (r"v1\..+", false),
            (r"release.yml", true),
        ] {
            assert_eq!(has_bare_dot(expression), expected, "{expression}");
        }
    }
}
