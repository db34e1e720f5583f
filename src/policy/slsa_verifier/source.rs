//! Source repositories as slsa-verifier compares them: letter by letter, after a scheme is put before them.

use crate::policy::slsa_verifier::Refusal;

/// The one host of workflows.
const GITHUB: &str = "git+https://github.com/";

/// A URI with `git+` and a scheme: `github.com/o/r` and `https://github.com/o/r` become `git+https://github.com/o/r`.
pub fn normalize(uri: &str) -> String {
    if uri.starts_with("git+") {
        return uri.to_owned();
    }
    if uri.contains("://") { format!("git+{uri}") } else { format!("git+https://{uri}") }
}

/// A URI and the ref behind its first `@`, empty when there is none.
pub fn split_ref(uri: &str) -> (&str, &str) {
    uri.split_once('@').unwrap_or((uri, ""))
}

/// The expected source is the certificate's repository.
///
/// # Errors
/// `ErrorMismatchSource`.
pub(super) fn is_certificates(expected: &str, repository: &str) -> Result<(), Refusal> {
    let text = expected.strip_prefix("git+https://").unwrap_or(expected);
    let text = text.strip_prefix("github.com/").unwrap_or(text);
    if text == repository {
        return Ok(());
    }
    Err(Refusal::differs("ErrorMismatchSource", "source-uri-mismatch", expected, repository))
}

/// Whether a source must name a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceNames {
    /// It must, and the very one that triggered.
    TheTrigger,
    /// It may be without: delegators and the npm command line once left it out.
    ARepository,
}

/// The expected source triggered the build and was its source.
///
/// # Errors
/// `ErrorMalformedURI`, `ErrorMismatchSource`, `ErrorInvalidDssePayload`.
pub fn check(expected: &str, trigger: &str, source: &str, names: SourceNames) -> Result<(), Refusal> {
    let expected = normalize(expected);
    if !expected.starts_with(GITHUB) {
        let message = format!("expected a repository on github.com, found {expected:?}");
        return Err(Refusal::new("ErrorMalformedURI", "policy-source-uri", message));
    }
    let malformed = |what: &str, found: &str| {
        let message = format!("{what}: expected a git repository with a ref, found {found:?}");
        Refusal::new("ErrorMalformedURI", "predicate-field-missing", message)
    };
    let differs = |found: &str| Refusal::differs("ErrorMismatchSource", "source-uri-mismatch", &expected, found);
    let (trigger, source) = (normalize(trigger), normalize(source));
    let (trigger_uri, trigger_ref) = split_ref(&trigger);
    if trigger_uri != expected {
        return Err(differs(trigger_uri));
    }
    if trigger_ref.is_empty() {
        return Err(malformed("trigger", &trigger));
    }
    let (source_uri, source_ref) = split_ref(&source);
    if source_uri != expected {
        return Err(differs(source_uri));
    }
    if names == SourceNames::ARepository && source_ref.is_empty() {
        return Ok(());
    }
    if source_ref.is_empty() {
        return Err(malformed("source", &source));
    }
    if trigger != source {
        let message = format!("expected one source, found {trigger:?} and {source:?}");
        return Err(Refusal::new("ErrorInvalidDssePayload", "predicate-inconsistent", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_put_before() {
        for (uri, expected) in [
            ("", "git+https://"),
            ("https://h/o/r@x", "git+https://h/o/r@x"),
            ("http://h/o/r", "git+http://h/o/r"),
            ("git+https://h/o/r", "git+https://h/o/r"),
            ("h/o/r@x", "git+https://h/o/r@x"),
            ("git+h/o/r", "git+h/o/r"),
        ] {
            assert_eq!(normalize(uri), expected, "{uri}");
        }
    }

    #[test]
    fn sources_are_compared_letter_by_letter() {
        let repo = |uri: &str| is_certificates(uri, "o/r").map_err(|refusal| refusal.sentinel);
        assert_eq!([repo("github.com/o/r"), repo("git+https://github.com/o/r"), repo("o/r")], [Ok(()), Ok(()), Ok(())]);
        for bad in
            ["https://github.com/o/r", "github.com/o/r/", "github.com/o/r.git", "github.com/O/r", "Agithub.com/o/r"]
        {
            assert_eq!(repo(bad), Err("ErrorMismatchSource"), "{bad}");
        }
        let here = "git+https://github.com/o/r";
        let at = |full_ref: &str| format!("{here}@{full_ref}");
        let verdict = |trigger: &str, source: &str, names| {
            check("github.com/o/r", trigger, source, names).map_err(|refusal| refusal.sentinel)
        };
        use SourceNames::ARepository;
        use SourceNames::TheTrigger;
        let main = at("refs/heads/main");
        assert_eq!(verdict(&main, &main, TheTrigger), Ok(()));
        assert_eq!(verdict(&main, here, ARepository), Ok(()));
        assert_eq!(verdict(&main, here, TheTrigger), Err("ErrorMalformedURI"));
        assert_eq!(verdict(here, &main, ARepository), Err("ErrorMalformedURI"));
        for names in [ARepository, TheTrigger] {
            assert_eq!(verdict(&main, &at("refs/heads/x"), names), Err("ErrorInvalidDssePayload"));
        }
        assert_eq!(
            verdict(&main, "git+https://github.com/o/x@refs/heads/main", TheTrigger),
            Err("ErrorMismatchSource")
        );
        assert_eq!(verdict("git+https://github.com/o/x@y", &main, TheTrigger), Err("ErrorMismatchSource"));
        assert_eq!(check("o/r", &main, &main, TheTrigger).unwrap_err().sentinel, "ErrorMalformedURI");
        assert_eq!(check("gitlab.com/o/r", &main, &main, TheTrigger).unwrap_err().sentinel, "ErrorMalformedURI");
    }
}
