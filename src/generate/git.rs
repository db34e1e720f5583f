//! What a git checkout says about itself, and the one spelling of a repository's address.

/// Facts about a checkout. `workspace` reads them, [`crate::generate::local`] turns them into provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitFacts {
    /// HEAD, 40 or 64 hexadecimal digits; `None` before the first commit.
    pub commit: Option<String>,
    /// The tree of HEAD.
    pub tree: Option<String>,
    /// `refs/heads/main`; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// `refs/tags/v1.2.3`: the tags whose peeled target is HEAD, sorted.
    pub tags: Vec<String>,
    /// The remote, as [`normalise_remote`] spells it.
    pub remote: Option<String>,
    /// Whether the files are those of HEAD.
    pub dirty: Dirty,
    /// Whether history was cut off when cloning, so that tags and ancestry may be missing.
    pub shallow: bool,
    /// Submodules, sorted by path.
    pub submodules: Vec<Submodule>,
}

/// Whether the files of a checkout are those of its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dirty {
    /// They are.
    Clean,
    /// They are not: tracked files were changed, or there are files that are neither tracked nor ignored.
    Changed {
        /// How many paths differ.
        paths: usize,
    },
}

/// A repository inside a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submodule {
    /// Path inside the checkout.
    pub path: String,
    /// Its remote, as [`normalise_remote`] spells it.
    pub uri: Option<String>,
    /// The commit that HEAD pins, 40 or 64 hexadecimal digits.
    pub commit: Option<String>,
}

/// Longest remote address read, in bytes.
const MAX_REMOTE: usize = 4096;

/// Hosts that serve git over SSH on another port, and the host they do it for (as the three services document).
const SSH_HOSTS: &[(&str, &str)] =
    &[("altssh.bitbucket.org", "bitbucket.org"), ("altssh.gitlab.com", "gitlab.com"), ("ssh.github.com", "github.com")];

/// The one spelling of a repository's address: `git+https://host/owner/repository`, or `git+http://…` for plain HTTP.
///
/// User names, passwords, tokens, query and fragment are dropped; so are `.git`, surplus slashes, default ports, and the
/// ports of `ssh` and `git`, which belong to the transport. The host is lower-cased, the path is not. `None` for whatever
/// names no repository on a server (a path on somebody's machine must not get into provenance) and for whatever cannot be
/// read without doubt, such as an `@` after the host: it may be the end of a password that holds a slash. Idempotent.
pub fn normalise_remote(raw: &str) -> Option<String> {
    let raw = raw.trim();
    let odd = |b: u8| b.is_ascii_control() || b == b' ' || b == b'\\';
    if raw.len() > MAX_REMOTE || raw.bytes().any(odd) {
        return None;
    }
    match raw.split_once("://") {
        Some((scheme, rest)) => from_url(&scheme.to_ascii_lowercase(), rest),
        None => from_scp(raw),
    }
}

fn from_url(scheme: &str, rest: &str) -> Option<String> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let (host, port) = host_and_port(authority.rsplit_once('@').map_or(authority, |(_, host)| host))?;
    match (scheme, port) {
        ("https" | "git+https", None | Some(443)) => spell("https", &host, after),
        ("https" | "git+https", Some(port)) => spell("https", &format!("{host}:{port}"), after),
        ("http" | "git+http", None | Some(80)) => spell("http", &host, after),
        ("http" | "git+http", Some(port)) => spell("http", &format!("{host}:{port}"), after),
        ("ssh" | "git+ssh" | "ssh+git", _) => spell("https", web_host(&host), after),
        ("git", _) => spell("https", &host, after),
        _ => None,
    }
}

/// `[user@]host:path`, as git and scp read it.
fn from_scp(raw: &str) -> Option<String> {
    let (authority, path) = raw.split_once(':')?;
    let (host, port) = host_and_port(authority.rsplit_once('@').map_or(authority, |(_, host)| host))?;
    // One letter is a drive of Windows, two colons are a transport helper of git.
    if port.is_some() || host.len() == 1 || path.starts_with(':') {
        return None;
    }
    spell("https", web_host(&host), path)
}

fn web_host(host: &str) -> &str {
    SSH_HOSTS.iter().find(|(ssh, _)| *ssh == host).map_or(host, |(_, web)| web)
}

fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        // The last colon of a bracketed IPv6 address is not that of a port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let address = |b: u8| b.is_ascii_hexdigit() || b":.".contains(&b);
    let well_formed = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => inner.contains(':') && inner.bytes().all(address),
        None => !host.is_empty() && host.bytes().all(name),
    };
    let port = match port {
        Some("") | None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    well_formed.then(|| (host.to_ascii_lowercase(), port))
}

fn spell(scheme: &str, host: &str, after: &str) -> Option<String> {
    if after.contains('@') {
        return None;
    }
    let path = after.split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    if segments.iter().any(|s| *s == "." || *s == "..") {
        return None;
    }
    while let Some(last) = segments.pop() {
        let bare = last.trim_end_matches(".git");
        if !bare.is_empty() {
            segments.push(bare);
            break;
        }
    }
    if segments.is_empty() || !segments.iter().all(|s| escapes_are_whole(s)) {
        return None;
    }
    let path = segments.iter().map(|s| escape(s)).collect::<Vec<_>>().join("/");
    Some(format!("git+{scheme}://{host}/{path}"))
}

