//! Source repository URIs: the many spellings of one repository.

/// Hosts that take the letter case of owner and repository for the same.
const CASELESS_HOSTS: &[&str] = &["bitbucket.org", "github.com", "gitlab.com"];

/// A repository URI taken apart, with the ref that some builders write behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceUri {
    scheme: String,
    host: String,
    path: String,
    /// The ref behind `@` or `#`, if there is one.
    pub git_ref: Option<String>,
}

impl SourceUri {
    /// Reads `git+https://host/path@ref`, `https://host/path.git#ref`, and what people type: `host/path`. The scheme may be
    /// left out, then it is https; `git+`, a final `.git`, a final slash and the letter case of the host say nothing.
    /// None for anything else: user names, queries, an empty path, a path of one part.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("git+").unwrap_or(text);
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let scheme = scheme.to_ascii_lowercase();
        if !["https", "http", "ssh", "git"].contains(&scheme.as_str()) {
            return None;
        }
        let (host, path) = rest.split_once('/')?;
        let (path, git_ref) = match path.split_once(['@', '#']) {
            Some((path, git_ref)) => (path, Some(git_ref).filter(|text| !text.is_empty())),
            None => (path, None),
        };
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let plain = |text: &str| text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"?\\".contains(c));
        let part = |part: &str| !part.is_empty() && part != "." && part != "..";
        let host_ok = host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c));
        if !host_ok || !plain(path) || !path.contains('/') || !path.split('/').all(part) {
            return None;
        }
        let (host, path, git_ref) = (host.to_ascii_lowercase(), path.to_owned(), git_ref.map(str::to_owned));
        Some(Self { scheme, host, path, git_ref })
    }

    /// `git+https://host/path`, without a ref.
    pub fn canonical(&self) -> String {
        format!("git+{}://{}/{}", self.scheme, self.host, self.path)
    }

    /// The host, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a workflow's URI, `https://host/path/FILE@REF`, lies in this repository.
    pub fn holds(&self, workflow: &str) -> bool {
        let name = workflow.split_once('@').map_or(workflow, |(name, _)| name);
        // GitLab writes two slashes between project and file.
        let mut at = name.match_indices('/').map(|(at, _)| at);
        at.any(|at| {
            let (path, rest) = name.split_at(at);
            rest.len() > 1 && Self::parse(path).is_some_and(|found| found.same_repository(self))
        })
    }

    /// Whether two URIs name one repository. Refs are not compared.
    pub fn same_repository(&self, other: &Self) -> bool {
        let path = if CASELESS_HOSTS.contains(&self.host.as_str()) {
            self.path.eq_ignore_ascii_case(&other.path)
        } else {
            self.path == other.path
        };
        (&self.scheme, &self.host, path) == (&other.scheme, &other.host, true)
    }
}

/// Whether two texts are the same, or name the same repository.
pub fn same(one: &str, other: &str) -> bool {
    one == other
        || matches!((SourceUri::parse(one), SourceUri::parse(other)), (Some(a), Some(b)) if a.git_ref == b.git_ref && a.same_repository(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository() {
        let canonical = SourceUri::parse("github.com/acme/app").unwrap();
        for text in [
            "https://github.com/acme/app",
            "https://github.com/acme/app.git",
            "git+https://github.com/acme/app/",
            "git+https://GitHub.com/Acme/App@refs/tags/v1",
            "https://github.com/acme/app.git#refs/heads/main",
        ] {
            let parsed = SourceUri::parse(text).unwrap();
            assert!(parsed.same_repository(&canonical), "{text}");
        }
        assert_eq!(
            SourceUri::parse("git+https://github.com/a/b@refs/tags/v1").unwrap().git_ref.unwrap(),
            "refs/tags/v1"
        );
        assert_eq!(canonical.canonical(), "git+https://github.com/acme/app");
    }

    #[test]
    fn others_are_others() {
        let canonical = SourceUri::parse("github.com/acme/app").unwrap();
        for text in [
            "github.com/acme/app2",
            "github.com.evil.example/acme/app",
            "http://github.com/acme/app",
            "gitlab.com/acme/app",
        ] {
            assert!(!SourceUri::parse(text).unwrap().same_repository(&canonical), "{text}");
        }
        let one = SourceUri::parse("git.example.com/a/b").unwrap();
        assert!(!SourceUri::parse("git.example.com/A/b").unwrap().same_repository(&one));
        for bad in [
            "",
            "acme/app",
            "github.com/acme",
            "github.com//app",
            "https://user@github.com/a/b",
            "file:///a/b",
            "github.com/a/b?x",
            "github.com/a/../b",
            "github.com/a b/c",
            "https://github.com/a/b/..",
        ] {
            assert_eq!(SourceUri::parse(bad), None, "{bad:?}");
        }
    }
}