/// Every `%` begins an escape of RFC 3986 §2.1.
fn escapes_are_whole(segment: &str) -> bool {
    let hex = |text: &str| text.len() >= 2 && text.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    segment.split('%').skip(1).all(hex)
}

/// Escapes the bytes that a path segment of RFC 3986 §3.3 may not hold.
fn escape(segment: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&b);
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|d| char::from_digit(d.into(), 16).unwrap_or('0'));
            out.extend(['%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_one_repository_is_one_uri() {
        for raw in [
            "git@github.com:acme/App.git",
            "github.com:acme/App",
            "git@GitHub.com:/acme/App.git/",
            "ssh://git@github.com:22/acme/App.git",
            "ssh://git@ssh.github.com:443/acme/App.git",
            "git+ssh://git@github.com/acme/App.git",
            "https://github.com/acme/App",
            "https://GITHUB.com:443//acme//App.git//",
            "HTTPS://github.com/acme/App.git?ref=main#readme",
            "git+https://github.com/acme/App",
            "git://github.com/acme/App.git",
            "git://github.com:9418/acme/App.git",
            "  https://github.com/acme/App.git\n",
            "https://github.com/acme/App/.git",
        ] {
            assert_eq!(normalise_remote(raw).as_deref(), Some("git+https://github.com/acme/App"), "{raw}");
        }
    }

    #[test]
    fn what_belongs_to_the_address_is_kept() {
        for (raw, expected) in [
            ("http://git.example.com/a/b.git", "git+http://git.example.com/a/b"),
            ("http://git.example.com:80/a/b.git", "git+http://git.example.com/a/b"),
            ("https://git.example.com:8443/a/b/c.git", "git+https://git.example.com:8443/a/b/c"),
            ("git@git.sr.ht:~me/repo", "git+https://git.sr.ht/~me/repo"),
            ("https://[2001:DB8::1]:8443/a", "git+https://[2001:db8::1]:8443/a"),
            ("https://[2001:db8::1]/a", "git+https://[2001:db8::1]/a"),
            ("https://example.com/a%20b/é", "git+https://example.com/a%20b/%C3%A9"),
        ] {
            assert_eq!(normalise_remote(raw).as_deref(), Some(expected), "{raw}");
        }
    }

    #[test]
    fn credentials_never_survive() {
        for raw in [
            "https://user:secret@github.com/acme/app.git/",
            "https://secret@github.com/acme/app",
            "https://user:s%40secret@github.com/acme/app",
            "https://user@corp:secret@github.com/acme/app",
            "ssh://secret:secret@github.com/acme/app",
            "http://x-token:secret@github.com:80/acme/app",
            "https://github.com/acme/app?token=secret",
            "https://github.com/acme/app#secret",
        ] {
            let uri = normalise_remote(raw).unwrap();
            assert!(uri.ends_with("://github.com/acme/app"), "{raw}: {uri}");
        }
        // An `@` after what looks like the host: part of a password may stand before it.
        for raw in [
            "https://user:1/secret@github.com/acme/app",
            "https://secret?x@github.com/acme/app",
            "https://secret/x#y@github.com/acme/app",
            "user:secret@github.com:acme/app",
        ] {
            assert_eq!(normalise_remote(raw), None, "{raw}");
        }
    }

    #[test]
    fn what_names_no_server_is_none() {
        for raw in [
            "",
            ".",
            "..",
            "../app",
            "/home/me/app",
            "./a:b",
            "app.git",
            "~/app",
            "file:///home/me/app",
            "C:\\src\\app",
            "c:/src/app",
            "https://",
            "https:///app",
            "https://github.com",
            "https://github.com/",
            "https://github.com/.git",
            "https://github.com:99999/a",
            "https://github.com:x/a",
            "https://git hub.com/a/b",
            "https://github.com/a/../b",
            "https://example.com/a%2",
            "https://example.com/%zz",
            "https://[::1/a",
            "https://exämple.com/a",
            "ext::sh",
            "codecommit::eu-central-1://app",
            "ftp://example.com/a",
            "data:text/plain,x y",
            "git@:app",
            "host:",
        ] {
            assert_eq!(normalise_remote(raw), None, "{raw}");
        }
        assert_eq!(normalise_remote(&format!("https://example.com/{}", "a".repeat(MAX_REMOTE))), None);
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(raw in "(https://|ssh://|http://|git://|git@|)[A-Za-z0-9@:/.%?#~é-]{0,40}") {
            if let Some(once) = normalise_remote(&raw) {
                prop_assert_eq!(normalise_remote(&once), Some(once));
            }
        }

        #[test]
        fn an_address_never_holds_userinfo(raw in "\\PC{0,60}") {
            if let Some(uri) = normalise_remote(&raw) {
                prop_assert!(!uri.contains('@') && uri.is_ascii());
            }
        }
    }
}
